"""The worked numbers of the statistics, and what five looks cost in false alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from runner.effect.statistics import better, p_of, people_needed, standing, z_of
from runner.effect.verdict import Plan, Verdict, judged
from runner.kpis.contrasts import Arm, is_broken, means, newcombe, together


@pytest.mark.parametrize(
    ("one", "other", "low", "high", "chance"),
    [
        ((230, 1000), (180, 1000), 0.0146, 0.0853, 0.99719),
        ((460, 9000), (40, 1000), -0.0036, 0.0226, 0.933),
        ((7, 20), (2, 20), -0.013, 0.479, 0.967),
        ((12, 50), (6, 50), -0.033, 0.269, 0.937),
    ],
)
def test_the_worked_differences(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float, chance: float
) -> None:
    treated, held_out = Arm(one[1], one[0]), Arm(other[1], other[0])
    assert newcombe(treated, held_out) == pytest.approx((low, high), abs=6e-4)
    assert better(treated, held_out) == pytest.approx(chance, abs=6e-4)


@pytest.mark.parametrize(
    ("base", "to", "held_out", "people"),
    [(0.20, 0.24, 0.5, (1683, 1683)), (0.05, 0.06, 0.5, (8158, 8158)), (0.18, 0.23, 0.5, (1023, 1023)),
     (0.80, 0.82, 0.5, (6039, 6039)), (0.02, 0.025, 0.5, (13809, 13809)), (0.20, 0.24, 0.1, (8574, 953))],
)  # fmt: skip
def test_the_worked_sample_sizes(base: float, to: float, held_out: float, people: tuple[int, int]) -> None:
    assert people_needed(base, to, held_out=held_out) == people


def test_of_many_findings_those_stand_that_may_hold_one_false_in_ten() -> None:
    """Benjamini and Hochberg: 0.01 ≤ 0.1 · 1/4 and 0.04 ≤ 0.1 · 2/4; 0.08 > 0.1 · 3/4."""
    assert standing([0.5, 0.04, 0.01, 0.08]) == [False, True, True, False]
    assert standing([0.09]) == [True]
    assert p_of(Arm(1000, 230), Arm(1000, 180)) == pytest.approx(0.0056, abs=5e-5)


def test_money_counts_those_who_spent_nothing() -> None:
    difference, interval = means(Arm(100, 40, 4_000, 220_000), Arm(100, 20, 2_000, 110_000)) or (None, (0, 0))
    assert difference == 20
    assert interval[0] < 20 < interval[1]


def test_several_playbooks_together_lie_between_and_are_surer() -> None:
    one, other = (Arm(1000, 230), Arm(1000, 180)), (Arm(1000, 200), Arm(1000, 180))
    parts = [(1000, 0.05, newcombe(*one)), (1000, 0.02, newcombe(*other))]
    mean, interval = together(parts)
    assert mean == pytest.approx(0.035)
    assert interval.high - interval.low < parts[0][2].high - parts[0][2].low


def test_arms_that_chance_does_not_make_are_broken() -> None:
    assert is_broken(1000, 60, 100)
    assert not is_broken(1000, 85, 100)


PLAN = Plan(500, 500, 0.2, 0.28)
START = datetime(2026, 1, 1, tzinfo=UTC)


def arrived(treated: float, held_out: float, *, people: int = 1000, by: int = 100) -> list[tuple[datetime, Arm, Arm]]:
    """So many people in portions, with these rates."""
    half = by // 2
    return [
        (START + timedelta(days=number), Arm(half, round(half * treated)), Arm(half, round(half * held_out)))
        for number in range(people // by)
    ]


def test_before_the_first_look_it_is_too_early_whatever_the_rates() -> None:
    assert judged(PLAN, arrived(0.9, 0.1, people=100)).verdict is Verdict.TOO_EARLY


def test_a_large_effect_is_called_at_the_first_look_that_it_passes() -> None:
    found = judged(PLAN, arrived(0.6, 0.1))
    assert (found.verdict, found.looks) == (Verdict.WORKS, 1)


def test_a_small_one_waits_for_the_planned_number() -> None:
    assert judged(PLAN, arrived(0.26, 0.2, people=900)).verdict is Verdict.TOO_EARLY
    assert judged(PLAN, arrived(0.26, 0.2)).verdict is Verdict.WORKS
    assert judged(PLAN, arrived(0.22, 0.2)).verdict is Verdict.NO_PROOF


def test_harm_is_called_as_early() -> None:
    assert judged(PLAN, arrived(0.1, 0.6)).verdict is Verdict.HARMS


def test_between_looks_nothing_is_judged() -> None:
    """|z| is far beyond every boundary between the first look and the second, and at neither."""
    lull = arrived(0.2, 0.2, people=200) + arrived(0.9, 0.1, people=100)
    assert judged(PLAN, lull).verdict is Verdict.TOO_EARLY


def test_without_an_effect_few_verdicts_are_false() -> None:
    random, trials = Random(5), 400
    false = sum(judged(PLAN, _by_chance(random)).verdict in (Verdict.WORKS, Verdict.HARMS) for _ in range(trials))
    assert false <= 0.08 * trials


def _by_chance(random: Random) -> list[tuple[datetime, Arm, Arm]]:
    def arm() -> Arm:
        return Arm(100, sum(random.random() < 0.2 for _ in range(100)))

    return [(START + timedelta(days=number), arm(), arm()) for number in range(5)]


def test_z_is_none_at_all_where_everybody_did_the_same() -> None:
    assert z_of(Arm(50, 50), Arm(50, 50)) == 0
