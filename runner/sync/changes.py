"""What a contact's fields were before: kept from the first sync on, because nobody can ask for it later."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

#: The fields whose history is kept; custom fields too, each by its name.
TRACKED = (
    "email", "first_name", "last_name", "country", "language", "timezone", "zone", "birthday", "lifecycle_stage",
    "owner", "opted_out", "consent", "is_test", "customer_since", "company_id", "nps_score", "csat_score",
)  # fmt: skip


def changes(
    contact_id: int,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    known_fields: Collection[str] | None,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """Rows for `contact_changes`.

    A source that tells of somebody for the first time (`known_fields` None), or a custom field that nobody had so
    far, fills what was empty without a change: it says what was true all along.
    """
    for name, old, new in _differing(before, after):
        first_told = known_fields is None or (name not in TRACKED and name not in known_fields)
        if old is not None or not first_told:
            values = {"field": name, "old": _json(old), "new": _json(new)}
            yield {"contact_id": contact_id, **values, "at": now, "seen_at": now}


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in TRACKED:
        if name in after and before[name] != after[name]:
            yield name, before[name], after[name]
    if "custom" in after:
        old, new = before["custom"], after["custom"]
        for name in sorted((old.keys() | new.keys()) - set(TRACKED)):  # Those are told by their column.
            if old.get(name) != new.get(name):
                yield name, old.get(name), new.get(name)


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
