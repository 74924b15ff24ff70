"""What providers and load balancers call: a body is verified, kept, and only then acknowledged."""

from __future__ import annotations

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from runner.collect import Body
from runner.web import inbound
from runner.web.public import SHOWN, TheDesk

log = structlog.get_logger()
router = APIRouter()


async def body_of(request: Request) -> bytes:
    return await request.body()


@router.post("/webhooks/{name}")
async def webhook(name: str, request: Request, desk: TheDesk) -> Response:
    """200 once the body is on disk; anything else makes the provider try again."""
    body = await request.body()
    if (source := desk.inbound.get(name)) is not None:
        return await run_in_threadpool(inbound.take, desk, name, source, dict(request.headers), body)
    mailer = desk.mailers.get(name)
    if mailer is None:
        return _hint(name, request, desk, body)
    if not mailer.verify(dict(request.headers), body, now=desk.now()):
        log.warning("a webhook's signature is wrong; the body was refused", action="webhook", mailer=name)
        return PlainTextResponse("the signature is wrong\n", 401)
    await request.app.state.postbox.keep(Body(name, body, desk.now()))
    return PlainTextResponse("kept\n")


def _hint(name: str, request: Request, desk: TheDesk, body: bytes) -> Response:
    """A source says that something changed, and is asked sooner; what changed it tells then: the body is not read."""
    source = desk.sources.get(name)
    if source is None:
        return PlainTextResponse("no mailer and no connector has this name\n", 404)
    url = desk.settings.public_url.rstrip("/") + request.url.path
    url += f"?{request.url.query}" if request.url.query else ""
    if not source.is_hint(dict(request.headers), body, method=request.method, url=url, now=desk.now()):
        log.warning("a webhook's signature is wrong; it was refused", action="webhook", connector=name)
        return PlainTextResponse("the signature is wrong\n", 401)
    desk.look_sooner()
    return PlainTextResponse("heard\n")


@router.api_route("/healthz", methods=SHOWN)
def healthz(desk: TheDesk) -> Response:
    """Whether the store answers."""
    try:
        with desk.store.read() as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        log.error("the store does not answer", action="healthz", error=type(error).__name__)
        return JSONResponse({"status": "the store does not answer"}, 503)
    return JSONResponse({"status": "ok"})
