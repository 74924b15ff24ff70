"""The intervals agree with the worked numbers of the KPI specification, part 4."""

from __future__ import annotations

from math import comb
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.kpis import intervals


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 20, 0.0, 16.1),
        (41, 50, 69.2, 90.2),
        (3, 3, 43.9, 100.0),
        (14, 200, 4.2, 11.4),
        (1, 4, 4.6, 69.9),
        (180, 200, 85.1, 93.4),
    ],
)
def test_a_share_has_wilsons_interval(hits: int, n: int, low: float, high: float) -> None:
    assert [round(100 * bound, 1) for bound in intervals.wilson(hits, n)] == [low, high]


@pytest.mark.parametrize(
    ("promoters", "detractors", "n", "low", "high"),
    [
        (50, 20, 100, 14.05, 44.20),
        (6, 1, 10, -0.2, 77.1),
        (10, 0, 10, 47.5, 100.0),
        (400, 250, 1000, 10.05, 19.86),
    ],
)
def test_a_promoter_score_has_the_adjusted_interval(
    promoters: int, detractors: int, n: int, low: float, high: float
) -> None:
    told = intervals.net_promoter(promoters, detractors, n)
    assert told == (pytest.approx(low, abs=0.05), pytest.approx(high, abs=0.05))


def test_a_mean_has_students_interval() -> None:
    assert intervals.mean(50, 12, 5) == (pytest.approx(35.1, abs=0.05), pytest.approx(64.9, abs=0.05))


def test_a_single_answer_has_no_interval_of_its_mean() -> None:
    assert intervals.mean(4, 0, 1) is None


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (1000, 1.962)]
)
def test_students_quantiles_are_those_of_the_printed_table(freedom: int, quantile: float) -> None:
    assert intervals.student_t(freedom) == pytest.approx(quantile, rel=0.003)


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_within_its_interval_and_that_within_0_and_1(case: tuple[int, int]) -> None:
    low, high = intervals.wilson(*case)
    assert 0 <= low <= case[0] / case[1] <= high <= 1


@given(st.lists(st.integers(1, 5), min_size=2, max_size=50))
def test_a_mean_lies_within_its_interval(scores: list[int]) -> None:
    told = intervals.mean(mean(scores), stdev(scores), len(scores))
    assert told is not None
    assert told.low <= mean(scores) <= told.high


@pytest.mark.parametrize(("hits", "n", "low"), [(1, 44, 0.000228), (20, 20, 0.794328), (14, 200, 0.034454)])
def test_a_limit_that_is_surely_passed_is_exact(hits: int, n: int, low: float) -> None:
    """Where it is so much, chance alone brings as many hits in 1 of 100 cases."""
    found = intervals.at_least(hits, n)
    by_chance = 1 - sum(comb(n, k) * found**k * (1 - found) ** (n - k) for k in range(hits))
    assert by_chance == pytest.approx(0.01, rel=1e-6)
    assert found == pytest.approx(low, rel=0.01)
