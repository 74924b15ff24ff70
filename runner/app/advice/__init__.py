"""Advice that comes from knowing the field: what is sound as it is written, and works against who wrote it.

A rule is one function of the ground that gives warnings, and one line in this list; docs/check.md says why of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from runner.app.advice.crossing import same_hour
from runner.app.advice.effects import holdout_too_small, shares_of_a_group
from runner.app.advice.ground import Ground
from runner.app.advice.happenings import unknown_events
from runner.app.advice.promises import missed_promises
from runner.app.advice.reviews import gated_reviews, rewarded_reviews
from runner.app.advice.rewards import silent_expiry, uncounted_friends, unpaid_rewards, unseen_households
from runner.app.advice.surveys import gated_thanks, survey_closes_first, surveys_too_often
from runner.app.advice.variables import missing_values
from runner.app.advice.ways import beyond_the_goal, unreachable
from runner.errors import Fault

__all__ = ["RULES", "Ground", "advise"]

Rule = Callable[[Ground], Iterator[Fault]]

RULES: Sequence[Rule] = (
    gated_reviews,
    rewarded_reviews,
    unpaid_rewards,
    uncounted_friends,
    unseen_households,
    silent_expiry,
    surveys_too_often,
    survey_closes_first,
    gated_thanks,
    missed_promises,
    missing_values,
    holdout_too_small,
    shares_of_a_group,
    same_hour,
    unreachable,
    beyond_the_goal,
    unknown_events,
)


def advise(ground: Ground) -> list[Fault]:
    """What all rules say of the playbooks that would run."""
    return sorted({warning for rule in RULES for warning in rule(ground)})
