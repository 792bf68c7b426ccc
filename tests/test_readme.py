"""Every command that the README shows is one that the command line takes."""

import re
import shlex
from pathlib import Path

import pytest

from tuner.cli import parse
from tuner.config.compose import compose

ROOT = Path(__file__).parents[1]


def fenced_commands():
    """The shell commands of the README's fenced blocks; a prompt, comments and continued lines are taken care of."""
    blocks = re.findall(
        r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    commands = [re.sub(r"^\$ ", "", line.strip()) for line in lines]
    return [c for c in commands if re.match(r"([\w./-]*python[\d.]* -m tuner|tuner|make) ", c)]


COMMANDS = fenced_commands()


def test_the_readme_shows_how_to_begin():
    assert "make sweep" in {" ".join(c.split()[:2]) for c in COMMANDS}
    assert any("-m tuner sweep llm" in c for c in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith("make ")])
def test_a_command_of_the_readme_is_understood(command):
    words = shlex.split(command, comments=True)
    options = parse(words[words.index("tuner") + 1 :])
    if hasattr(options, "task"):
        compose(options.task, [o for o in options.overrides if not o.startswith("deploy=")])


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_make_target_of_the_readme_exists(command):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    words = [w for w in shlex.split(command, comments=True)[1:] if "=" not in w]
    assert set(words) <= set(targets)
