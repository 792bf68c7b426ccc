"""A report as Markdown, with its plots as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tuner.results.report.blocks import Block, Code, Columns, Heading, Paragraph, Plot, Table, Verdict

PLOT_FOLDER = "plots"


def markdown(title: str, blocks: Iterable[Block]) -> str:
    """The whole document."""
    return "\n\n".join([f"# {escaped(title)}", *(_block(block) for block in blocks)]) + "\n"


def escaped(text: str) -> str:
    """`text` on one line, with everything that Markdown or HTML would take as markup made literal."""
    literal = re.sub(r"([\\`*_\[\]|#~])", r"\\\1", " ".join(text.split()))
    return literal.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {escaped(text)}"
        case Paragraph(text):
            return escaped(text)
        case Verdict(text, _, figures):
            rows = [(label, value, remark) for label, value, remark in figures]
            return "\n\n".join(
                [f"**{escaped(text)}**", *([_table(("", "winner", ""), rows, frozenset({0, 2}))] if rows else [])]
            )
        case Columns(groups):
            return "\n\n".join(_block(part) for group in groups for part in group)
        case Table(head, rows, left):
            return _table(head, rows, left)
        case Plot(name, _, caption):
            return f"![{escaped(caption)}]({PLOT_FOLDER}/{name}.svg)\n\n{escaped(caption)}"
        case Code(text, folded):
            return _code(text, folded)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: frozenset[int]) -> str:
    rule = ["---" if place in left else "---:" for place in range(len(head))]
    lines = [[escaped(cell) for cell in head], rule, *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str, folded: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    block = f"{fence}\n{text.rstrip()}\n{fence}"
    return block if not folded else f"<details><summary>{escaped(folded)}</summary>\n\n{block}\n\n</details>"
