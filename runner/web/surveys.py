"""The page of a survey: a GET shows it with the answer of the mail chosen, a POST makes it an answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from runner import clock, collect
from runner.actions.questions import Question, Questionnaire
from runner.app.survey_page import survey_values, thanks_values
from runner.collect import Answered, BadAnswer, Said
from runner.links import Kind, Ticket
from runner.web.desk import Desk
from runner.web.public import SHOWN, TheDesk, ThePages, visit_by

router = APIRouter()


async def answers_of(request: Request) -> FormData:
    """The form with every choice in it; files are refused."""
    return await request.form(max_files=0, max_fields=200)


TheAnswers = Annotated[FormData, Depends(answers_of)]


@router.api_route("/s/{token}", methods=SHOWN)
def survey(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    so_far = collect.given(desk.store, ticket, desk.now())
    said = _clicked(so_far, ticket) if "change" not in request.query_params else so_far.said
    return pages.show(visit_by(request, desk, ticket), "survey", **survey_values(so_far, said))


@router.post("/s/{token}")
def answer(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheAnswers) -> Response:
    ticket = desk.links.read(Kind.SURVEY, token)
    so_far = collect.given(desk.store, ticket, desk.now())
    said, visit = read_form(so_far.asks, form), visit_by(request, desk, ticket)
    try:
        answered = collect.record(desk.store, ticket, said, desk.now())
    except BadAnswer as refusal:
        return pages.show(visit, "survey", 422, **survey_values(so_far, said, refusal))
    return pages.show(visit, "thanks", **thanks_values(answered, _day(desk, answered)))


def _day(desk: Desk, answered: Answered) -> date | None:
    """Until when it may be changed."""
    closes = answered.closes_at
    return clock.local(closes, desk.settings.timezone).date() if closes is not None else None


def _clicked(so_far: Answered, ticket: Ticket) -> Said:
    """What was answered before, with the answer that was clicked in the mail instead of the old one."""
    said, asks = so_far.said, so_far.asks
    if asks.scale is not None and ticket.score in asks.scale:
        return said.but(score=ticket.score)
    return said.but(reason=ticket.choice) if ticket.choice in asks.reason_keys else said


# --- what was sent


def read_form(asks: Questionnaire, form: FormData) -> Said:
    """The form as an answer; what is no number is no score."""
    details = {question.id: _read(question, form) for question in asks.others}
    comment, reason = _text(form, "comment"), _text(form, "reason")
    return Said(_number(_text(form, "score")), comment or None, reason or None, details)


def _read(question: Question, form: FormData) -> Any:
    name = f"q-{question.id}"
    match question.type:
        case "rating":
            return _number(_text(form, name))
        case "choices":
            return [one for one in form.getlist(name) if isinstance(one, str)] or None
    return _text(form, name).strip() or None


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
