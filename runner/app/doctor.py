"""Looks for trouble in a workspace and says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from runner import clock
from runner.actions import MailAction
from runner.app import forgetting
from runner.app.app import App
from runner.app.check import check, is_away, store_words
from runner.app.clockwork import last_moment
from runner.app.deliverability import Names, ask_dns, of_domain, of_letters
from runner.app.entering import OVERLOOKED, all_paused
from runner.app.filled import of_crms
from runner.app.findings import Finding, Health
from runner.app.preview import letters
from runner.app.quotas import days_used
from runner.app.quotas import quota_of as quota_of
from runner.app.reception import reception
from runner.app.reconciling import lists_read
from runner.app.review import review_of_figures
from runner.app.rewarding import pool_of
from runner.app.tick import RECONCILED, SYNC_FAILED
from runner.breakers import stopped
from runner.outbox import CRM_KINDS
from runner.settings import zone_advice
from runner.store.migrate import HEAD
from runner.store.tables import (
    companies,
    contact_sources,
    contacts,
    cursors,
    enrollments,
    friends,
    inbox,
    playbooks,
    sends,
    set_aside,
    suppressions,
    writes,
)
from runner.sync import Reconciled


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything looked at, and what is invalid in numbers."""

    checks: tuple[Finding, ...]
    invalid: dict[str, int]
    quota: dict[str, Any] = field(default_factory=dict)

    @property
    def needs_person(self) -> bool:
        return any(finding.status is Health.FAULT for finding in self.checks)

    def document(self) -> dict[str, Any]:
        checks = [
            {"name": finding.name, "status": finding.status, "message": finding.message} for finding in self.checks
        ]
        return {"checks": checks, "invalid": self.invalid, "quota": self.quota}


def examine(app: App, names: Names | None = None) -> Examined:
    """Looks everywhere; changes nothing. `names` answers for DNS, where not this machine's name servers shall."""
    now = app.now()
    found = list(_settings(app))
    try:
        with app.store.read() as connection:
            invalid = _invalid(connection)
            found += [
                Finding("store", Health.OK, f"schema {HEAD}, clock {app.remembered('clock') or 'not started'}"),
                *_last_tick(app, now),
                *_overlooked(app),
                *(Finding("playbooks", Health.WARNING, words) for words in all_paused(app)),
                *_connectors(app, connection),
                *_people(connection, invalid),
                *_unheard_of(connection),
                *_sends(connection),
                *_webhooks(app),
                *(
                    Finding(name, Health.WARNING if bad else Health.OK, words)
                    for name, bad, words in (*reception(app, connection, now), *lists_read(app))
                ),
                *_playbooks(connection),
                *_deliverability(app, names or ask_dns()),
                *_overdue(connection, last_moment(app)),
                *review_of_figures(app.settings.kpis, clock.local(last_moment(app), app.settings.timezone).date()),
                *_rewards(app, connection),
            ]
    except DatabaseError as error:
        if not is_away(error):
            raise
        found.append(Finding("store", Health.FAULT, f"cannot be reached: {store_words(error)}"))
        return Examined(tuple(found), {})
    return Examined(tuple(found), invalid, quota_of(app))


#: Coupons of a pool with which somebody should think of more.
FEW_COUPONS = 10


def _rewards(app: App, connection: sa.Connection) -> Iterator[Finding]:
    """Rewards that wait to be handed over, and the coupons that are left for the next ones."""
    due = connection.scalar(sa.select(sa.func.count()).select_from(friends).where(friends.c.state == "due")) or 0
    if due:
        words = f"rewards for friends that are due: {due}; `regulars referrals --state due` lists them"
        yield Finding("referrals", Health.WARNING, words)
    if (pool := pool_of(app)) is not None:
        try:
            left = len(pool.left(connection))
        except (OSError, UnicodeDecodeError) as error:
            yield Finding("coupons", Health.WARNING, f"cannot be read: {error}")
            return
        health = Health.OK if left > FEW_COUPONS else Health.WARNING
        yield Finding("coupons", health, f"left in {pool.file.name}: {left}")


def _settings(app: App) -> Iterator[Finding]:
    checked = check(app)
    if checked.faults:
        yield Finding(
            "playbooks and settings", Health.FAULT, f"faults: {len(checked.faults)}; `regulars check` names them"
        )
    else:
        yield Finding("playbooks and settings", Health.OK, f"{checked.counted}, no fault")
    for warning in checked.warnings:
        yield Finding("playbooks and settings", Health.WARNING, str(warning))


def _deliverability(app: App, names: Names) -> Iterator[Finding]:
    """Whether mail would arrive, as far as the domain and the letters themselves tell."""
    sender, types = app.settings.sender, [str(keys.get("type")) for keys in app.settings.mailers.values()]
    for email in _senders(app):
        yield from of_domain(email, types, names)
    yield from of_letters(list(letters(app)), app.settings.public_url, sender.address, sender.email)


def _senders(app: App) -> Iterable[str]:
    """The account's address and those that playbooks write from, one a domain."""
    running = [reading.playbook for reading in app.readings(app.fields()) if reading.playbook]
    mails = [step.action for playbook in running for step in playbook.steps if isinstance(step.action, MailAction)]
    emails = [app.settings.sender.email, *(mail.sender for mail in mails if mail.sender)]
    found: dict[str, str] = {}
    for email in emails:
        found.setdefault(email.rpartition("@")[2].lower(), email)
    return found.values()


def _last_tick(app: App, now: datetime) -> Iterator[Finding]:
    last = app.remembered("last_tick_at")
    if last is None:
        yield Finding("ticks", Health.WARNING, "there was none yet; `regulars run` or `regulars start`")
        return
    at = datetime.fromisoformat(last)
    late = app.remembered("clock") == "real" and now - at > max(timedelta(hours=1), 3 * app.settings.schedule.tick.span)
    words = f"the last one was at {at:%Y-%m-%d %H:%M} UTC"
    yield Finding(
        "ticks", Health.WARNING if late else Health.OK, words + ("; is `regulars start` running?" if late else "")
    )


def _overlooked(app: App) -> Iterator[Finding]:
    """People whom the look at everybody found though the ticks before should have."""
    last = app.remembered(OVERLOOKED)
    for playbook, people in (last or {}).get("found", {}).items():
        at = datetime.fromisoformat(last["at"])
        words = f"on {at:%Y-%m-%d} {people:,} people had been overlooked; they were taken in then, please report it"
        yield Finding(f"playbook {playbook}", Health.WARNING, words)


def _connectors(app: App, connection: sa.Connection) -> Iterator[Finding]:
    rows = connection.execute(sa.select(cursors)).mappings()
    known = {row["connector"]: row for row in rows}
    for name in app.settings.connectors:
        row = known.get(name)
        if (failed := app.remembered(f"{SYNC_FAILED}{name}")) is not None:
            at = datetime.fromisoformat(failed["at"])
            yield Finding(
                f"connector {name}", Health.WARNING, f"the sync at {at:%Y-%m-%d %H:%M} UTC failed: {failed['words']}"
            )
        if row is None or row["synced_at"] is None:
            yield Finding(f"connector {name}", Health.WARNING, "never synced; `regulars sync`")
        else:
            yield Finding(f"connector {name}", Health.OK, f"synced at {row['synced_at']:%Y-%m-%d %H:%M} UTC")
        yield from _found_at_night(app, name)
        yield from forgetting.told(app, name)
        yield from days_used(app, name)
    for one in of_crms(connection, app.crms):
        yield Finding(f"connector {one.connector}", Health.OK, str(one))
    aside = connection.execute(sa.select(set_aside).order_by(set_aside.c.id)).mappings()
    told = list(dict.fromkeys((row["connector"], _set_aside(dict(row))) for row in aside))
    yield from (Finding(f"connector {connector}", Health.WARNING, words, one_of_many=True) for connector, words in told)


def _found_at_night(app: App, name: str) -> Iterator[Finding]:
    """What the last look at everything found that the syncs before had not brought."""
    last = app.remembered(f"{RECONCILED}{name}")
    if last is not None:
        found = [f"{table}: {what}" for table, told in last["tables"].items() if (what := str(Reconciled(**told)))]
        words = f"everything was looked at on {last['at'][:10]}; {'; '.join(found) or 'nothing was missed'}"
        yield Finding(f"connector {name}", Health.OK, words)


def _set_aside(row: Mapping[str, Any]) -> str:
    """`orders.csv:17: total: 'ten' …`; a warning about a file carries a digest where others carry a field's name."""
    if row["field"].startswith("warning "):
        return str(row["words"])
    value = repr(shorten(row["value"], 60, placeholder=" …")) if row["field"] and row["value"] else ""
    return ": ".join(filter(None, (row["place"], row["field"], f"{value} {row['words']}".lstrip())))


def _invalid(connection: sa.Connection) -> dict[str, int]:
    alive = (contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None))

    def count(*where: Any) -> int:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(contacts).where(*alive, *where)) or 0)

    return {
        "emails": count(contacts.c.email.is_not(None), contacts.c.address.is_(None)),
        "timezones": count(contacts.c.bad_timezone),
        "company_timezones": sum(_bad_zones_of_companies(connection).values()),
        "no_email": count(contacts.c.email.is_(None)),
    }


def _unheard_of(connection: sa.Connection) -> Iterator[Finding]:
    """People whom orders, answers and other facts name, and of whom no connector has told."""
    s = contact_sources.c
    named = sa.select(s.connector, s.source_id).where(s.contact_id.is_(None), s.deleted_at.is_(None)).subquery()
    count, example = connection.execute(
        sa.select(sa.func.count(), sa.func.min(named.c.connector + ": " + named.c.source_id)).select_from(named)
    ).one()
    if count:
        words = (
            f"named by orders, answers or other rows, and told of by no connector: {count:,}, such as {example};"
            " until one tells of them these rows count for nobody"
        )
        yield Finding("contacts", Health.WARNING, words)


def _people(connection: sa.Connection, invalid: dict[str, int]) -> Iterator[Finding]:
    total = connection.scalar(
        sa.select(sa.func.count())
        .select_from(contacts)
        .where(contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None))
    )
    yield Finding("contacts", Health.OK if total else Health.WARNING, f"people: {total:,}" if total else "none yet")
    told: dict[str, str] = {
        "emails": "invalid addresses: {count:,}; these people are not written to",
        "timezones": "invalid time zones: {count:,}; the company's or the account's is used instead: {zones}",
        "company_timezones": "invalid time zones of companies: {count:,}; the account's is used instead: {zones}",
        "no_email": "without an address: {count:,}",
    }
    zones = {"timezones": _bad_zones, "company_timezones": _bad_zones_of_companies}
    for key, words in told.items():
        if invalid[key]:
            named = _commonest(zones[key](connection)) if key in zones else ""
            yield Finding("contacts", Health.WARNING, words.format(count=invalid[key], zones=named))
    yield from _sharing(connection)
    noes = connection.scalar(
        sa.select(sa.func.count()).select_from(suppressions).where(suppressions.c.lifted_at.is_(None))
    )
    yield Finding("suppressions", Health.OK, f"{noes:,} in force")


def _bad_zones(connection: sa.Connection) -> dict[str, int]:
    """What people have for a time zone that is none, and how many of them."""
    written = contacts.c.timezone
    alive = (contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None))
    found = sa.select(written, sa.func.count()).where(*alive, contacts.c.bad_timezone).group_by(written)
    return {row[0] or "": row[1] for row in connection.execute(found)}


def _bad_zones_of_companies(connection: sa.Connection) -> dict[str, int]:
    written = companies.c.timezone
    found = (
        sa.select(written, sa.func.count())
        .where(companies.c.deleted_at.is_(None), written.is_not(None))
        .group_by(written)
    )
    return {row[0]: row[1] for row in connection.execute(found) if clock.zone(row[0]) is None}


def _commonest(zones: Mapping[str, int], most: int = 5) -> str:
    """`2,100 × 'Europe/Warszawa', did you mean 'Europe/Warsaw'?`, the commonest first."""
    ranked = sorted(zones.items(), key=lambda one: (-one[1], one[0]))
    told = [f"{count:,} × {name!r}, {zone_advice(name)}" for name, count in ranked[:most]]
    return " · ".join([*told, f"and {len(ranked) - most} others"] if len(ranked) > most else told)


def _sharing(connection: sa.Connection) -> Iterator[Finding]:
    """People who may be one, and addresses that several people read."""
    first, last = sa.func.min(contacts.c.id), sa.func.max(contacts.c.id)
    shared = (
        sa.select(first.label("first"), last.label("last"))
        .where(contacts.c.address.is_not(None), contacts.c.deleted_at.is_(None), contacts.c.merged_into.is_(None))
        .group_by(contacts.c.address)
        .having(first != last)
        .subquery()
    )
    count = connection.scalar(sa.select(sa.func.count()).select_from(shared))
    if count:
        pair = connection.execute(sa.select(shared.c.first, shared.c.last).order_by(shared.c.first).limit(1)).one()
        words = (
            f"two people share an address: {count:,}, such as contacts {pair.first} and {pair.last}; a playbook writes "
            "there once for an occasion a day; merge them at the source if they are one person"
        )
        yield Finding("contacts", Health.WARNING, words)


def _sends(connection: sa.Connection) -> Iterator[Finding]:
    unsure = sum(
        _count(connection, table, table.c.state == "unsure", table.c.settled_at.is_(None)) for table in (sends, writes)
    )
    words = f"unsure: {unsure}; `regulars settle` lists them" if unsure else "none is unsure"
    yield Finding("sends", Health.FAULT if unsure else Health.OK, words)
    stuck = connection.scalar(
        sa.select(sa.func.count())
        .select_from(enrollments)
        .where(
            enrollments.c.state == "sending",
            ~sa.exists().where(sends.c.enrollment_id == enrollments.c.id),
            ~sa.exists().where(writes.c.enrollment_id == enrollments.c.id),
        )
    )
    if stuck:
        yield Finding("enrollments", Health.FAULT, f"{stuck} wait for a send that is not there")
    untold = _count(connection, writes, writes.c.state == "waiting", writes.c.kind.in_(CRM_KINDS))
    if untold:
        yield Finding("CRM", Health.WARNING, f"{untold:,} notes, fields and tasks wait for their CRM")


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)


def _webhooks(app: App) -> Iterator[Finding]:
    """Signed bodies that could not be read: they stay in the inbox."""
    with app.store.inbox.begin() as connection:
        last = connection.execute(
            sa.select(inbox.c.connector, inbox.c.received_at, inbox.c.fault)
            .where(inbox.c.fault.is_not(None))
            .order_by(inbox.c.id.desc())
            .limit(1)
        ).first()
        count = connection.scalar(sa.select(sa.func.count()).select_from(inbox).where(inbox.c.fault.is_not(None)))
    if last is not None:
        words = (
            f"could not be read and are kept in the inbox: {count:,}; the last at {last.received_at:%Y-%m-%d %H:%M} UTC"
        )
        yield Finding(f"webhooks of {last.connector}", Health.WARNING, f"{words}: {last.fault}")


def _overdue(connection: sa.Connection, now: datetime) -> Iterator[Finding]:
    """People whose next step has been due for long: paused, disabled or deleted playbooks, or no daemon."""
    late = (enrollments.c.state == "active", enrollments.c.due_at < now - timedelta(hours=1))
    rows = connection.execute(
        sa.select(enrollments.c.playbook, sa.func.count(), sa.func.min(enrollments.c.due_at))
        .where(*late)
        .group_by(enrollments.c.playbook)
        .order_by(enrollments.c.playbook)
    )
    for playbook, count, since in rows:
        words = (
            f"{count} people wait inside since {since:%Y-%m-%d %H:%M} UTC; is it paused, disabled, broken or deleted?"
        )
        yield Finding(f"playbook {playbook}", Health.WARNING, words)


def _playbooks(connection: sa.Connection) -> Iterator[Finding]:
    yield from (Finding(f"{one.kind} {one.name}", Health.FAULT, str(one)) for one in stopped(connection))
    for row in connection.execute(sa.select(playbooks)).mappings():
        if row["braked_at"] is not None:
            words = f"{row['braked_people']} people wait; `regulars approve {row['id']}`"
            yield Finding(f"playbook {row['id']}", Health.FAULT, words)
        if row["paused_at"] is not None and row["stopped_why"] is None:
            yield Finding(f"playbook {row['id']}", Health.WARNING, f"paused since {row['paused_at']:%Y-%m-%d}")
