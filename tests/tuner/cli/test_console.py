import json
import subprocess
import sys

from tuner.cli.console import Console

NOISY = """
import ctypes, os, subprocess, sys
from tuner.cli.console import Console
with Console(json_wanted={wanted}) as console:
    print("python")
    sys.stdout.flush()
    os.write(1, b"descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    console.print("table")
    console.emit({{"a": float("nan"), "b": (1, 2), "c": None, "d": "ü", "e": 1.5}})
print("after")
"""


def noisy(wanted):
    code = NOISY.format(wanted=wanted)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_with_json_nothing_else_reaches_standard_output():
    result = noisy(True)
    document, after = result.stdout.rsplit("after", 1)
    assert json.loads(document) == {"a": None, "b": [1, 2], "c": None, "d": "ü", "e": 1.5}
    assert after == "\n"
    assert {"python", "descriptor", "child", "table"} <= set(result.stderr.split())


def test_without_json_there_is_no_document():
    result = noisy(False)
    assert result.stdout.split() == ["python", "descriptor", "child", "table", "after"]
    assert result.stderr == ""


def test_a_captured_standard_output_works_too(capsys):
    with Console(json_wanted=True) as console:
        print("noise")
        console.emit({"a": 1})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert captured.err == "noise\n"
