"""The log, newest first, narrowed by playbook, contact, status, reason, days, and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from runner import clock
from runner.app.called import contact_called
from runner.app.log_pages import Mark, Wanted, page, reasons
from runner.app.roster import names_of
from runner.errors import WrongUsage
from runner.log import STATUSES
from runner.web.console.entrance import TheRoom, show
from runner.web.console.room import Room
from runner.web.public import SHOWN

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Form:
    """The filters as somebody filled them in."""

    playbook: str = ""
    contact: str = ""
    status: str = ""
    reason: str = ""
    first: str = ""
    last: str = ""
    q: str = ""

    @property
    def narrows(self) -> Mapping[str, str]:
        """What is filled in, by the names that the address has."""
        told = {"playbook": self.playbook, "contact": self.contact, "status": self.status, "reason": self.reason}
        told |= {"from": self.first, "to": self.last, "q": self.q}
        return {name: value for name, value in told.items() if value}


@router.api_route("/log", methods=SHOWN)
def log(
    request: Request,
    room: TheRoom,
    playbook: str = "",
    contact: str = "",
    status: str = "",
    reason: str = "",
    first: Annotated[str, Query(alias="from")] = "",
    last: Annotated[str, Query(alias="to")] = "",
    q: str = "",
    before: str = "",
) -> Response:
    asked = Form(*(one.strip() for one in (playbook, contact, status, reason, first, last, q)))
    with room.app.store.read() as connection:
        try:
            wanted, wrong = _wanted(room, asked, connection), ""
        except WrongUsage as error:
            wanted, wrong = Wanted(), str(error)
        found = page(connection, wanted, Mark.read(before)) if not wrong else None
        told = reasons(connection, wanted)
    rows, older = (found.rows, found.older) if found else ((), None)
    return show(
        request,
        room,
        "log",
        422 if wrong else 200,
        rows=rows,
        wrong=wrong,
        asked=asked,
        statuses=STATUSES,
        reasons=told,
        playbooks=names_of(room.app, room.readings()),
        older=urlencode({**asked.narrows, "before": str(older)}) if older else "",
        newest=urlencode(asked.narrows) if before else "",
        paged=bool(before),
    )


def _wanted(room: Room, asked: Form, connection: sa.Connection) -> Wanted:
    """Raises WrongUsage for a contact, status or day there is not."""
    if asked.status and asked.status not in STATUSES:
        raise WrongUsage(f"there is no status {asked.status!r}; there are {', '.join(STATUSES)}")
    return Wanted(
        playbook=asked.playbook,
        contact=contact_called(connection, asked.contact) if asked.contact else None,
        status=asked.status,
        reason=asked.reason,
        since=_begins(asked.first, room.zone) if asked.first else None,
        until=_begins(asked.last, room.zone, following=True) if asked.last else None,
        q=asked.q,
    )


def _begins(written: str, zone: str, *, following: bool = False) -> datetime:
    """The beginning of a day on the account's clock, or of the one after it; a time is taken as it is."""
    try:
        if len(written) > len("2026-11-22"):
            moment = datetime.fromisoformat(written)
            return moment if moment.tzinfo else clock.at_local(moment.date(), moment.time(), zone)
        return clock.midnight(date.fromisoformat(written) + timedelta(days=following), zone)
    except (ValueError, OverflowError):
        raise WrongUsage(f"{written!r} is no day; write 2026-11-22") from None
