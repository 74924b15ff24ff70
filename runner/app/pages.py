"""Whether each page that a mail's link leads to can be shown: rendered with all it may have to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from runner.app.starters import starters
from runner.collect import SCALES, Answered, BadAnswer
from runner.collect.consent import Standing
from runner.errors import Fault
from runner.render.page_words import WORDS
from runner.render.pages import FOLDER, PageTemplates
from runner.settings import Sender

Values = Mapping[str, object]


def page_faults(workspace: Path, sender: Sender) -> list[Fault]:
    """Every mistake in the workspace's own pages; a page it does not bring is the shipped one."""
    own, shipped = workspace / "templates" / FOLDER, starters() / "templates" / FOLDER
    return PageTemplates(own, shipped, sender).faults(SAMPLES) if own.is_dir() else []


def _surveys() -> Iterator[Values]:
    refusals = (
        None,
        BadAnswer("score", lowest=0, highest=10),
        BadAnswer("words"),
        BadAnswer("long", longest=1, length=2),
    )
    for kind, fault, again in product(SCALES, refusals, (False, True)):
        yield {
            "kind": kind,
            "scale": SCALES[kind],
            "score": 3,
            "comment": "It came late",
            "fault": fault,
            "again": again,
        }


def _standings() -> Iterator[Values]:
    for standing, may_return, unticked in product(Standing, (False, True), (False, True)):
        yield {"standing": standing.value, "may_return": may_return, "preferences": "p", "unticked": unticked}


#: By page what it may have to show.
SAMPLES: Mapping[str, Sequence[Values]] = {
    "preferences": tuple(_standings()),
    "problem": tuple({"kind": key.split(".")[1]} for key in WORDS if key.startswith("problem.")),
    "referral": ({"code": "ACDEFGHJ"},),
    "review": ({"sites": {}}, {"sites": {"Google": "https://reviews.example.com"}}),
    "survey": tuple(_surveys()),
    "thanks": tuple({"answered": Answered("nps", score, "It came late", None)} for score in (3, None)),
    "unsubscribe": ({},),
}
