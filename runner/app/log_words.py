"""A row of the log in words: until when it is held, what became of its message, what was written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from runner import clock
from runner.log import LoggedSend, LoggedWrite, LogRow

_DELIVERY_WORDS = {
    "processed": "on its way",
    "delivered": "delivered",
    "deferred": "delayed",
    "bounced": "bounced",
    "blocked": "blocked",
    "dropped": "dropped",
}
#: Accepted needs no word, and unsure is the decision's own status.
_STATE_WORDS = {"claimed": "being sent", "refused": "refused"}
_READER_WORDS = {False: "opened", True: "clicked"}


def asides(row: LogRow, zone: str) -> str:
    """What stands behind the reason: ` (holdout), until Tue 3 Mar 08:00`."""
    held_out = " (holdout)" if row.arm == "holdout" and "holdout" not in row.reason else ""
    return held_out + (f", until {until_words(row.until, row.at, zone)}" if row.until is not None else "")


def came_of(row: LogRow) -> Iterator[str]:
    """What came back of its message, and what was written down."""
    if row.send is not None and (came := came_back(row.send)):
        yield came
    if row.write is not None and (said := written(row.write)):
        yield said


def written(write: LoggedWrite) -> str:
    """What was written down or told, and where it is not yet; a webhook's data is for its receiver."""
    said = write.payload
    new = said["fields"].items() if write.kind == "property" else ()
    fields = ", ".join(f"{name} {value}" for name, value in new)
    words = next((text for key in ("subject", "body") if isinstance(text := said.get(key), str) and text), fields)
    waits = f"{write.target} waits for it" if write.state == "waiting" else ""
    return ", ".join(filter(None, (" ".join(words.split())[:80], waits)))


def came_back(send: LoggedSend) -> str:
    """How far a message came, and what its reader did."""
    people = "human" in (send.opened, send.clicked)
    told = [_READER_WORDS[send.clicked == "human"] if people else _arrival(send)]
    if not people and (send.opened or send.clicked):
        machine = "machine" in (send.opened, send.clicked)
        told.append("opened by a machine" if machine else "opened by whom, unknown")
    if send.answered is not None:
        told.append(f"answered {send.answered}")
    if send.unsubscribed is not None:
        told.append("unsubscribed")
    if send.complained is not None:
        told.append("called it spam")
    return ", ".join(filter(None, told))


def until_words(until: datetime, at: datetime, zone: str) -> str:
    """`Tue 3 Mar 08:00`, with the year where that is another one."""
    local = clock.local(until, zone)
    year = "" if local.year == clock.local(at, zone).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def _arrival(send: LoggedSend) -> str:
    return _DELIVERY_WORDS.get(send.delivery or "", _STATE_WORDS.get(send.state, ""))
