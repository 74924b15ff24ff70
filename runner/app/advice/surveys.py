"""Surveys: who is asked too often answers no more, and an answer must be able to come.

Answer rates fall with each survey of the last month; thirty days between two is what survey vendors advise and what
their own throttles are set to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from runner.actions import Survey, Wait
from runner.app.advice.ground import Ground
from runner.app.advice.passing import arrivals, at_least
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import Step

#: Addresses where reviews are written.
_REVIEWS = re.compile(
    r"google\.[a-z.]+/.*review|//g\.page|trustpilot\.|//(www\.)?g2\.com|capterra\.|yelp\.|tripadvisor\.|trustedshops\."
)
#: Days between two surveys.
APART = 30
_ADVICE = f"leave {APART} days between two: who is asked more often answers less"


def surveys_too_often(ground: Ground) -> Iterator[Fault]:
    """The same person asked again within thirty days."""
    asking = [playbook for playbook in ground.playbooks if playbook.asks]
    for playbook in asking:
        every = getattr(playbook.trigger, "every", None)
        if every is not None and every.days < APART and _apart(playbook) < APART:
            place = ("trigger", playbook.trigger.name, "every")
            yield playbook.file.fault(place, f"asks everybody every {every.days} days", _ADVICE)
        yield from _within(playbook)
    if not asking or (len(asking) == 1 and _apart(asking[0]) >= APART):
        return
    every = ground.settings.caps.survey_every
    if every is None or every.days < APART:
        said = f"is {every}" if every else "is not set"
        words = f"survey_every {said}: {len(asking)} playbooks may ask the same person within {APART} days"
        if len(asking) == 1:
            words = f"survey_every {said}: {asking[0].id} may ask the same person again within {APART} days"
        yield ground.file.fault(("caps", "survey_every"), words, f"write survey_every: {APART} days", value=False)


def _apart(playbook: Playbook) -> int:
    """Days that lie between two entries of the same person for certain."""
    if playbook.keys.reenter == "never":
        return 100 * 365
    again = playbook.reenter_after.days if playbook.reenter_after else 0
    every = getattr(playbook.trigger, "every", None)
    if playbook.trigger.name == "anniversary" or getattr(playbook.trigger, "yearly", False):
        return 365
    if playbook.trigger.name == "onboarding":
        return 100 * 365
    return max(again, every.days if every is not None else 0)


def _within(playbook: Playbook) -> Iterator[Fault]:
    surveys = [step for step in playbook.steps if isinstance(step.action, Survey)]
    for first in surveys:
        reached = arrivals(playbook, first)
        for second in surveys:
            if second is not first and reached.get(second.id, timedelta(days=APART)) < timedelta(days=APART):
                words = f"may come {_days(reached[second.id])} after the survey {first.id!r}"
                yield playbook.file.fault((*second.path, "survey"), words, _ADVICE, value=False)


def survey_closes_first(ground: Ground) -> Iterator[Fault]:
    """An answer that is waited for when none can be given any more."""
    for playbook in ground.playbooks:
        for step in playbook.steps:
            if isinstance(step.action, Survey):
                yield from _too_late(playbook, step, step.action)


def _too_late(playbook: Playbook, survey: Step, action: Survey) -> Iterator[Fault]:
    closes = action.close_after.span
    advice = "let close_after be longer"
    for id, since in arrivals(playbook, survey).items():
        step = playbook.step(id)
        if step is None or step is survey:
            continue
        waits = step.action if isinstance(step.action, Wait) and step.action.for_ == "answer" else None
        if waits is not None and since + at_least(waits.at_most) > closes:
            words = (
                f"waits for an answer until {_days(since + at_least(waits.at_most))} after {survey.id!r}, which closes"
            )
            yield playbook.file.fault((*step.path, "wait"), f"{words} after {action.close_after}", advice, value=False)
        if step.names_answer and since > closes:
            words = f"asks for the answer {_days(since)} after {survey.id!r}, which closes after {action.close_after}"
            yield playbook.file.fault((*step.path, "choose"), words, advice, value=False)


def gated_thanks(ground: Ground) -> Iterator[Fault]:
    """A way to a review site that only some scores are shown."""
    sites = {str(url) for url in ground.settings.reviews.sites.values()}
    advice = "review sites and the FTC call that gating: ask everybody alike, by request_review"
    for playbook in ground.playbooks:
        for name, asks in playbook.keys.surveys.items():
            for place, ending in enumerate(asks.thanks):
                if ending.url and ending.is_for_some and (ending.url in sites or _REVIEWS.search(ending.url)):
                    path = ("surveys", name, "thanks", place, "url")
                    yield playbook.file.fault(path, "leads some to reviews, by their score", advice)


def _days(span: timedelta) -> str:
    """`7 days`, `4 hours`"""
    if span < timedelta(hours=1):
        return "less than an hour"
    number, word = (span.days, "day") if span.days else (span.seconds // 3600, "hour")
    return f"{number} {word}{'' if number == 1 else 's'}"
