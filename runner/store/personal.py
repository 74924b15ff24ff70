"""Which rows are about a person, table by table, and what is left of each when the person is erased.

What Regulars did stays countable, and orders keep their day and amount; whose they were is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.records import BY_TABLE
from runner.store.facts import REFERENCES
from runner.store.tables import contact_sources, contacts, facts, metadata, sends, tombstones

#: What stands where something of an erased person stood.
ERASED = "erased"

#: Rows that go altogether.
GOES = (
    *("contact_changes", "own_words", "consents", "contact_companies", "deal_contacts", "trigger_states", "tasks"),
    *("memberships", "testimonials"),
)

#: Of these a text tells of the matter and not of the person. Every other text of a fact is emptied.
_MATTER = frozenset(
    "status currency pipeline stage kind scale product interval feature sku category store_id site campaign_id"
    " direction".split()
)
#: What a contact is still counted by.
_COUNTED = frozenset(
    "id key draw zone bad_timezone created_at merged_into custom customer_since first_order_at last_order_at"
    " orders_count revenue nps_score nps_at csat_score csat_at last_answer_at last_click_at open_tickets mrr"
    " churn_risk points seen_at changed_at deleted_at".split()
)


def about(table: sa.Table, people: Sequence[int]) -> sa.ColumnElement[bool] | None:
    """Which of a table's rows are about these people; None where none ever is."""
    if table is contacts:
        return contacts.c.id.in_(people)
    if table is tombstones:
        return None
    if _leads_to(table, "contact_id", "contacts"):
        return table.c.contact_id.in_(people)
    if _leads_to(table, "contact_source", "contact_sources"):
        theirs = sa.select(contact_sources.c.id).where(contact_sources.c.contact_id.in_(people))
        return table.c.contact_source.in_(theirs)
    if "send_id" in table.c:
        return table.c.send_id.in_(sa.select(sends.c.id).where(sends.c.contact_id.in_(people)))
    return None


def _leads_to(table: sa.Table, column: str, other: str) -> bool:
    return column in table.c and any(key.column.table.name == other for key in table.c[column].foreign_keys)


def personal_tables() -> list[sa.Table]:
    """Every table with rows about people, those that others point to last."""
    return [table for table in reversed(metadata.sorted_tables) if about(table, []) is not None]


def left_of(table: sa.Table) -> Mapping[str, Any]:
    """What an erased person's row holds from then on, column by column; the other columns stay."""
    if table.name in OURS:
        return OURS[table.name]
    if table is contacts:
        emptied: dict[str, Any] = {column.name: None for column in table.c if column.name not in _COUNTED}
        return {**emptied, "custom": {}, "opted_out": True}
    if table.name in facts:
        return _left_of_fact(table)
    raise LookupError(f"nobody has said what is left of {table.name} when a person is erased")


def _numbered(table: sa.Table) -> Any:
    """Something in place of what must be there, and be unlike any other row's."""
    return sa.literal(f"{ERASED}:") + sa.cast(table.c.id, sa.Text)


def _left_of_fact(table: sa.Table) -> Mapping[str, Any]:
    record = BY_TABLE[table.name]
    ids = {*record.key, "order_id"} - REFERENCES.keys()
    left: dict[str, Any] = {}
    for column in table.c:
        if isinstance(column.type, sa.Text) and column.name not in _OF_ROWS | _MATTER | ids:
            left[column.name] = None if column.nullable else ERASED
    if "custom" in table.c:
        left["custom"] = {}
    if REFERENCES.keys() & set(record.key):
        left["source_id"] = _numbered(table)
    return left


_OF_ROWS = frozenset(("connector", "source_id", "row_hash"))


def _ours() -> Mapping[str, Mapping[str, Any]]:
    tables = metadata.tables
    return {
        "contact_sources": {"source_id": _numbered(tables["contact_sources"]), "fields": None, "row_hash": None},
        "enrollments": {"facts": {}, "occasion": _numbered(tables["enrollments"]), "reason": ERASED},
        "decisions": {"occasion": _numbered(tables["decisions"]), "reason": ERASED, "seen": None},
        "sends": {"address": ERASED, "texts": None, "reason": None, "message_id": None},
        # Who it was is kept as it was judged: without the evidence nobody could judge again.
        "mail_events": {
            **dict.fromkeys(("reason", "url", "user_agent", "ip")),
            "told": tables["mail_events"].c.actor,
        },
        "answers": {"comment": None},
        "writes": {"payload": {}, "target": None, "reason": ERASED},
        "purchases": {},
        "points": {"words": None},
        # That somebody was brought, and what was given for it, is the other's.
        "friends": dict.fromkeys(("address", "consent_words", "reason")),
        "suppressions": {},  # its address becomes a hash of it
    }


OURS = _ours()
