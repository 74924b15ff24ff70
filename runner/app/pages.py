"""Whether each page that a mail's link leads to can be shown: rendered with all it may have to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from pathlib import Path

from runner.actions.questions import STANDARD, Questionnaire
from runner.app.starters import starters
from runner.app.survey_page import survey_values, thanks_values
from runner.app.verdicts import verdicts
from runner.collect import Answered, BadAnswer, Brought, Said, Testimonial
from runner.collect.consent import Standing
from runner.errors import Fault
from runner.render.page_words import WORDS
from runner.render.pages import FOLDER, PageTemplates
from runner.settings import Sender

Values = Mapping[str, object]


def page_faults(workspace: Path, sender: Sender) -> list[Fault]:
    """Every mistake in the workspace's own pages; a page it does not bring is the shipped one."""
    own, shipped = workspace / "templates" / FOLDER, starters() / "templates" / FOLDER
    if not own.is_dir():
        return []
    with verdicts(workspace) as known:
        return known.on(("pages", sender), lambda: PageTemplates(own, shipped, sender).faults(SAMPLES))


def _surveys() -> Iterator[Values]:
    """Each kind, and every type of a question, before an answer, after one, and after one that cannot be kept."""
    refusals = [
        BadAnswer("score", lowest=0, highest=10),
        BadAnswer("reason", "reason"),
        BadAnswer("answer", "one"),
        BadAnswer("choice", "one"),
        BadAnswer("most", "several", count=2),
        BadAnswer("long", "comment", longest=1, length=2),
        BadAnswer("score", lowest=0, highest=10),
    ]
    refusals[-1].others = (BadAnswer("answer", "one"), BadAnswer("reason", "reason"))
    said = Said(3, "It came late", details={"one": "a", "several": ["a"], "words": "It came late", "more": 3})
    for asks, fault, again in product((*STANDARD.values(), _OWN), (None, *refusals), (False, True)):
        known = Answered(asks.kind or "own", 3, None, None, asks=asks)
        yield {**survey_values(known, said, fault), "again": again}


_OWN = Questionnaire.model_validate(
    {
        "questions": [
            {"id": "stars", "ask": "How many stars?", "type": "rating", "low": "few", "high": "many"},
            {"id": "one", "ask": {"en": "Which one?"}, "type": "choice", "options": {"a": "A", "b": {"en": "B"}}},
            {
                "id": "several",
                "ask": "Which?",
                "type": "choices",
                "options": ["a", "b", "c"],
                "choose": 2,
                "at_most": 3,
            },
            {"id": "words", "ask": "Why?", "type": "text", "optional": True},
            {"id": "more", "ask": "How easy?", "type": "rating"},
        ],
        "thanks": [{"say": "Thank you", "button": "More", "url": "https://acme.example/"}],
    }
)


def _thanks() -> Iterator[Values]:
    for asks in (*STANDARD.values(), _OWN):
        reason = next(iter(asks.reason_keys), None)
        for score in (3, None):
            answered = Answered(asks.kind or "own", score, "It came late", None, reason=reason, asks=asks)
            yield thanks_values(answered, date(2027, 3, 10))


def _standings() -> Iterator[Values]:
    for standing, may_return, unticked in product(Standing, (False, True), (False, True)):
        yield {
            "standing": standing.value,
            "may_return": may_return,
            "preferences": "p",
            "unticked": unticked,
            "topics": _TOPICS if may_return else [],
            "saved": unticked,
        }


_TOPICS = [{"field": "topic.news", "says": "News", "wanted": wanted} for wanted in (True, False)]


#: What is given, and what is said of it.
_GIVEN = ((None, None), ("a voucher", None), ("a voucher", "We give both a voucher."))


def _friends() -> Iterator[Values]:
    states = (None, False), (None, True), ("address", False), ("unticked", False)
    for (reward, disclosure), (fault, kept) in product(_GIVEN, states):
        named = {"name": "Ada", "code": "ACDEFGHJ", "go": "t/go", "written": "bob@example.com"}
        given = {"reward": reward, "welcome": reward, "disclosure": disclosure}
        yield {**named, **given, "fault": fault, "kept": kept}


def _referrals() -> Iterator[Values]:
    yield {"code": "ACDEFGHJ", "link": None, "reward": None, "brought": None}
    for reward, friends in product((None, "a voucher"), (Brought(0, 0), Brought(1, 1), Brought(3, 1, 2, 10))):
        yield {"code": "ACDEFGHJ", "link": "https://x.example/f/t", "reward": reward, "brought": friends}


def _testimonials() -> Iterator[Values]:
    given = Testimonial("It came early", "https://video.example.com/1", "Ada")
    for kept, fault in product((False, True), (None, "nothing", "long", "video", "unticked")):
        yield {"given": given, "kept": kept, "fault": fault}


#: By page what it may have to show.
SAMPLES: Mapping[str, Sequence[Values]] = {
    "preferences": tuple(_standings()),
    "problem": tuple({"kind": key.split(".")[1]} for key in WORDS if key.startswith("problem.")),
    "friend": tuple(_friends()),
    "referral": tuple(_referrals()),
    "review": ({"sites": {}}, {"sites": {"Google": "https://reviews.example.com"}}),
    "survey": tuple(_surveys()),
    "testimonial": tuple(_testimonials()),
    "testimonial_thanks": ({"withdrawn": False}, {"withdrawn": True}),
    "thanks": tuple(_thanks()),
    "unsubscribe": tuple({"preferences": preferences} for preferences in ("p", None)),
}
