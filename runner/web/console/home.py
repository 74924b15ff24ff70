"""Home: whether it runs, what waits for somebody, how many calls to the outside are left, and what comes next."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner import clock, log
from runner.app.overview import coming, pulse, waiting
from runner.app.quotas import quotas
from runner.web.console.entrance import TheRoom, show
from runner.web.console.room import Room
from runner.web.public import SHOWN

router = APIRouter()

#: Steps that are due next.
NEXT = 8


@router.api_route("/", methods=SHOWN)
def home(request: Request, room: TheRoom) -> Response:
    readings = room.readings()
    return show(
        request,
        room,
        "home",
        pulse=pulse(room.app),
        waiting=waiting(room.app, readings),
        quotas=quotas(room.app),
        coming=coming(room.app, readings, most=NEXT),
        days=_days(room),
        names={one.id: one.playbook.name for one in readings if one.playbook},
    )


def _days(room: Room) -> list[dict[str, object]]:
    """What was done today and within a week, in the account's days."""
    today = clock.midnight(clock.local(room.now, room.zone).date(), room.zone)
    with room.app.store.read() as connection:
        told = [
            (words, log.summary(connection, today - timedelta(days=back), count_people=False)) for words, back in _BACK
        ]
    return [
        {
            "words": words,
            "sent": sum(one.mail.sent for one in summary),
            "answered": sum(one.mail.answered for one in summary),
            **{status: sum(one.counts.get(status, 0) for one in summary) for status in log.STATUSES},
        }
        for words, summary in told
    ]


_BACK = (("Today", 0), ("With the six days before", 6))
