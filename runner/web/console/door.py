"""Where people log in and out. An unknown address, a wrong password and a right one look alike until the end."""

from __future__ import annotations

import secrets

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app import logins
from runner.web.console.entrance import (
    KNOCK,
    SESSION,
    Forged,
    TheRoom,
    back_to,
    base,
    keep,
    session_of,
    show,
)
from runner.web.console.room import Room
from runner.web.guard import client_of
from runner.web.public import SHOWN, TheForm

log = structlog.get_logger()
router = APIRouter()


@router.api_route("/login", methods=SHOWN)
def door(request: Request, room: TheRoom, to: str = "") -> Response:
    return _door(request, room, to=to)


@router.post("/login")
def log_in(request: Request, room: TheRoom, form: TheForm) -> Response:
    if not room.seal.is_form_token(request.cookies.get(KNOCK, ""), form.get("token", "")):
        return _door(request, room, 403, to=form.get("to", ""), why="stale")
    email, place = form.get("email", ""), client_of(request.scope)
    if not room.attempts.allows(place, email):
        log.warning("a login was tried too often", action="login")
        return _door(request, room, 429, to=form.get("to", ""), email=email, why="often")
    with room.at_the_door:
        login = logins.recognise(room.app.store, email, form.get("password", ""))
    if login is None:
        log.warning("a login failed", action="login")
        return _door(request, room, 401, to=form.get("to", ""), email=email, why="wrong")
    room.attempts.forget(place, email)
    log.info("logged in", action="login", login=login.id)
    response = back_to(request, room, _ours(form.get("to", "")))
    session = room.seal.sign(SESSION, logins.begin(room.app.store, login, room.machine_now()))
    keep(request, room, response, SESSION, session, logins.LASTS)
    response.delete_cookie(KNOCK, path=base(request))
    return response


@router.post("/logout")
def log_out(request: Request, room: TheRoom, form: TheForm) -> Response:
    if not room.seal.is_form_token(request.cookies.get(SESSION, ""), form.get("token", "")):
        raise Forged
    logins.end(room.app.store, session_of(request, room))
    response = back_to(request, room, "login")
    response.delete_cookie(SESSION, path=base(request))
    return response


def _door(request: Request, room: Room, status: int = 200, /, *, to: str, email: str = "", why: str = "") -> Response:
    """The form, bound to a cookie of this browser, so that no other site can log anybody in."""
    knock = request.cookies.get(KNOCK) or secrets.token_urlsafe(16)
    response = show(
        request,
        room,
        "login",
        status,
        to=_ours(to),
        email=email,
        why=why,
        token=room.seal.form_token(knock),
        anybody=logins.anybody(room.app.store),
    )
    keep(request, room, response, KNOCK, knock, logins.LASTS)
    if status == 429:
        response.headers["Retry-After"] = "30"
    return response


def _ours(to: str) -> str:
    """A path of ours without its first slash; anything else leads home."""
    path = to.lstrip("/\\")
    return path if path.isprintable() and ":" not in path.partition("?")[0] and "\\" not in path else ""
