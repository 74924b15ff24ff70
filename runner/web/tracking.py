"""Opens and clicks that we count ourselves, and the link that only machines follow."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from runner.links import Kind
from runner.web.public import SHOWN, TheDesk, ThePages, note_visit
from runner.web.visit import Visit

router = APIRouter()
#: One transparent pixel.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@router.api_route("/c/{token}", methods=SHOWN)
def click(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    """Counts the click and leads on to where the mail's author meant it to. The hidden link leads nowhere."""
    ticket = desk.links.read((Kind.CLICK, Kind.TRAP), token)
    note_visit(request, desk, ticket)
    if ticket.target is None:
        return pages.problem(Visit.of(request.scope), "trap", 200)
    return RedirectResponse(ticket.target, 302)


@router.api_route("/o/{token}", methods=SHOWN)
def opened(token: str, request: Request, desk: TheDesk) -> Response:
    """The pixel, and where it came to. Mail programs ask for it anew each time."""
    note_visit(request, desk, desk.links.read(Kind.OPEN, token.removesuffix(".gif")))
    return Response(PIXEL, media_type="image/gif")
