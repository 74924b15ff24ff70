"""The pages that links in mails lead to. A GET shows, a POST acts: scanners open every link of a mail."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import PlainTextResponse, Response

from connectors.base import Actor
from runner import collect
from runner.collect import SCALES, Answered, BadAnswer, Standing, UnknownSend
from runner.links import Kind, Ticket
from runner.web.desk import Desk
from runner.web.pages import Pages

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


TheDesk = Annotated[Desk, Depends(desk_of)]
ThePages = Annotated[Pages, Depends(pages_of)]
TheForm = Annotated[dict[str, str], Depends(form_of)]


@router.api_route("/favicon.ico", methods=SHOWN, include_in_schema=False)
def icon() -> Response:
    """There is none, and browsers ask all the same."""
    return Response(status_code=204)


# --- survey


@router.api_route("/s/{token}", methods=SHOWN)
def survey(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    so_far = collect.given(desk.store, ticket, desk.now())
    scale = SCALES[so_far.kind]
    clicked = ticket.score if "change" not in request.query_params else None
    score = clicked if scale is not None and clicked in scale else so_far.score
    return _survey_page(request, pages, so_far, score, so_far.comment)


@router.post("/s/{token}")
def answer(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    score, comment = _number(form.get("score", "")), form.get("comment")
    try:
        answered = collect.answer(desk.store, ticket, score, comment, desk.now())
    except BadAnswer as refusal:
        so_far = collect.given(desk.store, ticket, desk.now())
        return _survey_page(request, pages, so_far, score, comment, fault=refusal)
    return pages.show(request.url.path, "thanks", answered=answered)


def _survey_page(
    request: Request,
    pages: Pages,
    so_far: Answered,
    score: int | None,
    comment: str | None,
    fault: BadAnswer | None = None,
) -> Response:
    values = {
        "kind": so_far.kind,
        "scale": SCALES[so_far.kind],
        "score": score,
        "comment": comment or "",
        "fault": fault,
    }
    return pages.show(request.url.path, "survey", 422 if fault else 200, again=so_far.answered_at is not None, **values)


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None


# --- unsubscribe and preferences


@router.api_route("/u/{token}", methods=SHOWN)
def unsubscribing(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.UNSUBSCRIBE, Kind.PREFERENCES), token)
    standing = collect.standing(desk.store, ticket)
    if ticket.kind is Kind.UNSUBSCRIBE and standing is Standing.SUBSCRIBED:
        return pages.show(request.url.path, "unsubscribe")
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
    return pages.show(request.url.path, "preferences", status, **values)


# --- review and referral


@router.api_route("/r/{token}", methods=SHOWN)
def review_or_referral(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.REVIEW, Kind.REFERRAL), token)
    visited = collect.visited(desk.store, ticket)
    if visited is None:
        raise UnknownSend(ticket.send_id)
    if request.method == "GET" and "prefetch" not in request.headers.get("sec-purpose", ""):
        collect.hit(desk.store, ticket, Actor.UNKNOWN, request.headers.get("user-agent", ""), desk.now())
    if ticket.kind is Kind.REVIEW:
        return pages.show(request.url.path, "review", sites=_sites(desk, visited.site))
    code = collect.referral_code(desk.store, visited.contact_id, desk.now())
    return pages.show(request.url.path, "referral", code=code)


def _sites(desk: Desk, asked: str | None) -> dict[str, str]:
    """The site that the letter asked for, or all there are; a name in small letters gets a capital."""
    sites = {name: url for name, url in desk.settings.reviews.sites.items() if url.startswith(("https://", "http://"))}
    chosen = {asked: sites[asked]} if asked in sites else sites
    return {name.title() if name.islower() else name: url for name, url in chosen.items()}


@router.api_route("/static/pages.css", methods=SHOWN)
def stylesheet(pages: ThePages) -> Response:
    return pages.stylesheet()
