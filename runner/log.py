"""The action log as people read it: every decision, done or not, with its reason and what became of its message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.store import rollups
from runner.store.tables import NOT_DONE, answers, contact_sources, contacts, decisions, sends, writes

#: What a decision may come to.
STATUSES = ("done", "held", "skipped", "ended", "failed", "unsure")
#: Rows fetched at a time, so that a log of any length takes the same memory.
CHUNK = 1000
#: How many reasons the summary tells of each playbook and status.
TOP_REASONS = 3


@dataclass(frozen=True, slots=True)
class LoggedContact:
    """The person a decision is about; `id` is ours, `source_id` that of the first source that told of them."""

    id: int
    source_id: str
    email: str | None


@dataclass(frozen=True, slots=True)
class LoggedSend:
    """A message and what came back. Opens and clicks are by `human`, `machine` or `unknown`."""

    id: str
    message_id: str | None
    #: claimed, accepted, refused or unsure.
    state: str
    #: processed, delivered, deferred, bounced, blocked or dropped.
    delivery: str | None
    opened: str | None
    clicked: str | None
    #: The score, or the words where there is no score.
    answered: float | str | None
    unsubscribed: datetime | None
    complained: datetime | None


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """Something that went out, or is to, and is no mail to the contact."""

    id: str
    #: webhook, notify, note, property or task.
    kind: str
    #: A webhook's name or address, a mail address, or a connector; None where only we keep it.
    target: str | None
    #: claimed, accepted, refused, unsure, or waiting: for another try, or for its CRM's turn.
    state: str
    #: What it says.
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogRow:
    """One decision: done, held, skipped, ended, failed or unsure."""

    at: datetime
    playbook: str
    version: str
    occasion: str
    contact: LoggedContact
    step: str
    action: str
    arm: str
    status: str
    reason: str
    until: datetime | None
    send: LoggedSend | None
    #: Which way of a choose or split was taken; whether what a wait was for `happened` or `timed out`.
    branch: str | None = None
    write: LoggedWrite | None = None

    def document(self) -> dict[str, Any]:
        """The row as `log --json` prints it; times in ISO 8601, UTC."""
        return {name: _written(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one reason was given."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class MailCounts:
    """What became of letters; each counts once, under the best evidence there is."""

    sent: int = 0
    #: Sent, and neither bounced nor blocked nor dropped as far as anybody told.
    delivered: int = 0
    bounced: int = 0
    #: Opened or clicked by a person, by machines alone, and by nobody can say whom.
    human_open: int = 0
    machine_open: int = 0
    unknown_open: int = 0
    human_click: int = 0
    machine_click: int = 0
    unknown_click: int = 0
    answered: int = 0
    unsubscribed: int = 0
    complained: int = 0
    #: Sends of which nobody knows whether they went out.
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class PlaybookSummary:
    """What one playbook did: rows a status, why the rest did not happen, and what came back of its mail."""

    playbook: str
    #: None where nobody asked.
    people: int | None
    #: Rows of the log by status.
    counts: Mapping[str, int]
    #: The commonest reasons of every status but `done`.
    reasons: Mapping[str, tuple[ReasonCount, ...]]
    mail: MailCounts = MailCounts()

    def document(self) -> dict[str, Any]:
        return asdict(self)


def rows(
    connection: sa.Connection,
    *,
    playbook: str | None = None,
    contact: int | None = None,
    status: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[LogRow]:
    """The log, oldest first; with `limit` its newest rows. A contact's log includes that of those merged into it.

    `reason` are words that stand in it, in capitals or not; `until` is the first instant that is too late.
    """
    chosen = sa.select(decisions)
    if playbook is not None:
        chosen = chosen.where(decisions.c.playbook == playbook)
    if contact is not None:
        chosen = chosen.where(decisions.c.contact_id.in_(selves(contact)))
    if status is not None:
        chosen = chosen.where(decisions.c.status == status)
        # SQLite takes the part's index only where the query has the part's own words.
        chosen = chosen.where(NOT_DONE) if status != "done" else chosen
    if reason is not None:
        chosen = chosen.where(decisions.c.reason.icontains(reason, autoescape=True))
    if since is not None:
        chosen = chosen.where(decisions.c.at >= since)
    if until is not None:
        chosen = chosen.where(decisions.c.at < until)
    if limit is not None:
        chosen = chosen.order_by(decisions.c.at.desc(), decisions.c.id.desc()).limit(limit)
    yield from as_rows(connection, chosen)


def as_rows(connection: sa.Connection, chosen: sa.Select[Any]) -> Iterator[LogRow]:
    """These decisions as rows of the log, oldest first."""
    told = connection.execute(_with_what_came_back(chosen.subquery()), execution_options={"yield_per": CHUNK})
    yield from map(_row, told)


def summary(
    connection: sa.Connection, since: datetime | None = None, *, count_people: bool = True
) -> list[PlaybookSummary]:
    """What each playbook did from an instant on, by name. Counting people costs a look at every decision."""
    statuses: dict[str, Counter[str]] = {}
    reasons: dict[str, dict[str, Counter[str]]] = {}
    for row in rollups.decided(connection, since):
        playbook, status = row["playbook"], row["status"]
        statuses.setdefault(playbook, Counter())[status] += row["count"]
        if status != "done":
            reasons.setdefault(playbook, {}).setdefault(status, Counter())[row["reason"]] += row["count"]
    people = {row.playbook: row.people for row in connection.execute(_people(since))} if count_people else {}
    mail = {row.pop("playbook"): row for row in rollups.mailed(connection, since)}
    return [
        PlaybookSummary(
            playbook,
            people.get(playbook),
            dict(statuses.get(playbook, {})),
            {status: _commonest(counts) for status, counts in sorted(reasons.get(playbook, {}).items())},
            MailCounts(**mail.get(playbook, {})),
        )
        for playbook in sorted(statuses.keys() | mail.keys())
    ]


def _commonest(counts: Counter[str]) -> tuple[ReasonCount, ...]:
    ranked = sorted(counts.items(), key=lambda told: (-told[1], told[0]))
    return tuple(ReasonCount(reason, count) for reason, count in ranked[:TOP_REASONS] if count)


def _with_what_came_back(chosen: sa.Subquery) -> sa.Select[Any]:
    first_source = (
        sa.select(contact_sources.c.source_id)
        .where(contact_sources.c.contact_id == chosen.c.contact_id)
        .order_by(contact_sources.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(
            chosen,
            contacts.c.email,
            contacts.c.key,
            first_source.label("source_id"),
            sends.c.message_id,
            sends.c.state,
            sends.c.delivery,
            sends.c.opened,
            sends.c.clicked,
            sends.c.unsubscribed_at,
            sends.c.complained_at,
            answers.c.score,
            answers.c.comment,
            writes.c.kind,
            writes.c.target,
            writes.c.payload,
            writes.c.state.label("write_state"),
        )
        .select_from(chosen)
        .join(contacts, contacts.c.id == chosen.c.contact_id)
        .outerjoin(sends, sends.c.id == chosen.c.send_id)
        .outerjoin(answers, answers.c.send_id == chosen.c.send_id)
        .outerjoin(writes, writes.c.id == chosen.c.send_id)
        .order_by(chosen.c.at, chosen.c.id)
    )


def _row(told: sa.Row[Any]) -> LogRow:
    return LogRow(
        at=told.at,
        playbook=told.playbook,
        version=told.version,
        occasion=told.occasion,
        contact=LoggedContact(told.contact_id, told.source_id or told.key.partition(":")[2], told.email),
        step=told.step,
        action=told.action,
        arm=told.arm,
        status=told.status,
        reason=told.reason,
        until=told.until,
        branch=told.branch,
        send=_send(told) if told.state is not None else None,
        write=_write(told) if told.write_state is not None else None,
    )


def _send(told: sa.Row[Any]) -> LoggedSend:
    return LoggedSend(
        id=told.send_id,
        message_id=told.message_id,
        state=told.state,
        delivery=told.delivery,
        opened=told.opened,
        clicked=told.clicked,
        answered=_whole(told.score) if told.score is not None else told.comment,
        unsubscribed=told.unsubscribed_at,
        complained=told.complained_at,
    )


def _write(told: sa.Row[Any]) -> LoggedWrite:
    return LoggedWrite(told.send_id, told.kind, told.target, told.write_state, told.payload)


def _whole(score: float) -> float:
    return int(score) if score == int(score) else score


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _written(below) for name, below in value.items()}
    return value


def selves(contact: int) -> sa.Select[tuple[int]]:
    """A contact's id and the ids of all that were merged into it, directly or by way of others."""
    found = sa.select(sa.literal(contact, contacts.c.id.type).label("id")).cte("selves", recursive=True)
    found = found.union(sa.select(contacts.c.id).where(contacts.c.merged_into == found.c.id))
    return sa.select(found.c.id)


def _from(column: sa.Column[datetime], since: datetime | None) -> sa.ColumnElement[bool]:
    return sa.true() if since is None else column >= since


def _people(since: datetime | None) -> sa.Select[Any]:
    return (
        sa.select(decisions.c.playbook, sa.func.count(decisions.c.contact_id.distinct()).label("people"))
        .where(_from(decisions.c.at, since))
        .group_by(decisions.c.playbook)
    )
