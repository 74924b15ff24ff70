"""The sends of which nobody knows whether they went out, and what is to become of each."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app import decisions
from runner.web.console.entrance import Missing, TheRoom, back_to, show
from runner.web.public import SHOWN, TheForm

router = APIRouter()

#: What may be said of one, and how the page answers.
VERBS = {
    "sent": "It counts as sent.",
    "resend": "It is sent again at the next tick.",
    "drop": "It is left; the next step follows.",
}


@router.api_route("/unsure", methods=SHOWN)
def unsure(request: Request, room: TheRoom) -> Response:
    return show(request, room, "unsure", sends=decisions.unsure(room.app, None, None))


@router.post("/unsure/{send}")
def settle(request: Request, room: TheRoom, send: str, form: TheForm) -> Response:
    verb = form.get("verb", "")
    if verb not in VERBS:
        raise Missing
    decisions.settle(room.app, send, None, verb)
    room.look_sooner()
    return back_to(request, room, "unsure", VERBS[verb])
