"""How the mail does: opens by people, machines and unknown readers apart, bounces, spam reports, noes, breakers."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app.mailing import mailing
from runner.app.roster import names_of
from runner.web.console.entrance import TheRoom, show
from runner.web.public import SHOWN

router = APIRouter()

#: Spans to choose among, in days; 0 is all of it.
SPANS = {"7": "7 days", "30": "30 days", "90": "90 days", "0": "since the beginning"}


@router.api_route("/deliverability", methods=SHOWN)
def deliverability(request: Request, room: TheRoom, days: str = "30") -> Response:
    days = days if days in SPANS else "30"
    since = room.now - timedelta(days=int(days)) if days != "0" else None
    settings = room.app.settings
    return show(
        request,
        room,
        "deliverability",
        mail=mailing(room.app, since),
        days=days,
        spans=SPANS,
        names=names_of(room.app, room.readings()),
        breakers=settings.breakers,
        caps=settings.caps,
        mailers=settings.mailers,
    )
