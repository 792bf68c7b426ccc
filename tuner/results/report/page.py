"""A report as one HTML file that needs nothing else: no script, style or image from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template

from tuner.results.report.blocks import Block, Code, Columns, Heading, Paragraph, Plot, Table, Verdict


def page(title: str, subtitle: str, blocks: Iterable[Block]) -> str:
    """The whole document."""
    template = Template(files("tuner.results.report").joinpath("page.html").read_text(encoding="utf-8"))
    body = "\n".join(_block(block) for block in blocks)
    return template.substitute(title=escape(title), subtitle=escape(subtitle), body=body)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Verdict(text, tone, figures):
            cards = "".join(_card(*figure) for figure in figures)
            return f'<div class="verdict {escape(tone)}"><p>{escape(text)}</p><div class="figures">{cards}</div></div>'
        case Columns(groups):
            inner = "".join(f"<div>{''.join(_block(part) for part in group)}</div>" for group in groups)
            return f'<div class="columns">{inner}</div>'
        case Table():
            return _table(block)
        case Plot(_, svg, caption):
            return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        case Code(text, folded):
            code = f"<pre>{escape(text.rstrip())}</pre>"
            return code if not folded else f"<details><summary>{escape(folded)}</summary>{code}</details>"


def _card(label: str, value: str, remark: str) -> str:
    return f"<div><span>{escape(label)}</span><strong>{escape(value)}</strong><span>{escape(remark)}</span></div>"


def _table(table: Table) -> str:
    sortable = ' class="sortable"' if table.keys else ""
    names = [escape(name).replace("_", "_<wbr>") for name in table.head]
    head = "".join(f"<th{_align(table, place)}>{name}</th>" for place, name in enumerate(names))
    keys = table.keys or [()] * len(table.rows)
    rows = "".join(
        _row(table, number, row, key) for number, (row, key) in enumerate(zip(table.rows, keys, strict=True))
    )
    shown = f"<thead><tr>{head}</tr></thead>" if any(table.head) else ""
    return f'<div class="scroll"><table{sortable}>{shown}<tbody>{rows}</tbody></table></div>'


def _row(table: Table, number: int, row: Sequence[str], keys: Sequence[float | None]) -> str:
    cells = []
    for place, cell in enumerate(row):
        key = keys[place] if place < len(keys) else None
        sort = "" if key is None else f' data-key="{key!r}"'
        cells.append(f"<td{_align(table, place)}{sort}>{escape(cell)}</td>")
    return f"<tr{' class=marked' if number == table.marked else ''}>{''.join(cells)}</tr>"


def _align(table: Table, place: int) -> str:
    return "" if place in table.left else " class=number"
