"""What a letter's survey asks: found by the letter, read from the playbook as it was when the person entered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import orjson
import sqlalchemy as sa

from runner.actions import Survey
from runner.actions.questions import STANDARD, Questionnaire
from runner.conditions import Fields
from runner.steps import read_steps
from runner.store.tables import enrollments, playbook_versions, sends
from runner.yaml_file import YamlFile, salvaged


class SurveyClosed(LookupError):
    """The time in which this survey could be answered is over."""


class UnknownSend(LookupError):
    """The letter this link stood in is not in the store, or was not a survey."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A survey that went out to somebody."""

    #: The send that an answer belongs to; of a reminder the survey's own.
    send_id: str
    #: The kind, or what the playbook calls it.
    kind: str
    asks: Questionnaire
    closes_at: datetime | None


def asked(connection: sa.Connection, letter: str, now: datetime, *, lock: bool = False) -> Asked:
    """The survey of a letter. Raises UnknownSend, SurveyClosed."""
    of = sa.select(sa.func.coalesce(sends.c.reminds, sends.c.id)).where(sends.c.id == letter).scalar_subquery()
    chosen = sa.select(sends).where(sends.c.id == of, sends.c.action == "survey")
    send = connection.execute(chosen.with_for_update(key_share=True) if lock else chosen).first()
    if send is None:
        raise UnknownSend(letter)
    asks = _asks(connection, send) or STANDARD.get(send.about)
    if asks is None:
        raise UnknownSend(letter)
    if send.closes_at is not None and send.closes_at < now:
        raise SurveyClosed(letter)
    return Asked(send.id, send.about, asks, send.closes_at)


def _asks(connection: sa.Connection, send: sa.Row[tuple[object, ...]]) -> Questionnaire | None:
    """None where the playbook, as it was, is not in the store any more."""
    body = (
        sa.select(sa.cast(playbook_versions.c.body, sa.Text))
        .join_from(enrollments, playbook_versions, playbook_versions.c.version == enrollments.c.version)
        .where(enrollments.c.id == send.enrollment_id, playbook_versions.c.playbook == enrollments.c.playbook)
    )
    written = connection.scalar(body)
    return _read(written, send.step) if written is not None else None


@lru_cache(maxsize=128)
def _read(body: str, step: str) -> Questionnaire | None:
    """What the step asks. Conditions do not matter here, so that no field need be known."""
    document = orjson.loads(body)
    surveys = {name: salvaged(Questionnaire, below) for name, below in (document.get("surveys") or {}).items()}
    steps = read_steps(YamlFile("", document), document.get("actions"), Fields({}), [], [], surveys)
    return next((one.action.asks for one in steps if one.id == step and isinstance(one.action, Survey)), None)
