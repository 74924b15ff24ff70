"""Renders the pages: the workspace's own templates first, the shipped ones for the rest."""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from runner.app.starters import starters
from runner.render.pages import FOLDER, PageTemplates
from runner.web.desk import Desk
from runner.web.refusals import refused


class Pages:
    """The pages of one workspace; each answer says everything in the words of `page_words.py`."""

    def __init__(self, desk: Desk) -> None:
        own, shipped = desk.templates_folder / FOLDER, starters() / "templates" / FOLDER
        self._templates = PageTemplates(own, shipped, desk.settings.sender)

    def show(self, path: str, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """The page at `path`; its links are relative, so that a proxy may put a prefix before it."""
        root = "../" * (path.count("/") - 1) or "./"
        return HTMLResponse(self._templates.render(template, **values, root=root), status)

    def problem(self, path: str, kind: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Says what went wrong and what to do: a page to people, a line to machines."""
        if path.startswith("/api/"):
            return refused(status, self._templates.say(f"problem.{kind}.title"), headers=headers)
        if path.startswith("/webhooks/"):
            return PlainTextResponse(f"{self._templates.say(f'problem.{kind}.title')}\n", status, headers)
        page = self.show(path, "problem", status, kind=kind)
        page.headers.update(headers or {})
        return page

    def failed(self, path: str) -> Response:
        """The page for a fault of ours; should the page itself be the fault, the bare words."""
        try:
            return self.problem(path, "ours", 500)
        except jinja2.TemplateError:
            told = [self._templates.say(f"problem.ours.{part}") for part in ("title", "text")]
            return PlainTextResponse("".join(f"{line}\n" for line in told), 500)

    def stylesheet(self) -> Response:
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(self._templates.stylesheet(), media_type="text/css", headers=headers)
