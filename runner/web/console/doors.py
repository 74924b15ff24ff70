"""The pages' routes: the door itself, and behind it everything else, where nothing can be reached without a login."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from runner.app.finding import make_findable
from runner.errors import RegularsError
from runner.web.console import (
    answers,
    contacts,
    deliverability,
    door,
    home,
    kpis,
    log,
    playbooks,
    settings,
    switches,
    tasks,
    unsure,
)
from runner.web.console.entrance import Forged, Missing, NotAdmitted, OnlyAdmins, admitted, decides, show
from runner.web.console.room import Room
from runner.web.public import SHOWN


def open_doors(app: FastAPI, room: Room) -> None:
    """Adds the pages of this room to the app."""
    room.open()
    make_findable(room.app.store)
    app.state.room = room
    inside = APIRouter(dependencies=[Depends(admitted), Depends(decides)])
    for page in (home, playbooks, log, contacts, kpis, answers, deliverability, settings, switches, tasks, unsure):
        inside.include_router(page.router)
    app.include_router(door.router)
    app.include_router(inside)
    app.add_api_route("/static/console.css", _stylesheet, methods=SHOWN)
    app.add_exception_handler(NotAdmitted, _to_the_door)
    app.add_exception_handler(Forged, _forged)
    app.add_exception_handler(OnlyAdmins, _only_admins)
    app.add_exception_handler(Missing, _missing)
    app.add_exception_handler(RegularsError, _refused)


def _stylesheet(request: Request) -> Response:
    room: Room = request.app.state.room
    return Response(room.frame.stylesheet(), media_type="text/css", headers={"Cache-Control": "public, max-age=300"})


def _to_the_door(request: Request, _: Exception) -> Response:
    """To the login, and from there to where somebody wanted to go; a form that was posted is not posted again."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    to = f"?to={quote(wanted)}" if request.method == "GET" and wanted != "/" else ""
    root = "../" * (request.url.path.count("/") - 1) or "./"
    return RedirectResponse(f"{root}login{to}", 303)


def _forged(request: Request, _: Exception) -> Response:
    words = (
        "This form was not one of ours, or it was older than your login. Go back, load the page anew, and try again."
    )
    return _problem(request, 403, "Nothing was done", words)


def _only_admins(request: Request, _: Exception) -> Response:
    return _problem(request, 403, "Nothing was done", "Your login may look, not decide: its role is reader.")


def _missing(request: Request, _: Exception) -> Response:
    return _problem(request, 404, "There is no such page", "Perhaps it was renamed, or somebody was erased.")


def _refused(request: Request, error: Exception) -> Response:
    """What a command would have said, and ended with another exit code for."""
    return _problem(request, 409, "Nothing was done", str(error))


def _problem(request: Request, status: int, title: str, words: str) -> Response:
    return show(request, request.app.state.room, "problem", status, title=title, words=words)
