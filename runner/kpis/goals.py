"""Few figures, each tied to a goal: what is shown where the settings name none."""

from __future__ import annotations

from collections.abc import Mapping

from runner.settings import KpiSettings

#: What somebody is after, in words, and the few figures that tell whether they get there.
GOALS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "keep": ("keep the customers there are", ("crr", "churn_rate")),
    "repeat": ("have them buy again", ("repeat_purchase_rate", "time_between_purchases")),
    "grow": ("have them spend more", ("existing_customer_revenue_growth", "nrr", "clv")),
    "please": ("have them speak well of you", ("nps", "csat", "survey_response_rate")),
    "serve": ("answer them soon", ("first_response_time", "resolution_time")),
}


def shown_by_default(settings: KpiSettings) -> tuple[str, ...]:
    """The keys under `show`; without any those of the goals, those with a target, and what the playbooks brought."""
    if settings.show:
        return settings.show
    of_goals = (key for goal in settings.goals for key in GOALS[goal][1])
    aimed_at = (key.partition(".")[0] for key in settings.targets)
    return tuple(dict.fromkeys([*of_goals, *aimed_at, "incremental_effect"]))
