"""Our own programmes told as connectors tell of others': memberships, referrals, words given, for figures to count.

Of a review on somebody else's site nobody tells us whether it was written, so requests for one are no facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from runner.reward.happenings import sources_of
from runner.settings.review_sites import OWN
from runner.store import Store
from runner.store.ours import OURS
from runner.store.tables import contacts, facts, friends, points, sends, testimonials

#: Rows of one transaction.
_SOME = 250
#: States in which a friend was brought by somebody.
_BROUGHT = ("signed_up", "bought", "due", "rewarded", "lapsed")


def tell_facts(store: Store, since: datetime | None, now: datetime) -> None:
    """What has changed since; all of it where `since` is None."""
    with store.read() as connection:
        told: Mapping[str, list[dict[str, Any]]] = {
            "loyalty": list(_members(connection, since)),
            "referrals": list(_friends(connection, since)),
            "review_requests": list(_requests(connection, since)),
        }
    for name, rows in told.items():
        for start in range(0, len(rows), _SOME):
            _keep(store, facts[name], rows[start : start + _SOME], now)


def _members(connection: sa.Connection, since: datetime | None) -> Iterable[dict[str, Any]]:
    """Who has earned points is a member since then."""
    new = [points.c.at >= since] if since is not None else []
    who = sa.select(points.c.contact_id).where(*new)
    first = sa.select(points.c.contact_id, sa.func.min(points.c.at, type_=points.c.at.type).label("at"))
    for row in connection.execute(first.where(points.c.contact_id.in_(who)).group_by(points.c.contact_id)):
        yield {"person": row.contact_id, "source_id": str(row.contact_id), "joined_at": row.at}


def _friends(connection: sa.Connection, since: datetime | None) -> Iterable[dict[str, Any]]:
    """A friend by number, not by address: who they are stands with the contact."""
    new = [friends.c.seen_at >= since] if since is not None else []
    living = sa.func.coalesce(contacts.c.merged_into, contacts.c.id).label("person")
    chosen = sa.select(friends, living).join_from(friends, contacts, contacts.c.id == friends.c.referrer_id)
    for row in connection.execute(chosen.where(friends.c.contact_id.is_not(None), *new)):
        number = str(row.id)
        yield {
            "person": row.person,
            "source_id": number,
            "referral_id": number,
            "referred_email": f"contact {row.contact_id}",
            "invited_at": row.at,
            "converted_at": row.bought_at if row.state in _BROUGHT else None,
            "deleted_at": None if row.state in _BROUGHT else row.seen_at,
        }


def _requests(connection: sa.Connection, since: datetime | None) -> Iterable[dict[str, Any]]:
    given = testimonials.c.consent_at
    new = [sa.or_(sends.c.claimed_at >= since, given >= since)] if since is not None else []
    chosen = sa.select(sends.c.id, sends.c.contact_id, sends.c.claimed_at, given.label("given")).outerjoin_from(
        sends, testimonials, testimonials.c.send_id == sends.c.id
    )
    asked = sends.c.action == "request_review", sends.c.about == OWN, sends.c.state == "accepted"
    for row in connection.execute(chosen.where(*asked, *new)):
        at = {"sent_at": row.claimed_at, "reviewed_at": row.given}
        yield {"person": row.contact_id, "source_id": row.id, "request_id": row.id, "site": OWN, **at}


def _keep(store: Store, table: sa.Table, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    with store.write() as connection:
        sources = sources_of(connection, {row["person"] for row in rows})
        known = [_row(table, row, sources[row["person"]], now) for row in rows if row["person"] in sources]
        if not known:
            return
        insert = store.insert(table)
        new = {name: insert.excluded[name] for name in known[0] if name not in ("connector", "source_id", "seen_at")}
        differs = insert.excluded.row_hash != table.c.row_hash
        upsert = insert.on_conflict_do_update(index_elements=["connector", "source_id"], set_=new, where=differs)
        connection.execute(upsert, known)


def _row(table: sa.Table, row: Mapping[str, Any], source: Any, now: datetime) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name != "person"}
    who = "referrer_id" if "referrer_id" in table.c else "contact_id"
    digest = hashlib.blake2b(ascii(sorted(told.items(), key=str)).encode(), digest_size=16).hexdigest()
    ours = {"connector": OURS, "contact_source": source.id, who: source.source_id, "row_hash": digest, "seen_at": now}
    return {"deleted_at": None, **told, **ours}
