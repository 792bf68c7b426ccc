"""The signatures that the adapter is written against: the stand-in has them, and the real repository still does."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.cosyvoice.repository import ENVIRONMENT
from tests.engines.cosyvoice.stand_in import SIGNATURES, write_repository

RECORDED = [(file, name, said) for file, names in SIGNATURES.items() for name, said in names.items()]


def signatures(file: Path) -> dict[str, str]:
    """Name → parameters of every function, read without importing anything."""
    return dict(_walk(ast.parse(file.read_text(encoding="utf-8")), ""))


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _walk(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            given = child.args
            names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            names += [f"**{given.kwarg.arg}"] if given.kwarg else []
            yield prefix + child.name, " ".join(names)


@pytest.mark.parametrize(("file", "name", "said"), RECORDED)
def test_the_real_repository_has_them(file: str, name: str, said: str) -> None:
    if not os.environ.get(ENVIRONMENT):
        pytest.skip(f"{ENVIRONMENT} names no repository")
    assert signatures(Path(os.environ[ENVIRONMENT]) / file)[name] == said


def test_the_stand_in_has_them(tmp_path: Path) -> None:
    found = signatures(write_repository(tmp_path) / "cosyvoice/cli/cosyvoice.py")
    recorded = SIGNATURES["cosyvoice/cli/cosyvoice.py"]
    assert {name: found[name] for name in recorded} == recorded
    fronts = {name.replace("FrontEnd", "CosyVoiceFrontEnd"): said for name, said in found.items()}
    recorded = SIGNATURES["cosyvoice/cli/frontend.py"]
    assert {name: fronts[name] for name in recorded} == recorded
