"""Where people stop our mail, choose what they get, or come back. A GET shows, a POST acts."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from runner import collect
from runner.collect import Standing
from runner.links import Kind, Ticket
from runner.web.desk import Desk
from runner.web.pages import Pages
from runner.web.public import SHOWN, TheDesk, TheForm, ThePages, visit_by

router = APIRouter()
#: Before a topic's name in the form.
_TOPIC = "topic."


@router.api_route("/u/{token}", methods=SHOWN)
def unsubscribing(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.UNSUBSCRIBE, Kind.PREFERENCES), token)
    standing = collect.standing(desk.store, ticket)
    if ticket.kind is Kind.UNSUBSCRIBE and standing is Standing.SUBSCRIBED:
        choosing = _preferences(desk, ticket) if desk.settings.topics else None
        return pages.show(visit_by(request, desk, ticket), "unsubscribe", preferences=choosing)
    return _page(request, desk, pages, ticket, standing)


@router.post("/u/{token}")
def unsubscribe(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    """A button of the pages, or a mail program's one-click (RFC 8058)."""
    ticket = desk.links.read((Kind.UNSUBSCRIBE, Kind.PREFERENCES), token)
    if form.get("List-Unsubscribe", "").lower() == "one-click":
        collect.unsubscribe(desk.store, ticket, "one-click", desk.now())
        return PlainTextResponse("unsubscribed\n")
    # Machines post to the unsubscribe link, so all else is taken on the other page only.
    choice = form.get("choice") if ticket.kind is Kind.PREFERENCES else "no"
    if choice == "topics" and desk.settings.topics:
        return _choose(request, desk, pages, ticket, form)
    if choice != "yes":
        collect.unsubscribe(desk.store, ticket, "page", desk.now())
        return _page(request, desk, pages, ticket, collect.standing(desk.store, ticket))
    if form.get("agree") != "yes":
        return _page(request, desk, pages, ticket, collect.standing(desk.store, ticket), unticked=True)
    return _page(request, desk, pages, ticket, collect.resubscribe(desk.store, ticket, desk.now()))


def _choose(request: Request, desk: Desk, pages: Pages, ticket: Ticket, form: dict[str, str]) -> Response:
    """What is ticked is wanted. To somebody who has stopped all mail no topic is a way back."""
    standing = collect.standing(desk.store, ticket)
    if standing is Standing.SUBSCRIBED:
        chosen = [topic for topic in desk.settings.topics if form.get(f"{_TOPIC}{topic}") == "yes"]
        collect.choose(desk.store, ticket, desk.settings.topics, chosen, desk.now())
    return _page(request, desk, pages, ticket, standing, saved=standing is Standing.SUBSCRIBED)


def _page(
    request: Request,
    desk: Desk,
    pages: Pages,
    ticket: Ticket,
    standing: Standing,
    *,
    unticked: bool = False,
    saved: bool = False,
) -> Response:
    """How the person stands, and what they may change."""
    return pages.show(
        visit_by(request, desk, ticket),
        "preferences",
        422 if unticked else 200,
        standing=standing.value,
        may_return=ticket.kind is Kind.PREFERENCES,
        topics=_topics(desk, ticket),
        preferences=_preferences(desk, ticket),
        unticked=unticked,
        saved=saved,
    )


def _topics(desk: Desk, ticket: Ticket) -> list[dict[str, object]]:
    """The settings' topics, each with what people read and whether this person gets it."""
    assumed = desk.settings.consent == "assumed"
    gets = collect.wanted(desk.store, ticket, list(desk.settings.topics), unless_said=assumed)
    return [
        {"field": f"{_TOPIC}{topic}", "says": says, "wanted": gets[topic]}
        for topic, says in desk.settings.topics.items()
    ]


def _preferences(desk: Desk, ticket: Ticket) -> str:
    """The other page's address, as seen from this one."""
    return desk.links.preferences(ticket.send_id, ticket.contact_id).rsplit("/", 1)[-1]
