"""The figures: few by default, each tied to a goal, with interval, cases, target and trend; all of them; their rows."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app.figures_shown import by_goal, shown, trends
from runner.kpis import KEYS, KPIS, Step, shown_by_default
from runner.kpis.words import notes_beside
from runner.web.console.entrance import Missing, TheRoom, show
from runner.web.console.lines import line_of
from runner.web.public import SHOWN

router = APIRouter()


@router.api_route("/kpis", methods=SHOWN)
def kpis(request: Request, room: TheRoom) -> Response:
    """`?all` shows every figure there is."""
    everything = "all" in request.query_params
    keys = None if everything else shown_by_default(room.app.settings.kpis)
    found = shown(room.app, keys)
    groups = {"Every figure there is": found.figures} if everything else by_goal(found.figures, room.app)
    went = trends(room.app, keys) if keys else {}
    return show(
        request,
        room,
        "kpis",
        found=found,
        groups=groups if found.figures else {},
        lines={one.key: line_of(went.get(one.key), intervals=False) for one in found.figures},
        notes=notes_beside(found.figures),
        everything=everything,
        many=len(KPIS),
    )


@router.api_route("/kpis/{key}", methods=SHOWN)
def kpi(request: Request, room: TheRoom, key: str, by: Step = Step.MONTHS) -> Response:
    """One figure, and how it went by months, quarters or years."""
    of = key.partition(".")[0]
    if of not in KEYS:
        raise Missing
    found = shown(room.app, [of])
    one = next((figure for figure in found.figures if figure.key == key), None)
    if one is None:
        raise Missing
    went = trends(room.app, [key], by).get(key)
    return show(
        request,
        room,
        "kpi",
        one=one,
        found=found,
        trend=went,
        line=line_of(went),
        by=by.value,
        steps=[step.value for step in Step],
    )


@router.api_route("/quality", methods=SHOWN)
def quality(request: Request, room: TheRoom) -> Response:
    return show(request, room, "quality", tables=room.quality.of(room.app))
