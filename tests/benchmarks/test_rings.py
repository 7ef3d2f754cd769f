"""The judge of the benchmarks: what the call service heard against what was wanted."""

import json
import math

import pytest

from benchmarks.rings import Ring, by_number, judge, median, percentile

DUE = 1_000.0


def rings(*heard: tuple[int, float]) -> list[Ring]:
    """Rings of numbered calls, so many seconds after the due second."""
    return [Ring(DUE + late, number) for number, late in heard]


def test_a_call_that_never_rang_is_lost() -> None:
    verdict = judge(rings((0, 0.1), (2, 0.2)), dict.fromkeys(range(3), DUE))
    assert (verdict.lost, verdict.duplicates, verdict.rings) == (1, 0, 2)


def test_every_ring_after_the_first_is_a_duplicate() -> None:
    verdict = judge(rings((0, 0.1), (0, 0.5), (0, 0.7), (1, 0.2)), dict.fromkeys(range(2), DUE))
    assert (verdict.lost, verdict.duplicates) == (0, 2)


def test_lateness_is_that_of_the_first_ring_whatever_the_order_of_the_log() -> None:
    verdict = judge(rings((0, 0.5), (1, 0.3), (0, 0.1)), dict.fromkeys(range(2), DUE))
    assert verdict.lateness == pytest.approx([0.1, 0.3])
    assert verdict.last == DUE + 0.5


def test_rings_before_their_time_and_for_nobody_are_counted() -> None:
    verdict = judge(rings((0, -0.1), (7, 0.1)), {0: DUE})
    assert (verdict.early, verdict.strange, verdict.lost) == (1, 1, 0)


def test_nothing_heard_is_no_lateness() -> None:
    verdict = judge([], {0: DUE})
    assert verdict.lost == 1
    assert math.isnan(percentile(verdict.lateness, 99))


def test_the_log_is_read_by_the_number_in_each_body() -> None:
    body = json.dumps({"metadata": {"n": 5}})
    log = json.dumps({"at": 12.5, "path": "/run/d0/calls", "body": body}).encode() + b"\n"
    assert by_number(log) == [Ring(12.5, 5)]


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (50, 50), (95, 95), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    percent: float, expected: float
) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_a_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([3.0], 99) == 3.0
    assert percentile([1.0, 2.0], 50) == 1.0


def test_the_median_leaves_out_what_was_not_measured() -> None:
    assert median([1.0, math.nan, 3.0]) == 2.0
    assert math.isnan(median([math.nan]))
