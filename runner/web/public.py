"""The pages that links in mails lead to. A GET shows, a POST acts: scanners open every link of a mail."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from connectors.base import Actor
from runner import collect
from runner.links import Ticket
from runner.web.desk import Desk
from runner.web.pages import Pages
from runner.web.visit import Visit

router = APIRouter()
SHOWN = ["GET", "HEAD"]


async def desk_of(request: Request) -> Desk:
    return cast(Desk, request.app.state.desk)


async def pages_of(request: Request) -> Pages:
    return cast(Pages, request.app.state.pages)


async def form_of(request: Request) -> dict[str, str]:
    """The form's fields; files are refused."""
    form: FormData = await request.form(max_files=0, max_fields=20)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def visit_by(request: Request, desk: Desk, ticket: Ticket) -> Visit:
    """The visit of whoever the link was written to, whose language we may know."""
    return Visit.of(request.scope).by(collect.language(desk.store, ticket))


TheDesk = Annotated[Desk, Depends(desk_of)]
ThePages = Annotated[Pages, Depends(pages_of)]
TheForm = Annotated[dict[str, str], Depends(form_of)]


@router.api_route("/favicon.ico", methods=SHOWN, include_in_schema=False)
def icon() -> Response:
    """There is none, and browsers ask all the same."""
    return Response(status_code=204)


def is_visit(request: Request) -> bool:
    """Whether somebody, or some machine, looks; a browser that fetches what may be wanted next does not."""
    return request.method == "GET" and "prefetch" not in request.headers.get("sec-purpose", "")


def note_visit(request: Request, desk: Desk, ticket: Ticket, *, of: str = "") -> None:
    """Keeps that a link was opened, with the evidence of who it was. A HEAD, or fetching ahead, opens nothing."""
    if not is_visit(request):
        return
    agent, ip = request.headers.get("user-agent", ""), request.client.host if request.client else None
    collect.hit(desk.store, ticket, Actor.UNKNOWN, agent, desk.now(), of=of, ip=ip, machines=desk.machines)


@router.api_route("/static/pages.css", methods=SHOWN)
def stylesheet(pages: ThePages) -> Response:
    return pages.stylesheet()
