"""JSON is read as Python's own module reads it, and what is written reads back the same."""

import json
import math
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_project import json_text

NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """All that JSON holds, with these texts."""
    return st.recursive(
        st.none() | st.booleans() | NUMBERS | texts,
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    )


def outcome(read: Any, text: str | bytes) -> Any:
    """What comes of reading a text: a value, or the kind of refusal."""
    try:
        return repr(read(text))  # tells 1 from 1.0 and from True, and NaN is itself
    except (ValueError, RecursionError) as error:
        return isinstance(error, ValueError)


@given(values(st.text()), st.booleans())
def test_what_python_wrote_is_read_as_python_reads_it(value: Any, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    for given_text in (text, text.encode(errors="surrogatepass")):
        assert outcome(json_text.read, given_text) == outcome(json.loads, given_text)


@given(st.text() | st.binary())
def test_whatever_it_is_both_say_the_same(text: str | bytes) -> None:
    assert outcome(json_text.read, text) == outcome(json.loads, text)


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551616", "-9223372036854775809", "1" * 40, "0." + "1" * 40, "1e400",
        "NaN", "-Infinity", '"\\ud800"', '{"a":1,"a":2}', "\ufeff{}", "", "[", "01", "-0", "-0.0",
        "[" * 2_000, "1" * 5_000,
    ],
)  # fmt: skip
def test_odd_texts_are_read_the_same(text: str) -> None:
    for given_text in (text, text.encode(errors="surrogatepass"), text.encode("utf-16")):
        assert outcome(json_text.read, given_text) == outcome(json.loads, given_text)


@given(values(TEXTS))
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    assert repr(json.loads(json_text.written(value))) == repr(value)


def test_ids_are_written_as_text() -> None:
    id_ = uuid4()
    for value in ({"id": id_}, {"id": id_, "n": 2**64}):
        assert json.loads(json_text.written(value))["id"] == str(id_)


def test_half_a_character_is_written_as_python_writes_it() -> None:
    assert json_text.written({"a": "\ud800"}) == b'{"a":"\\ud800"}'


def test_what_no_number_is_becomes_none() -> None:
    assert json_text.written([math.nan, math.inf]) == b"[null,null]"
