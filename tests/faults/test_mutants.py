"""Each mutant still fits the code, and whoever is to notice it is still there."""

import ast
from pathlib import Path

import pytest

from devtools.console import Stopped
from devtools.mutants import changed, replaced, slow_motion_of
from tests.faults.mutants import MUTANTS, Change, Mutant, Played
from tests.faults.scenarios import SCENARIOS
from tests.system import ROOT


def named(mutant: Mutant) -> str:
    """The name in pytest's list."""
    return mutant.name


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_its_texts_are_found_once_and_what_it_makes_of_them_is_still_python(mutant: Mutant) -> None:
    for change in (*mutant.changes, *slow_motion_of(mutant.by)):
        text = (ROOT / change.file).read_text()
        broken = replaced(text, change)
        assert broken != text
        ast.parse(broken)


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_who_is_to_notice_it_is_there(mutant: Mutant) -> None:
    if isinstance(mutant.by, Played):
        assert mutant.by.scenario in SCENARIOS
        return
    file, _, name = mutant.by.node.partition("::")
    tests = {
        part.name
        for part in ast.parse((ROOT / file).read_text()).body
        if isinstance(part, ast.FunctionDef)
    }
    assert name.partition("[")[0] in tests


def test_names_are_not_used_twice() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", ["", "one and one"])
def test_a_text_that_is_not_there_exactly_once_is_an_error(text: str) -> None:
    with pytest.raises(Stopped, match="not once"):
        replaced(text, Change("some.py", "one", "two"))


def test_a_tree_is_as_it_was_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text("one, and other")
    twice = [Change("some.py", "one", "two"), Change("some.py", "other", "more")]
    with changed(tmp_path, twice):
        assert file.read_text() == "two, and more"
    assert file.read_text() == "one, and other"
    with pytest.raises(Stopped), changed(tmp_path, [*twice, Change("some.py", "none", "")]):
        raise AssertionError("it must not come to this")
    assert file.read_text() == "one, and other"
