"""The playbooks: which run, who is inside, what they did, and for each the buttons by which a person decides."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner import log
from runner.app import decisions
from runner.app.looking import measured
from runner.app.overview import coming
from runner.app.roster import LATELY, Standing, State, held_back, roster, steps_of
from runner.effect import Verdict
from runner.web.console.confirming import Question
from runner.web.console.entrance import Missing, TheRoom, back_to, show
from runner.web.console.room import Room
from runner.web.public import SHOWN, TheForm

router = APIRouter()

#: What may be decided about a playbook, and in which states.
VERBS = {
    "pause": (State.RUNS, State.BRAKED),
    "resume": (State.PAUSED, State.STOPPED),
    "approve": (State.BRAKED,),
    "turn-away": (State.BRAKED,),
}


@router.api_route("/playbooks", methods=SHOWN)
def playbooks(request: Request, room: TheRoom) -> Response:
    found = roster(room.app, room.readings())
    return show(request, room, "playbooks", playbooks=found, lately=LATELY, everything=decisions.paused_since(room.app))


@router.api_route("/playbooks/{id}", methods=SHOWN)
def playbook(request: Request, room: TheRoom, id: str) -> Response:
    one, readings = _one(room, id), room.readings()
    return show(
        request,
        room,
        "playbook",
        one=one,
        verbs=[verb for verb, states in VERBS.items() if one.state in states and one.first_tick_at is not None],
        steps=list(steps_of(one.playbook)) if one.playbook else [],
        coming=coming(room.app, readings, most=10, playbook=id),
        lately=LATELY,
        statuses=log.STATUSES,
        everything=decisions.paused_since(room.app),
    )


@router.api_route("/effect", methods=SHOWN)
def effects(request: Request, room: TheRoom) -> Response:
    """Of all playbooks, side by side and together."""
    told = measured(room.app, None, None)
    without = [one.playbook for one in told.playbooks if one.judged.verdict is Verdict.NO_HOLDOUT]
    compared = [one for one in (*told.playbooks, *told.splits) if one.playbook not in without or one.step]
    names = {one.id: one.name for one in roster(room.app, room.readings())}
    return show(request, room, "effects", told=told, compared=compared, without=without, names=names)


@router.api_route("/playbooks/{id}/effect", methods=SHOWN)
def effect(request: Request, room: TheRoom, id: str) -> Response:
    """On a page of its own: everybody who ever entered is looked at."""
    one = _one(room, id)
    if one.playbook is None:
        raise Missing
    return show(request, room, "effect", one=one, told=measured(room.app, id, None))


@router.api_route("/playbooks/{id}/{verb}", methods=SHOWN)
def ask(request: Request, room: TheRoom, id: str, verb: str) -> Response:
    """Says what it would do, and asks."""
    one = _one(room, id)
    if verb not in VERBS:
        raise Missing
    question, fields, people = _question(room, one, verb)
    return show(
        request,
        room,
        "confirm",
        question=question,
        fields=fields,
        people=people,
        more=max(0, one.braked_people - len(people)),
    )


@router.post("/playbooks/{id}/{verb}")
def decide(request: Request, room: TheRoom, id: str, verb: str, form: TheForm) -> Response:
    _one(room, id)
    app = room.app
    match verb:
        case "pause":
            decisions.pause(app, id)
            said = f"{id} is paused: nobody enters, those inside wait."
        case "resume":
            decisions.resume(app, id)
            said = f"{id} runs again."
        case "approve":
            done = decisions.approve(app, id, form.get("plan") or "none")
            said = f"{done.let_in:,} people go on at the next tick; {done.kept_out:,} do not fit any more."
        case "turn-away":
            said = f"{decisions.turn_away_all(app, id, form.get('plan') or 'none'):,} people were turned away."
        case _:
            raise Missing
    room.look_sooner()
    return back_to(request, room, f"playbooks/{id}", said)


def _one(room: Room, id: str) -> Standing:
    found = next((one for one in roster(room.app, room.readings()) if one.id == id), None)
    if found is None:
        raise Missing
    return found


def _question(room: Room, one: Standing, verb: str) -> tuple[Question, dict[str, str], list[object]]:
    back = f"playbooks/{one.id}"
    match verb:
        case "pause":
            inside = f"{one.inside:,} inside wait where they are"
            words = f"Nobody enters, and {inside} until it is resumed. What comes due meanwhile is caught up on then."
            return Question(f"Pause “{one.name}”?", words, "Pause", back), {}, []
        case "resume":
            why = f" It was stopped: {one.why}." if one.state is State.STOPPED else ""
            words = (
                f"People enter again, {one.inside:,} inside go on; what came due within catch_up is caught up on.{why}"
            )
            return Question(f"Let “{one.name}” run again?", words, "Resume", back), {}, []
    people, digest = decisions.braked(room.app, one.id)
    held: list[object] = list(held_back(room.app, one.id))
    fields = {"plan": digest}
    if verb == "approve":
        words = (
            f"{people:,} people enter at once, by the playbook as it is now; who does not fit stays out. Plan {digest}."
        )
        return Question(f"Let them into “{one.name}”?", words, f"Let {people:,} in", back), fields, held
    words = (
        f"{people:,} people do not enter, and their occasions are used up: this cannot be taken back. Plan {digest}."
    )
    return (
        Question(f"Turn them away from “{one.name}”?", words, f"Turn {people:,} away", back, grave=True),
        fields,
        held,
    )
