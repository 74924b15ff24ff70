"""People: found by address, name or id; of each their life with us, and why playbooks do or do not reach them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app import decisions
from runner.app.called import find_contact
from runner.app.finding import MOST, people_called
from runner.app.life import life
from runner.app.looking import explained
from runner.app.roster import names_of
from runner.store.tables import contact_sources, contacts
from runner.web.console.confirming import Question
from runner.web.console.entrance import Missing, TheLogin, TheRoom, back_to, show
from runner.web.console.room import Room
from runner.web.public import SHOWN

router = APIRouter()

#: Fields that the head of the page shows; the rest stands below.
_SHOWN = (
    *("customer_since", "orders_count", "revenue", "last_order_at", "nps_score", "csat_score", "churn_risk"),
    *("lifecycle_stage", "owner", "country", "language", "mrr", "open_tickets", "tier", "points"),
)


@router.api_route("/contacts", methods=SHOWN)
def search(request: Request, room: TheRoom, q: str = "") -> Response:
    q = q.strip()
    with room.app.store.read() as connection:
        ids = people_called(connection, q)
        if len(ids) == 1:
            return back_to(request, room, f"contacts/{ids[0]}")
        c = contacts.c
        chosen = sa.select(c.id, c.email, c.first_name, c.last_name, c.country, c.last_order_at, c.orders_count)
        living = chosen.where(c.deleted_at.is_(None), c.merged_into.is_(None))
        some = living.where(c.id.in_(ids)) if q else living.order_by(c.changed_at.desc()).limit(MOST)
        people = list(connection.execute(some)) if ids or not q else []
    if q:
        people.sort(key=lambda one: ids.index(one.id))
    return show(request, room, "contacts", people=people, q=q, most=MOST)


@router.api_route("/contacts/{id:int}", methods=SHOWN)
def contact(request: Request, room: TheRoom, id: int) -> Response:
    row = _row(room, id)
    if row["merged_into"] is not None:
        return back_to(request, room, f"contacts/{row['merged_into']}", "This contact was merged into another one.")
    person, told = explained(room.app, id, None, room.now)
    with room.app.store.read() as connection:
        moments = life(connection, id)
        s = contact_sources.c
        sources = connection.execute(sa.select(s.connector, s.source_id).where(s.contact_id == id).order_by(s.id)).all()
    return show(
        request,
        room,
        "contact",
        person=person,
        row=row,
        facts={name: row[name] for name in _SHOWN if row[name] not in (None, "")},
        custom={name: value for name, value in sorted((row["custom"] or {}).items()) if value not in (None, "")},
        sources=sources,
        life=moments,
        names=names_of(room.app, room.readings()),
        explained=sorted(told, key=lambda one: (_rank(one.state), one.playbook)),
    )


@router.api_route("/contacts/{called}", methods=SHOWN)
def by_name(request: Request, room: TheRoom, called: str) -> Response:
    """A source id or an address, as commands take them, leads to the page of that person."""
    with room.app.store.read() as connection:
        found = find_contact(connection, called)
    if found is None:
        raise Missing
    return back_to(request, room, f"contacts/{found}")


def _rank(state: str) -> int:
    """Those that concern the person stand first."""
    if state.startswith("inside") or state in ("fires now", "waits for approval"):
        return 0
    return {"finished": 1, "ended": 1, "holdout": 1, "kept out": 2, "not fired": 3}.get(state, 4)


@router.api_route("/contacts/{id:int}/{verb}", methods=SHOWN)
def ask(request: Request, room: TheRoom, id: int, verb: str) -> Response:
    address = _address(room, id)
    match verb:
        case "suppress":
            words = f"No playbook writes to {address} any more, service mail included, until somebody lifts it."
            question = Question(f"Never write to {address}?", words, "Never write there", f"contacts/{id}", grave=True)
        case "unsuppress":
            words = "What a hand or a bounce set is lifted. The person's own no stays: only they can take that back."
            question = Question(f"May {address} be written to again?", words, "Lift it", f"contacts/{id}")
        case _:
            raise Missing
    return show(request, room, "confirm", question=question, fields={}, people=[], more=0)


@router.post("/contacts/{id:int}/{verb}")
def decide(request: Request, room: TheRoom, login: TheLogin, id: int, verb: str) -> Response:
    address = _address(room, id)
    match verb:
        case "suppress":
            new = decisions.suppress(room.app, address, by=login.email)
            said = f"{address} is not written to any more." if new else f"{address} was suppressed already."
        case "unsuppress":
            lifted, kept = decisions.unsuppress(room.app, address, by=login.email)
            said = f"{lifted} lifted." if lifted else "There was nothing to lift."
            said += f" Kept, since only the person can take it back: {', '.join(kept)}." if kept else ""
        case _:
            raise Missing
    return back_to(request, room, f"contacts/{id}", said)


def _row(room: Room, id: int) -> Mapping[str, Any]:
    with room.app.store.read() as connection:
        row = connection.execute(sa.select(contacts).where(contacts.c.id == id)).mappings().one_or_none()
    if row is None or row["deleted_at"] is not None:
        raise Missing
    return dict(row)


def _address(room: Room, id: int) -> str:
    address = _row(room, id)["address"]
    if address is None:
        raise Missing
    return str(address)
