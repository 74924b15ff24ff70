"""One FastAPI app: who knocks is guarded at the edge, then led to a page or a webhook."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from runner.collect import SurveyClosed, UnknownSend
from runner.links import BadLink
from runner.web import api, console, preferences, public, rewards, surveys, tracking, webhooks
from runner.web.desk import Desk
from runner.web.guard import BodyLimit, Edge, RateLimit
from runner.web.pages import Pages
from runner.web.postbox import Postbox
from runner.web.visit import Visit


def create_app(desk: Desk) -> FastAPI:
    """The app for this workspace. Nothing in it needs JavaScript or asks another site for anything.

    Only the pages behind the login set a cookie.
    """
    app = FastAPI(title="Regulars", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.desk, app.state.pages, app.state.postbox = desk, Pages(desk), Postbox(desk.store)
    app.include_router(surveys.router)
    app.include_router(public.router)
    app.include_router(preferences.router)
    app.include_router(tracking.router)
    app.include_router(rewards.router)
    app.include_router(webhooks.router)
    app.include_router(api.router)
    if desk.app is not None:
        console.open_doors(app, console.Room(desk.app, desk.look_sooner))
    app.add_exception_handler(BadLink, _no_such_link)
    app.add_exception_handler(UnknownSend, _no_such_link)
    app.add_exception_handler(SurveyClosed, _closed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimit, pages=app.state.pages)
    app.add_middleware(RateLimit, pages=app.state.pages)
    app.add_middleware(Edge, pages=app.state.pages)
    return app


def _no_such_link(request: Request, _: Exception) -> Response:
    return _pages(request).problem(Visit.of(request.scope), "link", 404)


def _closed(request: Request, _: Exception) -> Response:
    return _pages(request).problem(Visit.of(request.scope), "closed", 410)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "missing", 405: "method"}.get(error.status_code, "request")
    return _pages(request).problem(Visit.of(request.scope), kind, error.status_code, error.headers)


def _malformed(request: Request, _: Exception) -> Response:
    return _pages(request).problem(Visit.of(request.scope), "request", 400)


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages
