"""The page of a survey: a GET shows it with the score of the mail chosen, a POST makes it an answer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner import collect
from runner.collect import SCALES, Answered, BadAnswer
from runner.links import Kind
from runner.web.pages import Pages
from runner.web.public import SHOWN, TheDesk, TheForm, ThePages, visit_by
from runner.web.visit import Visit

router = APIRouter()


@router.api_route("/s/{token}", methods=SHOWN)
def survey(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    so_far = collect.given(desk.store, ticket, desk.now())
    scale = SCALES[so_far.kind]
    clicked = ticket.score if "change" not in request.query_params else None
    score = clicked if scale is not None and clicked in scale else so_far.score
    return _survey_page(visit_by(request, desk, ticket), pages, so_far, score, so_far.comment)


@router.post("/s/{token}")
def answer(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    score, comment = _number(form.get("score", "")), form.get("comment")
    try:
        answered = collect.answer(desk.store, ticket, score, comment, desk.now())
    except BadAnswer as refusal:
        so_far = collect.given(desk.store, ticket, desk.now())
        return _survey_page(visit_by(request, desk, ticket), pages, so_far, score, comment, fault=refusal)
    return pages.show(visit_by(request, desk, ticket), "thanks", answered=answered)


def _survey_page(
    visit: Visit,
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
    return pages.show(visit, "survey", 422 if fault else 200, again=so_far.answered_at is not None, **values)


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
