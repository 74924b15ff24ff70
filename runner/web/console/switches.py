"""What is decided about everything at once: pausing and resuming, a mailer that a breaker stopped, going live."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app import decisions
from runner.web.console.confirming import Question
from runner.web.console.entrance import TheRoom, back_to, show
from runner.web.public import SHOWN

router = APIRouter()

_PAUSE = Question(
    "Pause everything?",
    "Nobody enters any playbook and nothing is sent, playbooks added from now on included. Syncs and answers go on.",
    "Pause everything",
    "playbooks",
    grave=True,
)
_RESUME = Question(
    "Let everything run again?",
    "What came due meanwhile is caught up on, within each playbook's catch_up. What was paused by its name stays so.",
    "Resume everything",
    "playbooks",
)


@router.api_route("/pause", methods=SHOWN)
def ask_to_pause(request: Request, room: TheRoom) -> Response:
    return show(request, room, "confirm", question=_PAUSE, fields={}, people=[], more=0)


@router.post("/pause")
def pause(request: Request, room: TheRoom) -> Response:
    decisions.pause(room.app, None)
    return back_to(request, room, "playbooks", "Everything is paused: nobody enters, nothing is sent.")


@router.api_route("/resume", methods=SHOWN)
def ask_to_resume(request: Request, room: TheRoom) -> Response:
    return show(request, room, "confirm", question=_RESUME, fields={}, people=[], more=0)


@router.post("/resume")
def resume(request: Request, room: TheRoom) -> Response:
    still = decisions.resume(room.app, None)
    room.look_sooner()
    named = f" Paused by name still: {', '.join(still)}." if still else ""
    return back_to(request, room, "playbooks", f"Everything runs again.{named}")


@router.api_route("/mailers/{name}/resume", methods=SHOWN)
def ask_mailer(request: Request, room: TheRoom, name: str) -> Response:
    words = (
        "It sends again, and its mails are counted anew from now on. Mend first what brought the bounces or reports."
    )
    question = Question(f"Let {name} send again?", words, "Let it send", "deliverability", grave=True)
    return show(request, room, "confirm", question=question, fields={}, people=[], more=0)


@router.post("/mailers/{name}/resume")
def resume_mailer(request: Request, room: TheRoom, name: str) -> Response:
    decisions.resume_mailer(room.app, name)
    room.look_sooner()
    return back_to(request, room, "deliverability", f"{name} sends again.")


@router.api_route("/go-live", methods=SHOWN)
def ask_to_go_live(request: Request, room: TheRoom) -> Response:
    words = decisions.rehearsal_in_words(room.app).removesuffix(" Go live?")
    question = Question("Go live?", words, "Archive the rehearsal and go live", "settings", grave=True)
    return show(request, room, "confirm", question=question, fields={}, people=[], more=0)


@router.post("/go-live")
def go_live(request: Request, room: TheRoom) -> Response:
    archive = decisions.go_live(room.app)
    return back_to(
        request, room, "settings", f"The rehearsal is kept in {archive.name}; the next tick is the first one."
    )
