"""Renders the pages: the workspace's own templates first, the shipped ones for the rest."""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from runner.app.starters import starters
from runner.render.pages import FOLDER, PageTemplates
from runner.web.desk import Desk
from runner.web.refusals import refused
from runner.web.visit import Visit


class Pages:
    """The pages of one workspace; each answer says everything in the words of `page_words.py`."""

    def __init__(self, desk: Desk) -> None:
        own, shipped = desk.templates_folder / FOLDER, starters() / "templates" / FOLDER
        self._templates = PageTemplates(own, shipped, desk.settings.sender, desk.settings.language)

    def show(self, visit: Visit, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """The page of a visit, in the visitor's language; its links are relative, so that a proxy may add a prefix."""
        root = "../" * (visit.path.count("/") - 1) or "./"
        page = self._templates.render(template, visit.languages, **values, root=root)
        return HTMLResponse(page, status, {"Vary": "Accept-Language"})

    def say(self, visit: Visit, key: str, /, **values: object) -> str:
        """The words of a key as the page of this visit says them."""
        return self._templates.say(key, visit.languages, **values)

    def problem(self, visit: Visit, kind: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Says what went wrong and what to do: a page to people, a line to machines."""
        if visit.path.startswith("/api/"):
            return refused(status, self._templates.say(f"problem.{kind}.title"), headers=headers)
        if visit.path.startswith("/webhooks/"):
            return PlainTextResponse(f"{self._templates.say(f'problem.{kind}.title')}\n", status, headers)
        page = self.show(visit, "problem", status, kind=kind)
        page.headers.update(headers or {})
        return page

    def failed(self, visit: Visit) -> Response:
        """The page for a fault of ours; should the page itself be the fault, the bare words."""
        try:
            return self.problem(visit, "ours", 500)
        except jinja2.TemplateError:
            told = [self._templates.say(f"problem.ours.{part}", visit.languages) for part in ("title", "text")]
            return PlainTextResponse("".join(f"{line}\n" for line in told), 500)

    def stylesheet(self) -> Response:
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(self._templates.stylesheet(), media_type="text/css", headers=headers)
