"""What the values of a told event may be: amounts, times, keys, addresses, and fields of one's own.

Each type checks, and says the same in JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, WithJsonSchema

#: Kinds that conditions and triggers know from tables of their own: what came under one would count twice.
OWN_KINDS = ("any", "mention", "message", "order", "ticket", "ticket_solved")
#: Amounts beyond it are no shop's.
LARGEST = 1_000_000_000
#: Numbers that JSON's readers agree on.
LARGEST_PROPERTY = 2**53
LONGEST_PROPERTY = 2000


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f'must be a number such as 19.90 or "19.90", is {value!r}')
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f'must be a number such as 19.90 or "19.90", is {value!r}') from None
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise ValueError(f"must be a number of at most {LARGEST:,}, is {value!r}")
    return amount


def _moment(at: datetime) -> datetime:
    if not 1970 <= at.year < 2100:
        raise ValueError(f"must be a time between 1970 and 2100, is {at.isoformat()}")
    return at.astimezone(UTC)


def whole(value: Any) -> Any:
    """JSON knows one kind of number: 9.0 is 9."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _property(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case int() | float() if abs(value) <= LARGEST_PROPERTY:
            return value
        case str() if len(value) <= LONGEST_PROPERTY:
            return value
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."
    raise ValueError(
        f"must be a text of at most {LONGEST_PROPERTY:,} characters, a number within ±{LARGEST_PROPERTY:,}, "
        f"true, false or null, is {shown}"
    )


def _kind(kind: str) -> str:
    if kind in OWN_KINDS:
        raise ValueError(f"{kind!r} is told of as a type of its own, or not at all; take another word")
    return kind


#: Shops write amounts as numbers or, to keep them exact, as texts.
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
                {"type": "string", "pattern": r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$"},
            ]
        }
    ),
]
Moment = Annotated[AwareDatetime, AfterValidator(_moment)]
#: What stands for something at whoever tells it; no `|`, by which keys of several parts are joined.
Key = Annotated[str, Field(pattern=r"^[^\x00-\x20|]([^\x00-\x1f|]{0,198}[^\x00-\x20|])?$")]
_SIGN = r'[^\x00-\x20@<>",;:]'
Email = Annotated[str, Field(max_length=254, pattern=rf"^{_SIGN}{{1,64}}@{_SIGN}+\.{_SIGN}{{2,}}$")]
Name = Annotated[str, Field(max_length=200)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Kind = Annotated[Word, AfterValidator(_kind), Field(json_schema_extra={"not": {"enum": list(OWN_KINDS)}})]
Property = Annotated[Any, BeforeValidator(_property)]
_PROPERTY = {
    "anyOf": [
        {"type": "string", "maxLength": LONGEST_PROPERTY},
        {"type": "number", "minimum": -LARGEST_PROPERTY, "maximum": LARGEST_PROPERTY},
        {"type": "boolean"},
        {"type": "null"},
    ]
}
Properties = Annotated[
    Mapping[Word, Property],
    Field(max_length=50),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,59}$"},
            "additionalProperties": _PROPERTY,
        }
    ),
]
