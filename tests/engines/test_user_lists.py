from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.user_lists import json_lines, read_text
from search_spaces.errors import TunerError


@given(st.lists(st.text(max_size=9), max_size=5), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_whatever_json_can_say_is_one_entry_a_line(entries: list[str], end: str) -> None:
    """Also with U+2028 and its like, which end a line elsewhere."""
    text = "".join(json.dumps(entry, ensure_ascii=False) + end for entry in entries)
    assert [value for _, value in json_lines(text, "a", "a string", TunerError)] == entries


def test_a_line_that_is_not_json_is_said_by_its_number() -> None:
    with pytest.raises(TunerError, match="list, line 3 is not JSON") as caught:
        list(json_lines('1\n\n{"a"', "list", "an object", TunerError))
    assert caught.value.hint == "write an object a line"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("Grüße".encode("latin-1"))
    for path, complaint in (
        (tmp_path / "none", "there is no file of texts"), (tmp_path, "cannot read"), (tmp_path / "latin", "not UTF-8"),
    ):  # fmt: skip
        with pytest.raises(TunerError, match=complaint):
            read_text(path, "file of texts", "check it", TunerError)


def test_a_mark_of_the_byte_order_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\ufeffone", encoding="utf-8")
    assert read_text(tmp_path / "a", "file", "check it", TunerError) == "one"
