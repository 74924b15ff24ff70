"""What a trigger is: a frozen model whose fields are its YAML keys and which gives one SELECT of who fires."""

from __future__ import annotations

import json
from abc import abstractmethod
from calendar import isleap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa

from runner import clock
from runner.conditions import Field, Fields, Kind, Today
from runner.duration import Duration
from runner.store import Store
from runner.store.functions import month_day, month_day_of_text, numbers_in, row_field
from runner.store.tables import contact_sources, contacts
from runner.store.types import Id, Instant, Json
from runner.yaml_types import Part

NO_TIME = Duration(0, "day")


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late an occasion may still begin, and the key that says so."""

    key: str
    allowed: Duration


@dataclass(frozen=True, slots=True)
class Named:
    """A field that a trigger's key names, and what it must hold."""

    key: str
    name: str
    #: Of whom it may be.
    owners: Sequence[str] = ("contact",)
    #: What it may hold; anything where none is given.
    kinds: Sequence[Kind] = ()


#: What a day can be found in.
DATES = (Kind.DATE, Kind.TIME)


@dataclass(frozen=True, slots=True)
class Window:
    """The span of time a tick looks at: everything that came due in (since, now]."""

    #: The playbook's own first tick: what was so before it is existing and does not fire.
    first: datetime
    since: datetime
    now: datetime
    #: A fact older than this starts nothing any more.
    max_lateness: Duration
    #: The time zones people live in.
    zones: tuple[str, ...]
    fields: Fields
    #: Whose window it is.
    playbook: str = ""
    #: Whether the trigger looks for the first time: what is so now was so before.
    first_look: bool = False
    #: The contacts looked at; None for everybody.
    among: Sequence[int] | None = None
    #: Whether nothing is caught up: only what came due after `since` is asked for.
    newly: bool = False

    @property
    def newest(self) -> Window:
        """What comes due in (since, now] by the passing of time alone."""
        return replace(self, newly=True, max_lateness=NO_TIME, among=None)

    def concerns(self, contact: Any) -> Any:
        """Whether a contact's number is among those looked at; `enroll` narrows every trigger by it."""
        if self.among is None:
            return sa.true()
        numbers = self.value(lambda current: json.dumps(list(current.among or ())), sa.Text())
        return contact.in_(numbers_in(numbers))

    @property
    def today(self) -> Today:
        return Today(self.now, self.zones)

    def value(self, of: Callable[[Window], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        """Something about this window, for a statement."""
        return sa.literal(of(self), kind)


class Standing(Window):
    """A window that moves with the ticks: what is built with it once is executed at each with that tick's values."""

    __slots__ = ("_today", "current")

    current: Window
    _today: Today

    def __init__(self, window: Window) -> None:
        super().__init__(**{field.name: getattr(window, field.name) for field in dataclass_fields(Window)})
        self.move(window)

    def move(self, window: Window) -> None:
        object.__setattr__(self, "current", window)
        object.__setattr__(self, "_today", window.today)

    @property
    def today(self) -> Today:
        return Today(self.now, self.zones, value=lambda of, kind: _asked(lambda: of(self._today), kind))

    def value(self, of: Callable[[Window], Any], kind: sa.types.TypeEngine[Any]) -> Any:
        told: list[Any] = [None, None]

        def once_a_tick() -> Any:
            if told[0] is not self.current:
                told[:] = self.current, of(self.current)
            return told[1]

        return _asked(once_a_tick, kind)


def _asked(value: Callable[[], Any], kind: sa.types.TypeEngine[Any]) -> Any:
    """A parameter whose value is asked for when the statement is executed."""
    return sa.bindparam(None, callable_=value, type_=kind, unique=True)


class Trigger(Part):
    """An edge that makes contacts enter, once an occasion."""

    #: How YAML calls it.
    name: ClassVar[str]
    #: As it may be written, and what is its occasion, for the reference.
    example: ClassVar[str]
    its_occasion: ClassVar[str]
    #: What `explain` says where it looks at no field of the contact and did not fire.
    silence: ClassVar[str] = "nothing of the kind happened"

    @abstractmethod
    def matches(self, window: Window) -> sa.Select[Any]:
        """Who fired, with the columns of `match_columns`; at most one row a contact and occasion.

        Of a window that is `newly` only what came due in (since, now] need be there, more does no harm.
        """

    @abstractmethod
    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        """The reason in words, from what the SELECT brought: `2 years since customer_since`."""

    def comes_due(self, window: Window) -> bool:
        """Whether anything can come due in a window that is `newly`, for a reason other than that somebody changed.

        False saves a look at the store. Whoever changed, in a column or by a fact, is looked at in any case.
        """
        return True

    def turns(self, fields: Fields) -> bool:
        """Whether time alone may turn what it asks of something that has come due before."""
        return False

    def due(self, window: Window, newest: Window) -> sa.Executable:
        """Whom the passing of time alone brings: their numbers. More do no harm. `newest` is the same window, newly."""
        match = self.matches(window if self.turns(window.fields) else newest).subquery("match")
        return sa.select(match.c.contact_id).distinct()

    def turned(self, window: Window) -> sa.Executable | None:
        """Of a trigger that keeps states: of whom it is otherwise than is kept, or came to be so not long ago.

        Nobody else can fire, so that a look at everybody need look at these alone. None where it keeps none.
        """
        return None

    @property
    def concerns_company(self) -> bool:
        """Whether one of a company's people hears of what is the company's: it changes who when another one changes."""
        return False

    def says(self) -> str:
        """When it fires, for `explain`: `anniversary of contact.birthday`."""
        return self.name.replace("_", " ")

    def reason(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        """Why somebody is inside: what fired, or that a person called them in."""
        return BY_HAND if CALL in facts else self.why(facts, anchor)

    @property
    def brings(self) -> Sequence[str]:
        """What templates and conditions may name because of it: `answer`, `order`."""
        return ()

    def lateness(self, window: Window) -> Lateness | None:
        """How late an occasion may still begin; None where being late does no harm."""
        return None

    def same_occasion(self, earlier: Any, match: Any) -> tuple[Any, str] | None:
        """When an earlier enrollment was for this occasion under another name, and what is said of it."""
        return None

    def reach(self, window: Window) -> timedelta:
        """How far back the occasions lie that a window at most brings, the time since the last tick left aside."""
        lateness = self.lateness(window)
        return max(window.max_lateness.span, lateness.allowed.span if lateness else NO_TIME.span)

    def names(self) -> Sequence[Named]:
        """The fields that its keys name, so that `check` can tell whether they are there."""
        return ()

    def asks(self, fields: Fields) -> Mapping[str, tuple[str, Fields]]:
        """Its keys that are conditions: what is asked, and the fields that it may name."""
        return {}

    def looks_at(self, fields: Fields) -> Sequence[str]:
        """The fields of the contact whose values `explain` tells."""
        return [named.name for named in self.names() if named.name in fields]

    def anchors(self, fields: Fields) -> Sequence[Anchor]:
        """The indexes by which the database finds who can be due."""
        return ()

    def left_out(self, window: Window) -> sa.Select[Any] | None:
        """How many people it leaves out at its first look, because it was so before; None where that cannot be."""
        return None

    def state(self, connection: sa.Connection, contact: int, window: Window) -> str | None:
        """What it remembers of a contact, for `explain`."""
        return None

    @property
    def watches(self) -> str | None:
        """What it keeps the states of contacts of, as a text that changes with it; None where it keeps none."""
        return None

    def transitions(self, window: Window, store: Store) -> Sequence[sa.Executable]:
        """What is written of those states, in the enrolling transaction, once those who fired are in."""
        return ()


#: The fact that stands for a call by hand, and what it is called as a reason.
CALL = "call"
BY_HAND = "enrolled by hand"


def match_columns(
    *, contact: Any = contacts.c.id, occasion: Any, occurred_at: Any, anchor: Any = None, facts: Any
) -> list[sa.Label[Any]]:
    """The columns every trigger's SELECT has, in their order."""
    return [
        sa.type_coerce(contact, Id).label("contact_id"),
        sa.type_coerce(occasion, sa.Text).label("occasion"),
        sa.cast(sa.null(), sa.Date).label("anchor")
        if anchor is None
        else sa.type_coerce(anchor, sa.Date).label("anchor"),
        sa.type_coerce(occurred_at, Instant).label("occurred_at"),
        sa.type_coerce(facts, Json).label("facts"),
    ]


def person(source: Any) -> sa.ScalarSelect[Any]:
    """The contact a source row stands for today, mergers followed."""
    own = contacts.alias("own")
    return (
        sa.select(sa.func.coalesce(own.c.merged_into, own.c.id))
        .join(contact_sources, contact_sources.c.contact_id == own.c.id)
        .where(contact_sources.c.id == source)
        .scalar_subquery()
    )


#: Before everything.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DueDay:
    """A local day on which something is due in one zone, and the day it is about."""

    zone: str
    #: The day the occasion is about: the due day, or one before or after it.
    target: date
    day: date
    due_at: datetime


def due_days(window: Window, at: time, *, offset: int, back_to: datetime) -> Iterator[DueDay]:
    """The local days whose hour `at` came in (back_to, now]; the target lies `offset` days before the due day."""
    for zone in window.zones:
        day = clock.local(window.now, zone).date()
        while (due_at := clock.at_local(day, at, zone)) > back_to:
            if due_at <= window.now:
                yield DueDay(zone, day - timedelta(days=offset), day, due_at)
            day -= timedelta(days=1)


def back_to(window: Window, catch_up: Duration) -> datetime:
    """How far a date trigger looks: to the last tick, at least by `catch_up`, no further than that before the first."""
    if window.newly:
        return max(window.since, window.first - catch_up.span)
    return max(min(window.since, window.now - catch_up.span), window.first - catch_up.span)


def month_days(target: date, leap_day: str) -> list[int]:
    """The yearly days that fall on this date: its own, and 29 February where the year has none."""
    found = [target.month * 100 + target.day]
    stands_in = {"feb28": (2, 28), "mar1": (3, 1)}.get(leap_day)
    if not isleap(target.year) and (target.month, target.day) == stands_in:
        found.append(229)
    return found


class DayTable:
    """Due days as rows for a SELECT to join: `zone`, the target's `number`, `target`, its `start_at` and `end_at`, …

    The rows travel as one JSON parameter, so that the statement is the same at every tick and compiled once.
    """

    def __init__(self, window: Window, rows: Callable[[Window], list[tuple[Any, ...]]], name: str = "due_days") -> None:
        written = window.value(lambda current: json.dumps(rows(current), default=_written), sa.Text())
        row = sa.func.json_rows(written).table_valued(sa.column("value"))
        columns = [row_field(row.c.value, place, kind).label(name) for place, (name, kind) in enumerate(_COLUMNS)]
        # Read once: the database would take the text apart again for every contact it looks at.
        self.values = sa.select(*columns).select_from(row).cte(name).prefix_with("MATERIALIZED")

    @property
    def c(self) -> Any:
        return self.values.c


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("zone", sa.Text()),
    ("number", sa.Integer()),
    ("target", sa.Date()),
    ("day_text", sa.Text()),
    ("start_at", Instant()),
    ("end_at", Instant()),
    ("due_at", Instant()),
    ("occasion", sa.Text()),
    #: Whose draws it is about, where it is not about everybody's.
    ("draw_from", sa.Float()),
    ("draw_to", sa.Float()),
)


def _written(value: date | datetime) -> str:
    """As SQLite keeps it, which PostgreSQL reads as well: its sessions are in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat()


#: One row a day, without a number.
UNNUMBERED = (0,)


def day_rows(
    days: Iterable[DueDay], occasion: str, *, numbers: Callable[[DueDay], Sequence[int]] = lambda _: UNNUMBERED
) -> list[tuple[Any, ...]]:
    """The due days as rows, one a number; `occasion` may name {target} and {year}, the year of the target."""
    rows: list[tuple[Any, ...]] = []
    for due in days:
        start, end = local_span(due.target, due.zone)
        text = due.target.isoformat()
        name = occasion.format(target=text, year=due.target.year)
        for number in numbers(due):
            rows.append((due.zone, number, due.target, text, start, end, due.due_at, name))
    return rows


#: The first year in which an instant may lie that has anniversaries.
FIRST_YEAR = 1990


def yearly_spans(days: Iterable[DueDay], occasion: str, *, leap_day: str) -> list[tuple[Any, ...]]:
    """The due days as rows, one for each earlier year: the local day in it that an instant must lie on."""
    rows: list[tuple[Any, ...]] = []
    for due in days:
        name = occasion.format(target=due.target.isoformat(), year=due.target.year)
        for year in range(FIRST_YEAR, due.target.year + 1):
            for number in month_days(due.target, leap_day):
                if number == 229 and not isleap(year):
                    continue
                day = date(year, number // 100, number % 100)
                rows.append(
                    (due.zone, number, due.target, day.isoformat(), *local_span(day, due.zone), due.due_at, name)
                )
    return rows


def local_span(day: date, zone: str) -> tuple[datetime, datetime]:
    """The instants between which a local day lies."""
    return clock.midnight(day, zone), clock.midnight(day + timedelta(days=1), zone)


def day_table(
    window: Window,
    due: Callable[[Window], Iterable[DueDay]],
    occasion: str,
    *,
    numbers: Callable[[DueDay], Sequence[int]] = lambda _: UNNUMBERED,
) -> DayTable:
    """`day_rows` as a table."""
    return DayTable(window, lambda current: day_rows(due(current), occasion, numbers=numbers))


@dataclass(frozen=True, slots=True)
class Anchor:
    """An index on contacts by which the database finds who can be due; made when a playbook that needs it is loaded."""

    name: str
    expressions: tuple[Any, ...] = field(compare=False)

    def ddl(self, dialect: sa.Dialect) -> sa.TextClause:
        bare = {"include_table": False, "literal_binds": True}
        parts = ", ".join(f"({e.compile(dialect=dialect, compile_kwargs=bare)})" for e in self.expressions)
        return sa.text(f"CREATE INDEX IF NOT EXISTS {self.name} ON contacts ({parts})".replace(":", r"\:"))


def yearly_anchor(field: Field) -> Anchor:
    """The index that serves a yearly day of a field."""
    if field.kind is Kind.TIME:
        return dated_anchor(field)
    return Anchor(f"ix_anchor_{field.word}_yearly", (yearly(field), contacts.c.zone))


def dated_anchor(field: Field) -> Anchor:
    """The index that serves a field's own day; an instant's local day is a span that differs from zone to zone."""
    if field.kind is Kind.TIME and not field.is_custom:
        return Anchor(f"ix_anchor_{field.word}_by_zone", (contacts.c.zone, field.column))
    return Anchor(f"ix_anchor_{field.word}", (field.written,))


def yearly(field: Field) -> Any:
    """The field's month and day as the due days have it."""
    return month_day_of_text(field.written) if field.is_custom else month_day(field.column)


@dataclass(frozen=True, slots=True)
class Yearly:
    """The due days for a yearly date, as SQL."""

    days: Any
    #: Whether a contact's field lies on one of them.
    on_day: Any
    #: The local day it all began, and how many years ago that is.
    began: Any
    years: Any


def yearly_table(
    window: Window, field: Field, due: Callable[[Window], Iterable[DueDay]], occasion: str, *, leap_day: str
) -> Yearly:
    """The due days on which a field comes round; not before the field's own year."""
    if field.kind is Kind.TIME:
        # Which local day an instant lies on no index knows: it is looked for in each year's span.
        spans = DayTable(window, lambda current: yearly_spans(due(current), occasion, leap_day=leap_day)).c
        years = sa.extract("year", spans.target) - sa.cast(sa.func.substr(spans.day_text, 1, 4), sa.Integer)
        on_day = sa.and_(field.column >= spans.start_at, field.column < spans.end_at)
        return Yearly(spans, on_day, spans.day_text, years)
    rows = day_table(window, due, occasion, numbers=lambda due: month_days(due.target, leap_day)).c
    years = sa.extract("year", rows.target) - sa.extract("year", field.column)
    # Of some people each is looked at, not everybody of a day.
    number = yearly(field) if window.among is None else yearly(field) + 0
    return Yearly(rows, sa.and_(number == rows.number, years >= 0), field.column, years)


def lives_in(window: Window, days: Any, field: Field | None = None) -> Any:
    """Whether the contact lives in the zone of a due day; with a field, where the index of its day knows no zone.

    The zone is hidden from the database then, and where only some people are looked at: SQLite, which knows little of
    how many live in one, would go by it.
    """
    by_zone = window.among is None and (field is None or (field.kind is Kind.TIME and not field.is_custom))
    return (contacts.c.zone if by_zone else contacts.c.zone.concat("")) == days.zone


def on_target(field: Field, days: Any) -> Any:
    """Whether the field lies on the day the occasion is about."""
    if field.kind is Kind.TIME:
        return sa.and_(field.column >= days.start_at, field.column < days.end_at)
    return field.written == days.day_text if field.is_custom else field.column == days.target
