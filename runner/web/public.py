"""The pages that links in mails lead to. A GET shows, a POST acts: scanners open every link of a mail."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import PlainTextResponse, Response

from runner import collect
from runner.collect import Standing
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


# --- unsubscribe and preferences


@router.api_route("/u/{token}", methods=SHOWN)
def unsubscribing(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.UNSUBSCRIBE, Kind.PREFERENCES), token)
    standing = collect.standing(desk.store, ticket)
    if ticket.kind is Kind.UNSUBSCRIBE and standing is Standing.SUBSCRIBED:
        return pages.show(visit_by(request, desk, ticket), "unsubscribe")
    return _preferences_page(request, desk, pages, ticket, standing)


@router.post("/u/{token}")
def unsubscribe(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    """The button of the page, a mail program's one-click (RFC 8058), or a yes on the preferences page."""
    ticket = desk.links.read((Kind.UNSUBSCRIBE, Kind.PREFERENCES), token)
    if form.get("List-Unsubscribe", "").lower() == "one-click":
        collect.unsubscribe(desk.store, ticket, "one-click", desk.now())
        return PlainTextResponse("unsubscribed\n")
    if ticket.kind is Kind.UNSUBSCRIBE or form.get("choice") != "yes":
        collect.unsubscribe(desk.store, ticket, "page", desk.now())
        return _preferences_page(request, desk, pages, ticket, collect.standing(desk.store, ticket))
    if form.get("agree") != "yes":
        return _preferences_page(request, desk, pages, ticket, collect.standing(desk.store, ticket), unticked=True)
    return _preferences_page(request, desk, pages, ticket, collect.resubscribe(desk.store, ticket, desk.now()))


def _preferences_page(
    request: Request, desk: Desk, pages: Pages, ticket: Ticket, standing: Standing, *, unticked: bool = False
) -> Response:
    """How the person stands. Machines post to the unsubscribe link, so a yes is taken on the other page only."""
    may_return = ticket.kind is Kind.PREFERENCES
    preferences = desk.links.preferences(ticket.send_id, ticket.contact_id).rsplit("/", 1)[-1]
    status = 422 if unticked else 200
    values = {"standing": standing.value, "may_return": may_return, "preferences": preferences, "unticked": unticked}
    return pages.show(visit_by(request, desk, ticket), "preferences", status, **values)


@router.api_route("/static/pages.css", methods=SHOWN)
def stylesheet(pages: ThePages) -> Response:
    return pages.stylesheet()
