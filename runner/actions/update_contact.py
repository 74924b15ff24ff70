"""Sets fields of the contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field, field_validator

from runner.actions.base import Work
from runner.conditions import Fields
from runner.conditions.fields import Kind
from runner.yaml_file import closest

#: The columns that a playbook may set, as a person may in the CRM; any field of one's own besides.
COLUMNS = ("first_name", "last_name", "country", "language", "birthday", "lifecycle_stage", "owner")
#: What a field may be set to: a text (perhaps with `{{ … }}`), a number, yes or no, a day, or nothing.
Value = str | bool | int | float | date | datetime | None


class UpdateContact(Work):
    """Sets fields of the contact, here at once and then in the CRM it comes from."""

    name: ClassVar[str] = "update_contact"
    example: ClassVar[str] = "update_contact: {id: stage, set: {lifecycle_stage: evangelist, owner: care@acme.example}}"
    kind: ClassVar[str] = "property"
    keeps_types: ClassVar[bool] = True

    #: Field → value; a text may hold `{{ … }}`, and one that is nothing else keeps its type: `"{{ today }}"`.
    fields: Mapping[str, Value] = Field(alias="set")

    @field_validator("fields")
    @classmethod
    def _some(cls, fields: Mapping[str, Value]) -> Mapping[str, Value]:
        if not fields:
            raise ValueError("sets nothing; write a field and its value below it")
        return fields

    def wording(self) -> Mapping[str, Any]:
        return {"set": self.fields}

    def says(self) -> str:
        told = ", ".join(f"{name} to {'nothing' if value is None else value}" for name, value in self.fields.items())
        return f"set {told}"

    def mistakes(self, fields: Fields) -> Iterator[tuple[str, str, str]]:
        """Each name that cannot be set: the name, what is wrong with it, and advice."""
        own = [name.removeprefix("contact.") for name in fields.names if _is_own(name, fields)]
        for name in self.fields:
            if f"contact.{name}" not in fields:
                yield name, f"contact has no {name!r}", closest(name.removeprefix("contact."), [*COLUMNS, *own])
            elif name not in COLUMNS and name not in own:
                yield name, f"{name!r} is nothing that a playbook may set", "set a field of your own"


def _is_own(name: str, fields: Fields) -> bool:
    return name.startswith("contact.") and fields[name].is_custom


def fitting(kind: Kind, value: Any) -> Any:
    """The value as a field of that kind keeps it in JSON. Raises ValueError where it does not fit."""
    match kind, value:
        case _, None | "":
            return None
        case Kind.BOOL, bool():
            return value
        case Kind.BOOL, "true" | "True" | "yes" | "false" | "False" | "no":
            return value.lower() in ("true", "yes")
        case Kind.NUMBER, bool():
            pass
        case Kind.NUMBER, int() | float() | Decimal() | str():
            return _number(value)
        case Kind.DATE, datetime():
            return value.date().isoformat()
        case Kind.DATE, date() | str():
            return _day(value)
        case Kind.TIME, datetime() if value.tzinfo is not None:
            return value.isoformat()
        case Kind.TIME, str():
            return _time(value)
        case Kind.TEXT, str():
            return value.replace("\0", "")
        case Kind.TEXT, bool():
            return "true" if value else "false"
        case Kind.TEXT, int() | float() | Decimal():
            return str(_number(value))
        case Kind.TEXT, date():
            return value.isoformat()
    raise ValueError(f"must be a {kind}, is {value!r}")


def _number(value: int | float | Decimal | str) -> int | float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"must be a number, is {value!r}") from None
    if not abs(number) < 9e14:  # More than any database keeps exactly, or no number at all.
        raise ValueError(f"must be a number that can be kept, is {value!r}")
    return int(number) if number.is_integer() else number


def _day(value: date | str) -> str:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value[:10])
    except ValueError:
        raise ValueError(f"must be a date such as 2026-11-22, is {value!r}") from None
    return day.isoformat()


def _time(value: str) -> str:
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise ValueError(f"must be a time with its zone such as 2026-11-22T09:00:00Z, is {value!r}")
    return time.isoformat()
