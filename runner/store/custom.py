"""A custom field's values as its type has them: what two sources tell of one field need not be of one kind."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from connectors.records import CustomValue, FieldType

#: What no database casts to a number any more is beyond it.
_LARGEST = 1e299
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,10})?")


def is_kind(value: CustomValue, kind: FieldType) -> bool:
    """Whether a value is kept as this type keeps its own; anything else counts as missing."""
    match kind:
        case FieldType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
        case FieldType.BOOL:
            return isinstance(value, bool)
        case FieldType.DATE:
            return isinstance(value, str) and len(value) == 10 and value[7] == "-" and _day(value) is not None
        case FieldType.TIME:
            return isinstance(value, str) and value[7:14:6] == "-:" and _time(value) is not None
    return True


def as_kind(value: CustomValue, kind: FieldType) -> CustomValue:
    """The value as this type keeps it. Raises ValueError where it is none."""
    if value is None or (kind is not FieldType.TEXT and is_kind(value, kind)):
        return value
    text = str(value).strip()
    match kind:
        case FieldType.TEXT:
            return value if isinstance(value, str) else text.lower() if isinstance(value, bool) else text
        case FieldType.NUMBER if _NUMBER.fullmatch(text) and not isinstance(value, bool):
            return float(text) if "." in text else int(text)
        case FieldType.BOOL if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case FieldType.DATE if (at := _time(text)) is not None:
            return at.date().isoformat()
        case FieldType.TIME if (day := _day(text)) is not None:
            return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat()
    raise ValueError(f"is no {kind}")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
