"""The pages that links in mails lead to. A GET shows, a POST acts: scanners open every link of a mail."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from connectors.base import Actor
from runner import collect
from runner.collect import UnknownSend
from runner.links import Kind, Ticket
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


def note_visit(request: Request, desk: Desk, ticket: Ticket) -> None:
    """Keeps that a link was opened, with the evidence of who it was. A HEAD, or fetching ahead, opens nothing."""
    if request.method != "GET" or "prefetch" in request.headers.get("sec-purpose", ""):
        return
    agent, ip = request.headers.get("user-agent", ""), request.client.host if request.client else None
    collect.hit(desk.store, ticket, Actor.UNKNOWN, agent, desk.now(), ip=ip, machines=desk.machines)


# --- review and referral


@router.api_route("/r/{token}", methods=SHOWN)
def review_or_referral(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.REVIEW, Kind.REFERRAL), token)
    visited = collect.visited(desk.store, ticket)
    if visited is None:
        raise UnknownSend(ticket.send_id)
    note_visit(request, desk, ticket)
    if ticket.kind is Kind.REVIEW:
        return pages.show(visit_by(request, desk, ticket), "review", sites=_sites(desk, visited.site))
    code = collect.referral_code(desk.store, visited.contact_id, desk.now())
    return pages.show(visit_by(request, desk, ticket), "referral", code=code)


def _sites(desk: Desk, asked: str | None) -> dict[str, str]:
    """The site that the letter asked for, or all there are; a name in small letters gets a capital."""
    sites = {name: url for name, url in desk.settings.reviews.sites.items() if url.startswith(("https://", "http://"))}
    chosen = {asked: sites[asked]} if asked in sites else sites
    return {name.title() if name.islower() else name: url for name, url in chosen.items()}


@router.api_route("/static/pages.css", methods=SHOWN)
def stylesheet(pages: ThePages) -> Response:
    return pages.stylesheet()
