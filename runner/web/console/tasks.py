"""What playbooks gave people to do."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from runner.app.tasks import finish_task, open_tasks
from runner.web.console.entrance import Missing, TheRoom, back_to, show
from runner.web.public import SHOWN

router = APIRouter()


@router.api_route("/tasks", methods=SHOWN)
def tasks(request: Request, room: TheRoom) -> Response:
    return show(request, room, "tasks", tasks=open_tasks(room.app), now=room.now)


@router.post("/tasks/{id}/done")
def done(request: Request, room: TheRoom, id: int) -> Response:
    if not finish_task(room.app, id):
        raise Missing
    return back_to(request, room, "tasks", "Done, and off the list.")
