"""Contacts whose trigger fires enter, once per occasion; who fired and may not is written down with the reason."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from runner.brake import hold, note_brake, too_many
from runner.circumstances import living
from runner.decide import HELD_OUT
from runner.news import Search, looked_by
from runner.playbook import Playbook
from runner.settings import Brake, Settings
from runner.store import Store, changed, look_by_index
from runner.store.functions import draw, unindexed
from runner.store.marks import Marks, forget
from runner.store.tables import (
    companies,
    contacts,
    decisions,
    enrollments,
    playbook_versions,
    playbooks,
    sends,
    trigger_states,
)
from runner.store.types import Instant
from runner.triggers import Anchor, Standing, Window
from runner.triggers.manual import Called

#: The share of hash draws is compared with; the salt keeps a playbook's holdout its own.
HOLDOUT_SALT = "holdout:"
#: The states of an enrollment that goes on.
INSIDE = ("active", "sending", "unsure", "braked")
#: What the log says of an enrollment that another occasion of the same person ended.
BEGAN_ANEW = "began anew for another occasion; mode: restart"
#: Why nobody who was deleted or merged can be called in.
GONE = "the contact was deleted or merged into another one"


@dataclass(frozen=True, slots=True)
class Entered:
    """What one playbook's tick did to its door."""

    playbook: str
    entered: int = 0
    holdout: int = 0
    refused: int = 0
    #: People held back by the brake until somebody approves.
    braked: int = 0

    def __add__(self, other: Entered) -> Entered:
        counts = (getattr(self, name) + getattr(other, name) for name in ("entered", "holdout", "refused", "braked"))
        return Entered(self.playbook, *counts)


def candidates(playbook: Playbook, window: Window, settings: Settings) -> sa.Select[Any]:
    """Everybody whose trigger fired and who is not inside for this occasion; `refusal` says why not, NULL: welcome."""
    fired = _fired(playbook, window, settings)
    if playbook.keys.reenter == "every occasion" and playbook.keys.mode == "parallel":
        return fired
    # Of several occasions at once only the first begins.
    one = fired.subquery("fired")
    place = sa.func.row_number().over(
        partition_by=(one.c.contact_id, one.c.refusal.is_(None)), order_by=(one.c.occurred_at, one.c.occasion)
    )
    keys = playbook.keys
    rule = f"mode: {keys.mode}" if keys.reenter == "every occasion" else f"reenter: {keys.reenter}"
    words = sa.literal(f"another occasion came at the same time; {rule}")
    refusal = sa.case((one.c.refusal.is_not(None), one.c.refusal), (place > 1, words), else_=_NO_TEXT)
    columns = [column for column in one.c if column.name != "refusal"]
    return sa.select(*columns, refusal.label("refusal"))


_NO_TEXT = sa.cast(sa.null(), sa.Text)


def _fired(playbook: Playbook, window: Window, settings: Settings) -> sa.Select[Any]:
    match = playbook.trigger.matches(window).cte("matches")
    inside = _was_here(playbook, match, enrollments.c.occasion == match.c.occasion)
    # One number a person, or a company where that is the customer: nobody learns of the mail from a colleague.
    unit: Any = contacts.c.key
    if settings.customers == "company":
        unit = sa.func.coalesce(companies.c.key, contacts.c.key)
    drawn = draw(sa.literal(f"{HOLDOUT_SALT}{playbook.held_out_as}:") + unit)
    share = playbook.keys.holdout.share
    held_out = drawn < share if share else sa.false()
    return (
        sa.select(
            match.c.contact_id,
            match.c.occasion,
            match.c.anchor,
            match.c.occurred_at,
            match.c.facts,
            sa.case((held_out, "holdout"), else_="treated").label("arm"),
            _refusal(playbook, window, match).label("refusal"),
        )
        .join_from(match, contacts, contacts.c.id == match.c.contact_id)
        .outerjoin(companies, companies.c.id == contacts.c.company_id)
        .where(
            contacts.c.merged_into.is_(None),
            contacts.c.deleted_at.is_(None),
            window.concerns(match.c.contact_id),
            ~inside,
            _is_news(playbook, match),
        )
    )


def _is_news(playbook: Playbook, match: Any) -> Any:
    """Whether a state began after its contact first appeared: what is so by then is existing."""
    if getattr(playbook.trigger, "existing", "enter") == "enter":
        return sa.true()
    return match.c.occurred_at > contacts.c.seen_at


def _was_here(playbook: Playbook, match: Any, *like: Any) -> Any:
    """Whether the person entered before under such terms, as they are or as somebody merged into them."""
    theirs = (enrollments.c.playbook == playbook.id, *like)
    other = contacts.alias("other")
    # One within the other: joined, SQLite would look at everybody who ever entered.
    as_other = sa.exists().where(enrollments.c.contact_id == other.c.id, *theirs).correlate(other, match)
    before = sa.exists().where(other.c.merged_into == match.c.contact_id, as_other)
    return sa.or_(sa.exists().where(enrollments.c.contact_id == match.c.contact_id, *theirs), before)


def _refusal(playbook: Playbook, window: Window, match: Any) -> Any:
    """The first reason that keeps somebody out."""
    reasons: list[tuple[Any, str]] = []
    if (lateness := playbook.trigger.lateness(window)) is not None:
        span = lateness.allowed.span
        latest = window.value(lambda current: current.now - span, Instant())
        reasons.append((match.c.occurred_at <= latest, f"too late: {lateness.key} is {lateness.allowed}"))
    if playbook.audience is not None:
        reasons.append(
            (sa.not_(playbook.audience.sql(window.today)), f"not in the audience: {playbook.audience.source}")
        )
    if playbook.keys.mode == "single":
        inside = _was_here(playbook, match, enrollments.c.state.in_(INSIDE))
        reasons.append((inside, "is inside for another occasion; mode: single"))
    if playbook.keys.reenter == "never":
        reasons.append((_was_here(playbook, match), "was here before; reenter: never"))
    if (again := playbook.reenter_after) is not None:
        begin = window.value(lambda current: current.now - again.span, Instant())
        recent = _was_here(playbook, match, unindexed(enrollments.c.entered_at) > begin)
        reasons.append((recent, f"was here less than {again} ago"))
    if (same := playbook.trigger.same_occasion(enrollments.c, match.c)) is not None:
        reasons.append((_was_here(playbook, match, same[0]), same[1]))
    if not reasons:
        return _NO_TEXT
    return sa.case(*((condition, sa.literal(words)) for condition, words in reasons), else_=_NO_TEXT)


class Door:
    """The statements by which people enter a playbook, built once and executed at every tick with its window."""

    def __init__(self, store: Store, playbook: Playbook, window: Window, settings: Settings) -> None:
        #: Held so that nothing else gets its identity.
        self.playbook = playbook
        self.search = Search(playbook, window)
        #: Everybody, and those whom it was narrowed to.
        self.all = Standing(replace(window, among=None))
        self.some = Standing(replace(window, among=()))
        self._store, self._settings = store, settings

    def move(self, window: Window, among: Sequence[int] | None = None) -> None:
        (self.all if among is None else self.some).move(replace(window, among=among))

    @cached_property
    def news_of_all(self) -> sa.Select[Any]:
        return _news(self.playbook, candidates(self.playbook, self.all, self._settings))

    @cached_property
    def news_of_some(self) -> sa.Select[Any]:
        return _news(self.playbook, self._candidates)

    @cached_property
    def turned(self) -> sa.Executable | None:
        return self.playbook.trigger.turned(self.all)

    @cached_property
    def refuse(self) -> Any:
        return _refusals(self._store, self.playbook, self.some, self._welcome)

    @cached_property
    def let_in(self) -> Any:
        return _enrollments(self._store, self.playbook, self.some, self._welcome)

    @cached_property
    def forget(self) -> Any:
        return _forgotten_refusals(self.playbook, self.some)

    @cached_property
    def hold_out(self) -> Any:
        return _holdout(self._store, self.playbook, self.some)

    @cached_property
    def watch(self) -> Sequence[Any]:
        return self.playbook.trigger.transitions(self.some, self._store)

    @cached_property
    def looked_by(self) -> str:
        """By what else it looks than by the people, as `news.looked_by`."""
        return looked_by(self.playbook, self.all, self._settings)

    @cached_property
    def _candidates(self) -> sa.Select[Any]:
        return candidates(self.playbook, self.some, self._settings)

    @property
    def _welcome(self) -> sa.Select[Any]:
        return sa.select(self._candidates.subquery("candidate"))


_DOORS: dict[tuple[object, ...], Door] = {}
#: Doors kept. A playbook that changes, or whose fields do, is read again and so gets another one.
_DOORS_KEPT = 256


def _door(store: Store, playbook: Playbook, window: Window, settings: Settings) -> Door:
    key = (store.is_sqlite, id(playbook), settings.customers, settings.currency, window.max_lateness)
    door = _DOORS.get(key)
    if door is None or door.playbook is not playbook:
        if len(_DOORS) >= _DOORS_KEPT:
            _DOORS.pop(next(iter(_DOORS)))
        door = _DOORS[key] = Door(store, playbook, window, settings)
    return door


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Who stands otherwise at a playbook's door than is written down."""

    contacts: Sequence[int] = ()
    #: Occasions that begin now: all, and those of people who are written to.
    welcome: int = 0
    treated: int = 0
    #: Occasions refused, or refused for another reason than before.
    refused: int = 0
    #: Who was looked at one by one; None where it was everybody.
    among: Sequence[int] | None = None

    def __add__(self, other: Arrivals) -> Arrivals:
        return Arrivals(
            [*self.contacts, *other.contacts],
            self.welcome + other.welcome,
            self.treated + other.treated,
            self.refused + other.refused,
            self.among,
        )


def seek(
    store: Store, connection: sa.Connection, playbook: Playbook, window: Window, settings: Settings, marks: Marks
) -> Sequence[int]:
    """For whom something is new since the last tick; their numbers, in order."""
    look_by_index(connection)
    return _door(store, playbook, window, settings).search.people(connection, window, marks)


def look(
    store: Store,
    connection: sa.Connection,
    playbook: Playbook,
    window: Window,
    settings: Settings,
    among: Sequence[int] | None = None,
) -> Arrivals:
    """What a tick has to write of these people, or of everybody."""
    door = _door(store, playbook, window, settings)
    look_by_index(connection)
    if among is None:
        door.move(window)
        if door.turned is None:
            return _told(connection.execute(door.news_of_all))
        among = sorted(set(connection.scalars(door.turned)))
    arrivals = Arrivals(among=among)
    for portion in _portions(among, _LOOKED_AT):
        door.move(window, portion)
        arrivals += _told(connection.execute(door.news_of_some))
    return arrivals


#: People looked at by one question, and people who enter in one transaction: others write meanwhile.
_LOOKED_AT = 20_000
_AT_ONCE = 500


def _portions(people: Sequence[int], size: int) -> list[Sequence[int]]:
    return [people[start : start + size] for start in range(0, len(people), size)]


def _news(playbook: Playbook, welcome: sa.Select[Any]) -> sa.Select[Any]:
    """Who of the candidates begins now, or is refused otherwise than is written down; a row each."""
    one, told = welcome.subquery("candidate"), decisions.alias("told")
    known = sa.and_(
        told.c.playbook == playbook.id,
        told.c.contact_id == one.c.contact_id,
        told.c.occasion == one.c.occasion,
        told.c.step == "",
    )
    begins, refused = one.c.refusal.is_(None), one.c.refusal.is_not(None)
    return (
        sa.select(
            one.c.contact_id,
            _number(begins).label("welcome"),
            _number(sa.and_(begins, one.c.arm == "treated")).label("treated"),
            _number(refused).label("refused"),
        )
        .outerjoin(told, known)
        .where(sa.or_(begins, told.c.reason.is_distinct_from(one.c.refusal)))
        .group_by(one.c.contact_id)
        .order_by(one.c.contact_id)
    )


def _number(of: Any) -> Any:
    return sa.func.sum(sa.case((of, 1), else_=0))


def _told(rows: sa.Result[Any]) -> Arrivals:
    contacts, welcome, treated, refused = array("q"), 0, 0, 0
    for row in rows:
        contacts.append(row.contact_id)
        welcome, treated, refused = welcome + row.welcome, treated + row.treated, refused + row.refused
    return Arrivals(contacts, welcome, treated, refused)


def enroll(
    store: Store, playbook: Playbook, window: Window, settings: Settings, arrivals: Arrivals, *, brake: Brake | None
) -> Entered:
    """Lets everybody in who has arrived: one INSERT … SELECT a portion of people, nobody twice for one occasion."""
    door = _door(store, playbook, window, settings)
    held = bool(arrivals.treated) and too_many(store, playbook, brake, arrivals.treated)
    did = Entered(playbook.id)
    portions = _portions(arrivals.contacts, _AT_ONCE)
    for portion in portions:
        door.move(window, portion)
        with store.write() as connection:
            look_by_index(connection)
            did += _let_in(store, connection, door, window, arrivals, held=held)
            if held and portion is portions[-1]:
                note_brake(connection, playbook, window)
    if playbook.trigger.watches is not None and (window.first_look or arrivals.among):
        _watch(store, door, window, arrivals)
    return did


def _watch(store: Store, door: Door, window: Window, arrivals: Arrivals) -> None:
    """Keeps the states that the trigger found, in the transaction that says when: the next tick goes by both."""
    looked = {"last_tick_at": window.now, "watched": door.playbook.trigger.watches}
    with store.write() as connection:
        look_by_index(connection)
        for among in _portions(arrivals.among or (), _LOOKED_AT):
            door.move(window, among)
            for transition in door.watch:
                connection.execute(transition)
        connection.execute(playbooks.update().where(playbooks.c.id == door.playbook.id).values(**looked))


def _let_in(
    store: Store, connection: sa.Connection, door: Door, window: Window, arrivals: Arrivals, *, held: bool
) -> Entered:
    refused = changed(connection, door.refuse) if arrivals.refused else 0
    entered = changed(connection, door.let_in) if arrivals.welcome else 0
    holdout = braked = 0
    if entered:
        connection.execute(door.forget)
        if door.playbook.keys.mode == "restart":
            _end_earlier(store, connection, door.playbook, door.some)
        holdout = changed(connection, door.hold_out)
        braked = hold(store, connection, door.playbook, window) if held else 0
    return Entered(door.playbook.id, entered - holdout - braked, holdout, refused, braked)


def finish(
    store: Store, looked_at: Sequence[tuple[Playbook, Window]], settings: Settings, marks: Marks, now: datetime
) -> None:
    """The tick is through: the next one asks what is new from here on."""
    ids = [playbook.id for playbook, _ in looked_at]
    with store.write() as connection:
        known = dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.looked_by)).all())
        connection.execute(playbooks.update().where(playbooks.c.id.in_(ids)).values(last_tick_at=now))
        for playbook, window in looked_at:
            if known.get(playbook.id) != (digest := _door(store, playbook, window, settings).looked_by):
                connection.execute(playbooks.update().where(playbooks.c.id == playbook.id).values(looked_by=digest))
    forget(store, marks)


def strangers(
    store: Store, connection: sa.Connection, looked_at: Sequence[tuple[Playbook, Window]], settings: Settings
) -> frozenset[str]:
    """The playbooks whose last look does not stand for today's: new, edited, or left out since then."""
    p = playbooks.c
    rows = {row.id: row for row in connection.execute(sa.select(p.id, p.last_tick_at, p.looked_by))}
    latest = max((row.last_tick_at for row in rows.values() if row.looked_by), default=None)
    return frozenset(
        playbook.id
        for playbook, window in looked_at
        if (row := rows.get(playbook.id)) is None
        or window.first_look
        or row.looked_by != _door(store, playbook, window, settings).looked_by
        or row.last_tick_at != latest
    )


def call_in(
    store: Store, playbook: Playbook, window: Window, settings: Settings, contact: int, call: str
) -> str | None:
    """Lets one person in whom somebody calls; what kept them out, if anything did. The trigger goes on as it was."""
    called = replace(playbook, trigger=Called(contact=contact, call=call, at=window.now))
    door = Door(store, called, window, settings)
    door.move(window, [contact])
    with store.write() as connection:
        refused = changed(connection, door.refuse)
        entered = changed(connection, door.let_in)
        if entered and playbook.keys.mode == "restart":
            _end_earlier(store, connection, playbook, door.some)
        held_out = changed(connection, door.hold_out) if entered else 0
        if entered and not held_out:
            return None
        told = sa.select(decisions.c.reason).where(
            decisions.c.playbook == playbook.id,
            decisions.c.contact_id == contact,
            decisions.c.occasion == f"call {call}",
            decisions.c.step == "",
        )
        return str(connection.scalar(told)) if refused or held_out else GONE


def _now(window: Window) -> Any:
    return window.value(lambda current: current.now, Instant())


def _enrollments(store: Store, playbook: Playbook, window: Window, welcome: sa.Select[Any]) -> Any:
    now = _now(window)
    one = welcome.selected_columns
    # Mail that is no marketing goes to them as well.
    held_out = one.arm == "holdout" if not playbook.serves else sa.false()
    rows = sa.select(
        sa.literal(playbook.id),
        sa.literal(playbook.version),
        one.contact_id,
        one.occasion,
        one.anchor,
        one.facts,
        one.arm,
        sa.case((held_out, "done"), else_="active"),
        sa.literal(playbook.steps[0].id),
        sa.literal(0),
        one.occurred_at,
        now,
        now,
        now,
        sa.case((held_out, now), else_=sa.cast(sa.null(), Instant)),
        sa.case((held_out, "holdout"), else_=sa.cast(sa.null(), sa.Text)),
    ).where(one.refusal.is_(None))
    rows = rows.order_by(one.contact_id, one.occasion)
    columns = (
        "playbook version contact_id occasion anchor facts arm state step attempt"
        " occurred_at step_since due_at entered_at ended_at reason"
    )
    return store.insert(enrollments).from_select(columns.split(), rows).on_conflict_do_nothing()


def _refusals(store: Store, playbook: Playbook, window: Window, welcome: sa.Select[Any]) -> Any:
    """One row an occasion, updated when the reason changes; the occasion is not used up while it may still begin."""
    one = welcome.selected_columns
    rows = _decision_rows(playbook, window, one, one.refusal, "skipped").where(one.refusal.is_not(None))
    insert = store.insert(decisions).from_select(_DECISION_COLUMNS, rows)
    return insert.on_conflict_do_update(
        index_elements=[decisions.c.playbook, decisions.c.contact_id, decisions.c.occasion, decisions.c.step],
        set_={"reason": insert.excluded.reason, "at": insert.excluded.at, "version": insert.excluded.version},
        where=decisions.c.reason != insert.excluded.reason,
    )


def _holdout(store: Store, playbook: Playbook, window: Window) -> Any:
    one = enrollments.c
    reason = sa.literal(HELD_OUT)
    rows = _decision_rows(playbook, window, one, reason, "skipped").where(
        one.playbook == playbook.id,
        one.entered_at == _now(window),
        one.arm == "holdout",
        window.concerns(one.contact_id),
    )
    return store.insert(decisions).from_select(_DECISION_COLUMNS, rows).on_conflict_do_nothing()


_DECISION_COLUMNS = ["at", "playbook", "version", "contact_id", "occasion", "step", "action", "arm", "status", "reason"]


def _decision_rows(playbook: Playbook, window: Window, one: Any, reason: Any, status: str) -> sa.Select[Any]:
    return sa.select(
        _now(window),
        sa.literal(playbook.id),
        sa.literal(playbook.version),
        one.contact_id,
        one.occasion,
        sa.literal(""),
        sa.literal("enter"),
        one.arm,
        sa.literal(status),
        reason,
    )


def _end_earlier(store: Store, connection: sa.Connection, playbook: Playbook, window: Window) -> None:
    """Whoever has just entered again leaves the passage before; what is being handed over goes on."""
    newer = enrollments.alias("newer")
    earlier = (
        enrollments.c.playbook == playbook.id,
        enrollments.c.state.in_(["active", "braked"]),
        enrollments.c.entered_at < _now(window),
        window.concerns(living(enrollments.c.contact_id)),
        sa.exists().where(
            newer.c.playbook == playbook.id,
            newer.c.contact_id == living(enrollments.c.contact_id),
            newer.c.entered_at == _now(window),
        ),
    )
    ended = _decision_rows(playbook, window, enrollments.c, sa.literal(BEGAN_ANEW), "ended").where(*earlier)
    connection.execute(store.insert(decisions).from_select(_DECISION_COLUMNS, ended).on_conflict_do_nothing())
    values = {"state": "ended", "ended_at": _now(window), "reason": BEGAN_ANEW}
    connection.execute(enrollments.update().where(*earlier).values(**values))


def _forgotten_refusals(playbook: Playbook, window: Window) -> Any:
    """Whoever came in after all is refused no longer."""
    came_in = sa.exists().where(
        enrollments.c.playbook == playbook.id,
        enrollments.c.entered_at == _now(window),
        enrollments.c.contact_id == decisions.c.contact_id,
        enrollments.c.occasion == decisions.c.occasion,
    )
    return decisions.delete().where(
        decisions.c.playbook == playbook.id, decisions.c.step == "", window.concerns(decisions.c.contact_id), came_in
    )


def unregistered(store: Store, healthy: Sequence[Playbook]) -> list[Playbook]:
    """Those that the store does not know like this: new, edited or renamed ones."""
    with store.read() as connection:
        known = dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.version)).all())
    return [playbook for playbook in healthy if known.get(playbook.id) != playbook.version]


def register(store: Store, healthy: Sequence[Playbook], now: datetime, *, indexes: bool = True) -> None:
    """Makes the playbooks known to the store: first tick, version, and the indexes that find who is due."""
    if not healthy:
        return
    with store.read() as connection:
        if _knows(connection, healthy, indexes=indexes):
            return
    with store.write() as connection:
        versions = _versions(connection)
        for playbook in healthy:
            if playbook.keys.was not in {other.id for other in healthy}:
                _take_over(connection, playbook)
            connection.execute(
                store.insert(playbooks)
                .values(id=playbook.id, version=playbook.version, first_tick_at=now, last_tick_at=now)
                .on_conflict_do_update(index_elements=["id"], set_={"version": playbook.version})
            )
            connection.execute(
                store.insert(playbook_versions)
                .values(playbook=playbook.id, version=playbook.version, body=playbook.body, at=now)
                .on_conflict_do_nothing()
            )
            if playbook.keys.on_edit == "move" and versions.get(playbook.id) != playbook.version:
                _move_inside(connection, playbook, now)
        if not indexes:
            return
        there = _indexes(connection)
        for anchor in _anchors(healthy):
            if anchor.name not in there:
                connection.execute(anchor.ddl(connection.dialect))


def _knows(connection: sa.Connection, healthy: Sequence[Playbook], *, indexes: bool) -> bool:
    """Whether the store knows these playbooks as they are, which it does at nearly every tick."""
    versions = _versions(connection)
    return (
        all(versions.get(playbook.id) == playbook.version for playbook in healthy)
        and versions.keys().isdisjoint(playbook.keys.was for playbook in healthy)
        and (not indexes or _indexes(connection) >= {anchor.name for anchor in _anchors(healthy)})
    )


def _versions(connection: sa.Connection) -> dict[str, str]:
    return dict(connection.execute(sa.select(playbooks.c.id, playbooks.c.version)).all())


def _anchors(healthy: Sequence[Playbook]) -> set[Anchor]:
    return {anchor for playbook in healthy for anchor in playbook.anchors}


def _indexes(connection: sa.Connection) -> set[str]:
    """The names of those that are there: on PostgreSQL IF NOT EXISTS would wait for everybody who writes contacts."""
    if connection.dialect.name == "sqlite":
        return set(connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'index'")))
    return set(connection.scalars(sa.text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")))


def _take_over(connection: sa.Connection, playbook: Playbook) -> None:
    """Whoever is inside under the older id `was:` goes on under the new one, with all its past."""
    was = playbook.keys.was
    if was is None or connection.scalar(sa.select(playbooks.c.id).where(playbooks.c.id == was)) is None:
        return
    if connection.scalar(sa.select(playbooks.c.id).where(playbooks.c.id == playbook.id)) is not None:
        return
    connection.execute(
        playbooks.update()
        .where(playbooks.c.id == was)
        .values(id=playbook.id, salt=sa.func.coalesce(playbooks.c.salt, was))
    )
    for table in (playbook_versions, enrollments, decisions, sends, trigger_states):
        connection.execute(table.update().where(table.c.playbook == was).values(playbook=playbook.id))


def _move_inside(connection: sa.Connection, playbook: Playbook, now: datetime) -> None:
    """Those inside follow the edit, wherever their next step is still there, and are looked at anew."""
    connection.execute(
        enrollments.update()
        .where(
            enrollments.c.playbook == playbook.id,
            enrollments.c.version != playbook.version,
            enrollments.c.state.in_(["active", "braked"]),
            enrollments.c.step.in_([step.id for step in playbook.steps]),
        )
        .values(version=playbook.version, due_at=now, waits_for=None)
    )
