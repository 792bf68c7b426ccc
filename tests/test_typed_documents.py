"""How many functions take or give mappings of anything: `dict[str, Any]` says nothing to the reader or to mypy.

`python -m tests.test_typed_documents` prints the count by module.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CEILINGS = {"search_spaces": 2, "engines": 66, "tuner": 55}
"""How many there may be in each package, the boundary left out. It may only be lowered."""
BOUNDARY = "tuner/core/documents.py"
"""The one module whose business JSON data is."""
MAPPINGS = {"dict", "Mapping", "MutableMapping"}
ANYTHING = {"Any", "object"}


def loose(annotation: ast.expr | None) -> bool:
    """Whether a mapping of anything is part of the annotation."""
    return annotation is not None and any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in MAPPINGS
        and isinstance(node.slice, ast.Tuple)
        and isinstance(node.slice.elts[-1], ast.Name)
        and node.slice.elts[-1].id in ANYTHING
        for node in ast.walk(annotation)
    )


def functions(source: str) -> Iterator[tuple[str, bool]]:
    """Each function's name, and whether a mapping of anything goes into it or comes out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            annotations = [node.returns, *(a.annotation for a in arguments if a)]
            yield node.name, any(loose(a) for a in annotations)


def count() -> tuple[Counter[str], int]:
    """Loose functions by module, and how many functions there are."""
    found, total = Counter[str](), 0
    for file in sorted(f for room in CEILINGS for f in (ROOT / room).rglob("*.py")):
        told = list(functions(file.read_text(encoding="utf-8")))
        total += len(told)
        if any(bad for _, bad in told):
            found[file.relative_to(ROOT).as_posix()] = sum(bad for _, bad in told)
    return found, total


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("f(a: dict[str, Any]) -> None", True),
        ("f(*, a: 'int' = 1) -> Mapping[str, object] | None", True),
        ("f(**a: list[dict[str, Any]]) -> None", True),
        ("f(a: Mapping[str, float], b: list[Any]) -> dict[str, int]", False),
        ("f(a)", False),
    ],
)
def test_what_is_counted(signature: str, expected: bool) -> None:
    assert list(functions(f"def {signature}: ...")) == [("f", expected)]


@pytest.mark.parametrize("package", CEILINGS)
def test_there_are_no_more_than_before(package: str) -> None:
    found, _ = count()
    loose_ones = {module: n for module, n in found.items() if module.startswith(f"{package}/") and module != BOUNDARY}
    assert sum(loose_ones.values()) <= CEILINGS[package], f"type what you add; {package} has {loose_ones}"


if __name__ == "__main__":
    by_module, functions_in_all = count()
    for module, number in by_module.most_common():
        print(f"{number:4} {module}")
    print(f"{by_module.total()} of {functions_in_all} functions")
