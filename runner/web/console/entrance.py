"""Who may come in: a session's cookie on every page, and on every form a token that only our own pages have."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from runner.app import logins
from runner.app.logins import Login
from runner.web.console.frame import Guest
from runner.web.console.room import Room
from runner.web.public import TheForm

#: The session; before a login, what its form is bound to; what was done, until the next page says so.
SESSION, KNOCK, SAID = "regulars_session", "regulars_knock", "regulars_said"
#: A message is for the next page only.
BRIEFLY = timedelta(minutes=1)


class NotAdmitted(Exception):
    """The page is behind the login, and nobody is logged in."""


class Forged(Exception):
    """A form came without the token of our own pages."""


class OnlyAdmins(Exception):
    """Whoever only looks wanted to decide."""


class Missing(Exception):
    """There is no such page, playbook or contact."""


async def room_of(request: Request) -> Room:
    return cast(Room, request.app.state.room)


TheRoom = Annotated[Room, Depends(room_of)]


def admitted(request: Request, room: TheRoom) -> Login:
    """Who is logged in. Raises NotAdmitted where nobody is."""
    token = session_of(request, room)
    login = logins.whose(room.app.store, token, room.machine_now()) if token else None
    if login is None:
        raise NotAdmitted
    request.state.login = login
    return login


TheLogin = Annotated[Login, Depends(admitted)]


def decides(request: Request, room: TheRoom, login: TheLogin, form: TheForm) -> None:
    """Whatever is posted comes from a form of ours, and from somebody who may decide."""
    if request.method in ("GET", "HEAD"):
        return
    if not room.seal.is_form_token(request.cookies.get(SESSION, ""), form.get("token", "")):
        raise Forged
    if not login.may_decide:
        raise OnlyAdmins


def session_of(request: Request, room: Room) -> str:
    """What our cookie holds; empty where there is none, or it is not ours."""
    return room.seal.read(SESSION, request.cookies.get(SESSION, ""), within=logins.LASTS) or ""


# --- what is shown


def show(request: Request, room: Room, template: str, status: int = 200, /, **values: object) -> Response:
    """A page in its frame."""
    guest = guest_of(request, room)
    response = HTMLResponse(room.frame.render(guest, template, **values), status)
    if guest.said:
        response.delete_cookie(SAID, path=base(request))
    return response


def guest_of(request: Request, room: Room) -> Guest:
    login: Login | None = getattr(request.state, "login", None)
    bound = request.cookies.get(SESSION, "") if login else ""
    said = room.seal.read(SAID, request.cookies.get(SAID, ""), within=BRIEFLY) if login else None
    return Guest(request.url.path, login, room.seal.form_token(bound) if bound else "", said or "")


def back_to(request: Request, room: Room, path: str, said: str = "") -> Response:
    """Leads to another of our pages, which says what was done."""
    root = "../" * (request.url.path.count("/") - 1) or "./"
    response = RedirectResponse(f"{root}{path}", 303)
    if said:
        keep(request, room, response, SAID, room.seal.sign(SAID, said), BRIEFLY)
    return response


def keep(request: Request, room: Room, response: Response, name: str, value: str, lasts: timedelta) -> None:
    """A cookie that no script reads and no other site's form sends; over TLS only where the page came by it."""
    response.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path=base(request),
        secure=is_secure(request, room),
        httponly=True,
        samesite="lax",
    )


def is_secure(request: Request, room: Room) -> bool:
    """Whether the browser speaks TLS, perhaps to a proxy that does not say so."""
    public = room.app.settings.public_url
    host = request.headers.get("host", "")
    return request.url.scheme == "https" or public.partition("://")[::2] == ("https", host)


def base(request: Request) -> str:
    return request.scope.get("root_path") or "/"
