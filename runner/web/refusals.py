"""What a program is told that called in vain: every fault with its place, in the shape `check --json` has."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response


def refused(
    status: int, message: str, advice: str = "", *, where: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """An answer of one fault."""
    fault = {"where": where, "message": message, "advice": advice}
    return JSONResponse({"faults": [fault]}, status, dict(headers or {}))
