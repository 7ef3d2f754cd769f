"""The benchmarks' table: medians over the runs, ratios of medians."""

import json
import math

import pytest

from benchmarks.report import Row, medians, ratio, table


def rows(contestant: str, *values: float) -> list[Row]:
    """Runs of one contestant."""
    return [
        Row("spike", "10 at once", contestant, run, {"calls_per_s": value})
        for run, value in enumerate(values)
    ]


def test_one_bad_run_does_not_move_the_median() -> None:
    assert medians(rows("ours", 100, 1, 102)) == {"calls_per_s": 100}


def test_the_ratio_is_our_median_by_the_peers() -> None:
    text = table(rows("ours", 300, 300, 1) + rows("peer", 100, 100, 900))
    lines = {line.split("  ")[0]: line.split()[-1] for line in text.splitlines()}
    assert lines["ours"] == "300"
    assert lines["peer"] == "100"
    assert lines["ours / peer"] == "3"


@pytest.mark.parametrize(("ours", "peer"), [(1, 0), (math.nan, 1), (1, math.nan)])
def test_a_ratio_that_says_nothing_is_no_number(ours: float, peer: float) -> None:
    assert math.isnan(ratio(ours, peer))


def test_a_peer_that_failed_is_shown_without_numbers() -> None:
    failed = Row("spike", "10 at once", "peer", 0, {}, failures=["peer could not run"])
    text = table([*rows("ours", 300), failed])
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("peer")] == ["-"]


def test_a_row_is_a_line_of_json_even_with_values_that_are_no_numbers() -> None:
    line = rows("ours", math.nan)[0].line()
    assert "\n" not in line
    assert json.loads(line)["values"] == {"calls_per_s": None}


def test_where_nobody_else_was_measured_each_case_is_one_line() -> None:
    one = Row("reads", "list", "ours", 0, {"ms_p50": 12.0})
    other = Row("reads", "history", "ours", 0, {"ms_p50": 34.0})
    assert [line.split() for line in table([one, other]).splitlines()] == [
        ["reads", "runs", "ms", "p50"],
        ["list", "1", "12"],
        ["history", "1", "34"],
    ]
