"""What a test tells of somebody becomes the records a connector would bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from connectors.records import BY_TABLE, Company, Contact, CustomValue, FieldType, Record, columns
from connectors.scales import SCALES
from runner import clock
from runner.cases import when
from runner.cases.model import LISTS, Row
from runner.conditions import Fields, Kind
from runner.yaml_file import closest

#: How the person and the company are called, unless the test says otherwise.
PERSON, COMPANY = "somebody", "company"
#: The tables a test may tell of.
TABLES = tuple(LISTS.values())
#: The column that `at:` means.
_AT: Mapping[str, str] = {
    "orders": "ordered_at",
    "refunds": "refunded_at",
    "surveys": "responded_at",
    "events": "at",
    "tickets": "created_at",
    "deals": "created_at",
    "carts": "created_at",
    "invoices": "due_on",
    "contracts": "ends_on",
    "subscriptions": "started_on",
    "loyalty": "joined_at",
    "referrals": "invited_at",
    "review_requests": "sent_at",
    "mentions": "at",
    "messages": "at",
    "exits": "left_on",
}
#: What a row says where the test says nothing.
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "orders": {"total": Decimal(10)},
    "surveys": {"kind": "nps"},
    "deals": {"is_won": False},
    "invoices": {"amount": Decimal(10)},
    "subscriptions": {
        "product": "plan",
        "kind": "plan",
        "interval": "month",
        "quantity": Decimal(1),
        "unit_amount": Decimal(10),
    },
    "referrals": {"referred_email": "friend@example.com"},
    "review_requests": {"site": "google"},
    "mentions": {"source": "web", "text": ""},
    "messages": {"direction": "in", "thread_id": "conversation"},
    "exits": {"reason": "unknown"},
}
#: Columns of the summary that are made of facts: a test may give them in short.
_SHORT = ("first_order_at", "last_order_at", "orders_count", "revenue", "open_tickets")


#: Facts that are made of a number at the most.
MOST_MADE = 1000


class Mistake(ValueError):
    """A value that cannot be meant: below which key, what is wrong, and what to do."""

    def __init__(self, key: str, message: str, advice: str = "") -> None:
        self.key = key
        self.message = message
        self.advice = advice
        super().__init__(f"{key}: {message}")


@dataclass(frozen=True, slots=True)
class Scene:
    """When and where what a row says is read: relative times count from `now`, others are on this zone's clock."""

    now: datetime
    zone: str
    fields: Fields
    customers: Literal["contact", "company"] = "contact"
    #: How the person and their company are called.
    person: str = PERSON
    company: str = COMPANY


def record_of(table: str, row: Row, number: int, scene: Scene, *, before: Record | None = None) -> Record:
    """The row as a record, with ids and times where it has none; it changes the one `before` of the same id.

    Raises Mistake.
    """
    kind = BY_TABLE[table]
    told = {_AT[table] if name == "at" else name: value for name, value in row.items()}
    known = {column.name: column for column in columns(kind)}
    values = {name: _value(name, told[name], known[name].type, scene) for name in told if name in known}
    custom = {name: value for name, value in told.items() if name not in known}
    if custom and not kind.takes_custom:
        name = next(iter(custom))
        there = sorted({*known, "at"} - {_AT[table]})
        raise Mistake(name, f"{table} have no {name!r}", closest(name, there) or f"there are {', '.join(there)}")
    if kind.takes_custom:
        values["custom"] = {name: _own(name, value, None, scene)[0] for name, value in custom.items()}
    if before is not None:
        return replace(before, **values)
    values = {**_usual(table, values, number, scene), **values}
    if missing := [column.name for column in columns(kind) if column.required and values.get(column.name) is None]:
        raise Mistake("", f"{missing[0]!r} is missing", "add it")
    return kind(**values)


def key_in(table: str, row: Row) -> str | None:
    """The id by which a row of the test names one that was there before."""
    names = BY_TABLE[table].key
    return str(row[names[0]]) if names and names[0] in row else None


def _usual(table: str, told: Mapping[str, Any], number: int, scene: Scene) -> dict[str, Any]:
    values: dict[str, Any] = dict(_USUAL.get(table, {}))
    for column in columns(BY_TABLE[table]):
        if column.name in ("contact_id", "referrer_id"):
            values[column.name] = scene.person
        elif column.name == "customer_id":
            values["customer_id"] = scene.company if scene.customers == "company" else scene.person
        elif column.name in BY_TABLE[table].key and column.type is str:
            values[column.name] = f"{table}-{number}"
        elif column.name == _AT[table] or (column.required and column.type in (date, datetime)):
            values[column.name] = scene.now if column.type is datetime else _today(scene)
    if table == "surveys":
        values["scale"] = str(SCALES.get(str(told.get("kind", "nps")), ""))
    if table == "deals" and "stage" in told:
        values["is_won"] = told["stage"] == "closedwon"
        values["closed_at"] = told.get("created_at", scene.now) if values["is_won"] else None
    if table == "invoices":
        values["issued_on"] = told.get("due_on", _today(scene)) - timedelta(days=14)
    return values


def _today(scene: Scene) -> date:
    return when.When().day(scene.now, scene.zone)


def _value(name: str, value: Any, kind: type, scene: Scene) -> Any:
    if value is None:
        return None
    try:
        return _READ[kind](value, scene)
    except (ValueError, ArithmeticError) as error:
        words = str(error) if not isinstance(error, ArithmeticError) else f"must be a number, is {value!r}"
        message, _, advice = words.partition("; ")
        raise Mistake(name, message, advice) from None


def _text(value: Any, _: Scene) -> str:
    if isinstance(value, bool | dict | list):
        raise ValueError(f"must be a text, is {value!r}")
    return str(value)


def _truth(value: Any, _: Scene) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, is {value!r}")
    return value


def _number(value: Any, _: Scene) -> Decimal:
    if isinstance(value, bool | dict | list | date):
        raise ValueError(f"must be a number, is {value!r}")
    return Decimal(str(value))


_READ: Mapping[type, Callable[[Any, Scene], Any]] = {
    str: _text,
    bool: _truth,
    int: lambda value, scene: int(_number(value, scene)),
    float: lambda value, scene: float(_number(value, scene)),
    Decimal: _number,
    date: lambda value, scene: when.read(value).day(scene.now, scene.zone),
    datetime: lambda value, scene: when.read(value).instant(scene.now, scene.zone),
}

# --- the person

#: The columns of a contact that say who it is: these the playbook knew before `now`, the rest it has just learned.
IDENTITY = ("contact_id", "email", "first_name", "last_name", "company_id", "country", "language", "timezone")


@dataclass(frozen=True, slots=True)
class Known:
    """A person as records: the contact, what their summary is made of, and the types of their own fields."""

    contact: Contact
    facts: Sequence[Record]
    types: Mapping[str, FieldType]


def known_of(row: Row, scene: Scene, *, consent: str | None) -> Known:
    """The contact that some fields describe. Raises Mistake."""
    values: dict[str, Any] = {"email": f"{PERSON}@example.com", "consent": consent}
    values["created_at"] = scene.now - timedelta(days=3650)
    known = {column.name: column for column in columns(Contact)}
    custom: dict[str, CustomValue] = {}
    types: dict[str, FieldType] = {}
    for name, value in row.items():
        if name in _SHORT:
            continue
        if value is None and name in known and known[name].required:
            continue
        if name in known:
            values[name] = _value(name, value, known[name].type, scene)
        else:
            custom[name], kind = _own(name, value, scene.fields, scene)
            if value is not None or f"contact.{name}" in scene.fields:
                types[name] = kind
    values["contact_id"] = scene.person
    contact = Contact(**{**values, "custom": {name: value for name, value in custom.items() if value is not None}})
    return Known(contact, _in_short(row, scene, contact), types)


def contact_of(row: Row, scene: Scene, *, consent: str | None = None) -> Contact:
    return known_of(row, scene, consent=consent).contact


def company_of(row: Row, scene: Scene) -> tuple[Company, Mapping[str, FieldType]]:
    """The company, and the types of its own fields. Raises Mistake."""
    known = {column.name: column for column in columns(Company)}
    values = {name: _value(name, value, known[name].type, scene) for name, value in row.items() if name in known}
    own = {name: _own(name, value, scene.fields, scene, "company") for name, value in row.items() if name not in known}
    custom = {name: value for name, (value, _) in own.items()}
    company = Company(**{"company_id": scene.company, "name": "Their company", **values, "custom": custom})
    return company, {name: kind for name, (_, kind) in own.items()}


def zone_of(contact: Row, company: Row | None, account: str) -> str:
    """Whose clock it is: the person's where theirs is a zone, else the company's, else the account's."""
    told = (contact.get("timezone"), (company or {}).get("timezone"))
    return next((str(zone) for zone in told if zone and clock.zone(str(zone))), account)


_KINDS: Mapping[Kind, FieldType] = {
    Kind.TEXT: FieldType.TEXT,
    Kind.NUMBER: FieldType.NUMBER,
    Kind.BOOL: FieldType.BOOL,
    Kind.DATE: FieldType.DATE,
    Kind.TIME: FieldType.TIME,
}


def _own(
    name: str, value: Any, fields: Fields | None, scene: Scene, word: str = "contact"
) -> tuple[CustomValue, FieldType]:
    """The value of a field of one's own as it is kept, and what it holds: as the store knows it, else as it looks."""
    full = f"{word}.{name}"
    kind = _KINDS[fields[full].kind] if fields is not None and full in fields else looks_like(value)
    read = _value(name, value, _PYTHON[kind], scene)
    if isinstance(read, date):
        return read.isoformat(), kind
    return (float(read) if isinstance(read, Decimal) else read), kind


_PYTHON: Mapping[FieldType, type] = {
    FieldType.TEXT: str,
    FieldType.NUMBER: Decimal,
    FieldType.BOOL: bool,
    FieldType.DATE: date,
    FieldType.TIME: datetime,
}


def looks_like(value: Any) -> FieldType:
    """What a value nobody has told of holds."""
    match value:
        case bool():
            return FieldType.BOOL
        case int() | float():
            return FieldType.NUMBER
        case str() | date():
            try:
                read = when.read(value)
            except ValueError:
                return FieldType.TEXT
            return FieldType.DATE if read.is_day else FieldType.TIME
    return FieldType.TEXT


def _in_short(row: Row, scene: Scene, contact: Contact) -> list[Record]:
    """The orders and tickets that come to what the summary is said to be."""
    count = _count("orders_count", row, scene)
    times = [_value(name, row.get(name), datetime, scene) for name in ("first_order_at", "last_order_at")]
    first, last = (times[0] or times[1] or scene.now), (times[1] or times[0] or scene.now)
    revenue = _value("revenue", row.get("revenue"), Decimal, scene)
    if "orders_count" not in row and any(times):
        count = 1 if first == last else 2
    if first > last:
        raise Mistake("first_order_at", "is after last_order_at")
    each = revenue / count if revenue and count else Decimal(10)
    at = [first, *[last] * (count - 1)] if count > 1 else [last] * count
    orders = [
        record_of("orders", {"order_id": f"known-{n}", "ordered_at": moment, "total": each}, n, scene)
        for n, moment in enumerate(at, 1)
    ]
    tickets = _count("open_tickets", row, scene)
    opened = scene.now - timedelta(days=1)
    return orders + [
        record_of("tickets", {"ticket_id": f"known-{n}", "created_at": opened}, n, scene) for n in range(1, tickets + 1)
    ]


def _count(name: str, row: Row, scene: Scene) -> int:
    number = _value(name, row.get(name), Decimal, scene) or 0
    if not 0 <= number <= MOST_MADE or number != int(number):
        raise Mistake(name, f"must be a whole number up to {MOST_MADE}, is {number}")
    return int(number)


def in_short(row: Row) -> list[str]:
    """Which of the person's fields stand for facts."""
    return [name for name in _SHORT if name in row]
