"""Conditions as Jinja itself evaluates them: its own compiler, with the product's words given as globals.

Jinja knows no value that is equal to none and false in every comparison. `Missing` is one: an order with it is false,
`==` too save with none or another missing one, and reckoning with it comes to a missing value again. Jinja's own hook
for operators makes division by zero missing too.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jinja2.filters import do_lower
from jinja2.sandbox import SandboxedEnvironment

from tests.core.crowd import Fact


class Missing(str):
    """A text, so that Python lets it stand before `in`; one that is in no other."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __new__(cls) -> Missing:
        return super().__new__(cls, "\ue000")

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Missing)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def _never(self, _: Any) -> bool:
        return False

    def __neg__(self) -> Missing:
        return self

    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = startswith = endswith = _never  # type: ignore[assignment]


MISSING = Missing()


class Written:
    """Compares with itself as it is written, too."""

    @staticmethod
    def _read(other: Any) -> Any:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return super().__eq__(self._read(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> Any:
        return super().__lt__(self._read(other))  # type: ignore[misc]

    def __le__(self, other: Any) -> Any:
        return super().__le__(self._read(other))  # type: ignore[misc]

    def __gt__(self, other: Any) -> Any:
        return super().__gt__(self._read(other))  # type: ignore[misc]

    def __ge__(self, other: Any) -> Any:
        return super().__ge__(self._read(other))  # type: ignore[misc]


class Day(Written, date):
    """A date that is compared with a written one as well, and may be called: `today` and `today()`."""

    def __call__(self) -> Day:
        return self

    @staticmethod
    def _read(other: Any) -> Any:
        return date.fromisoformat(other) if type(other) is str else other

    __hash__ = date.__hash__


class Moment(Written, datetime):
    """A time, likewise; without a zone it is written in UTC."""

    @staticmethod
    def _read(other: Any) -> Any:
        return datetime.fromisoformat(other).replace(tzinfo=UTC) if type(other) is str else other

    __hash__ = datetime.__hash__


class Jinja(SandboxedEnvironment):
    """Jinja's environment with the product's tests, filters and arithmetic."""

    intercepted_binops = frozenset("+-*/")

    def __init__(self) -> None:
        super().__init__(autoescape=False)
        self.tests |= {
            "none": lambda value: value is None or isinstance(value, Missing),
            "defined": lambda value: value is not None and not isinstance(value, Missing),
            "startingwith": _asked(str.startswith),
            "endingwith": _asked(str.endswith),
            "containing": _asked(str.__contains__),
        }
        self.filters["lower"] = lambda text: text if isinstance(text, Missing) else do_lower(text)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Missing) or isinstance(right, Missing) or (operator == "/" and right == 0):
            return MISSING
        return super().call_binop(context, operator, float(left), float(right))


def _asked(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda text, part: not isinstance(text, Missing) and not isinstance(part, Missing) and test(text, part)


JINJA = Jinja()


class Word:
    """`contact` or `company`: whatever it lacks is missing."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        return self.values.get(name, MISSING)


class Many:
    """`events`, `events.login`, `events["page view"].value`: facts, perhaps those of one kind, perhaps their number."""

    def __init__(self, facts: Sequence[Fact], now: datetime, number: str | None = None) -> None:
        self.facts, self.now, self.number = facts, now, number

    def __getattr__(self, name: str) -> Many:
        if name in ("value", "minutes", "total", "score"):
            return Many(self.facts, self.now, name)
        return Many([fact for fact in self.facts if fact.kind == name], self.now)

    __getitem__ = __getattr__

    def within(self, span: str | None) -> list[Fact]:
        number, unit = span.split() if span else ("100000", "days")
        begin = self.now - timedelta(**{unit: int(number)})
        return [fact for fact in self.facts if begin < fact.at <= self.now]


class Twin:
    """Everybody as Jinja sees them."""

    def __init__(self, people: Mapping[int, Mapping[str, Any]], facts: Mapping[int, Sequence[Fact]]) -> None:
        self._people, self._facts = people, facts
        self._seen: dict[datetime, dict[int, dict[str, Any]]] = {}

    def holds(self, source: str, now: datetime) -> set[int]:
        """For whom Jinja says yes."""
        ask = JINJA.compile_expression(source, undefined_to_none=False)
        return {id for id, seen in self._at(now).items() if ask(**seen)}

    def _at(self, now: datetime) -> dict[int, dict[str, Any]]:
        if now not in self._seen:
            everybody = self._people.items()
            self._seen[now] = {id: _globals(values, self._facts[id], now) for id, values in everybody}
        return self._seen[now]


def _globals(values: Mapping[str, Any], facts: Iterable[Fact], now: datetime) -> dict[str, Any]:
    zone = ZoneInfo(values["contact.zone"])
    today = _wrapped(now.astimezone(zone).date())
    words: dict[str, dict[str, Any]] = {"contact": {}, "company": {}}
    for name, value in values.items():
        word, _, attr = name.partition(".")
        words[word][attr] = _wrapped(value, attr)
    many = {
        word: Many([fact for fact in facts if fact.word == word], now)
        for word in ("events", "orders", "tickets", "answers")
    }
    functions = {"count": _count, "sum": _sum, "last": _last}
    functions |= {
        "days_since": lambda when: _days_since(when, now, today),
        "days_until": lambda when: _negative(_days_since(when, now, today)),
        "months_since": lambda when: _months_since(when, today, zone),
    }
    return {
        **{word: Word(own) for word, own in words.items()},
        **many,
        **functions,
        "today": today,
        "now": _wrapped(now),
    }


def _wrapped(value: Any, name: str = "") -> Any:
    match value:
        case None:
            return MISSING
        case Decimal():
            return float(value)
        case datetime():
            return Moment.fromisoformat(value.isoformat())
        case date():
            return Day.fromisoformat(value.isoformat())
        case str() if name == "renews":
            return Day.fromisoformat(value)
        case str() if name == "trial_end":
            return Moment.fromisoformat(value)
    return value


def _count(many: Many, within: str | None = None) -> int:
    return len(many.within(within))


def _sum(many: Many, within: str | None = None) -> float:
    return sum((fact.numbers or {})[many.number or ""] for fact in many.within(within))


def _last(many: Many, within: str | None = None) -> Any:
    return _wrapped(max((fact.at for fact in many.within(within)), default=None))


def _negative(value: Any) -> Any:
    return value if isinstance(value, Missing) else -value


def _days_since(when: Any, now: datetime, today: date) -> Any:
    if isinstance(when, datetime):
        return (now - when).total_seconds() / 86400
    return when if isinstance(when, Missing) else (date(today.year, today.month, today.day) - when).days


def _months_since(when: Any, today: date, zone: ZoneInfo) -> Any:
    """By the day on which this month's turn comes."""
    if isinstance(when, Missing):
        return when
    start = when.astimezone(zone).date() if isinstance(when, datetime) else when
    months = (today.year - start.year) * 12 + today.month - start.month
    turn = min(start.day, monthrange(today.year, today.month)[1])
    return months if turn <= today.day else months - 1
