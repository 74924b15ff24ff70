"""What the commands about figures ask, where something is left open."""

from __future__ import annotations

from datetime import date

from runner.app.figuring import Question, figures
from runner.kpis import Period
from tests.core.world import World


def test_a_period_of_which_only_the_end_is_told_is_the_90_days_before_it(world: World) -> None:
    (told, *_) = figures(world.app, Question(last=date(2025, 10, 1), keys=("crr",)))
    assert told.period == Period(date(2025, 7, 3), date(2025, 10, 1))
