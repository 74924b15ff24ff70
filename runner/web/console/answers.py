"""What people answered: the spread of scores with its figure and interval, and their own words beside it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner import clock
from runner.app.figures_shown import shown
from runner.app.scores import returning, spreads, words
from runner.app.voices import FIGURES
from runner.kpis import KEYS
from runner.web.console.entrance import TheRoom, show
from runner.web.public import SHOWN

router = APIRouter()

#: Answers in words, and words that return, that stand on the page.
WORDED, RETURNING = 60, 16


@router.api_route("/answers", methods=SHOWN)
def answers(request: Request, room: TheRoom, survey: str = "", word: str = "") -> Response:
    """Of the last 90 days, as the figures are."""
    found = shown(room.app, [key for key in (*FIGURES, "survey_response_rate") if key in KEYS])
    since, until = (clock.midnight(day, room.zone) for day in (found.period.start, found.period.end))
    with room.app.store.read() as connection:
        spread = spreads(connection, since, until)
        said = words(connection, since, until, survey=survey)
    told = returning(said, room.app.settings.language)
    among = next((one.among for one in told if one.words == word), None) if word else None
    return show(
        request,
        room,
        "answers",
        period=found.period,
        spreads=spread,
        figures={one.key: one for one in found.figures},
        words=([said[place] for place in among] if among is not None else said)[:WORDED],
        worded=len(said),
        returning=told[:RETURNING],
        word=word if among is not None else "",
        survey=survey,
    )
