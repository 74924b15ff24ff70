"""The figures: few by default, each tied to a goal, with interval, cases and target; all of them; their rows."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app.figures_shown import by_goal, shown
from runner.kpis import KPIS, shown_by_default
from runner.web.console.entrance import TheRoom, show
from runner.web.public import SHOWN

router = APIRouter()


@router.api_route("/kpis", methods=SHOWN)
def kpis(request: Request, room: TheRoom) -> Response:
    """`?all` shows every figure there is."""
    everything = "all" in request.query_params
    keys = None if everything else shown_by_default(room.app.settings.kpis)
    found = shown(room.app, keys)
    groups = {"Every figure there is": found.figures} if everything else by_goal(found.figures, room.app)
    return show(
        request,
        room,
        "kpis",
        found=found,
        groups=groups if found.figures else {},
        everything=everything,
        many=len(KPIS),
        minimum=room.app.settings.kpis.minimum_n,
    )


@router.api_route("/quality", methods=SHOWN)
def quality(request: Request, room: TheRoom) -> Response:
    return show(request, room, "quality", tables=room.quality.of(room.app))
