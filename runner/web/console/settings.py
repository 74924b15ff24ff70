"""The settings in force, each with where it comes from; who has a login; and all that `doctor` finds."""

from __future__ import annotations

from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app import logins
from runner.app.deliverability import PATIENCE, ask_dns
from runner.app.doctor import examine
from runner.app.origins import settings_in_force
from runner.app.overview import pulse
from runner.web.console.entrance import TheLogin, TheRoom, show
from runner.web.public import SHOWN

router = APIRouter()


@router.api_route("/settings", methods=SHOWN)
def settings(request: Request, room: TheRoom, login: TheLogin) -> Response:
    told = settings_in_force(room.app)
    groups = [(name, list(some)) for name, some in groupby(told, key=lambda one: one.group)]
    plain = [one for _, some in groups for one in some if "." not in one.key]
    return show(
        request,
        room,
        "settings",
        plain=plain,
        groups=[(name, some) for name, some in groups if any("." in one.key for one in some)],
        logins=logins.admitted(room.app.store) if login.may_decide else [],
        pulse=pulse(room.app),
    )


@router.api_route("/doctor", methods=SHOWN)
def doctor(request: Request, room: TheRoom) -> Response:
    """Looks everywhere, at the name servers for no longer than a visitor waits; what they have not said is told."""
    return show(request, room, "doctor", found=examine(room.app, ask_dns(within=PATIENCE)))
