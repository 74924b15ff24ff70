"""Renders the pages: the workspace's own templates first, the shipped ones for the rest."""

from __future__ import annotations

from collections.abc import Mapping

import jinja2
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from runner.app.starters import starters
from runner.web.desk import Desk
from runner.web.words import LANGUAGE, WORDS


class Pages:
    """The pages of one workspace; each answer says everything in the words of `words.py`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        own, shipped = desk.templates_folder / "pages", starters() / "templates" / "pages"
        self._templates = jinja2.Environment(
            loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(own), jinja2.FileSystemLoader(shipped)]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"say": self._say, "company": desk.settings.sender.name, "lang": LANGUAGE}
        self._templates.globals |= {"address": desk.settings.sender.address, "mail": desk.settings.sender.email}

    def show(self, path: str, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """The page at `path`; its links are relative, so that a proxy may put a prefix before it."""
        text = self._templates.get_template(f"{template}.html").render(
            **values, root="../" * (path.count("/") - 1) or "./"
        )
        return HTMLResponse(text, status)

    def problem(self, path: str, kind: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Says what went wrong and what to do: a page to people, a line to machines."""
        if path.startswith("/webhooks/"):
            return PlainTextResponse(f"{self._say(f'problem.{kind}.title')}\n", status, headers)
        page = self.show(path, "problem", status, kind=kind)
        page.headers.update(headers or {})
        return page

    def failed(self, path: str) -> Response:
        """The page for a fault of ours; should the page itself be the fault, the bare words."""
        try:
            return self.problem(path, "ours", 500)
        except jinja2.TemplateError:
            return PlainTextResponse(f"{self._say('problem.ours.title')}\n{self._say('problem.ours.text')}\n", 500)

    def stylesheet(self) -> Response:
        source, _, _ = self._templates.loader.get_source(self._templates, "pages.css")  # type: ignore[union-attr]
        return Response(source, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    def _say(self, key: str, **values: object) -> str:
        if key not in WORDS:
            raise jinja2.UndefinedError(f"there are no words for '{key}'")
        return WORDS[key].format(
            company=self._desk.settings.sender.name, mail=self._desk.settings.sender.email, **values
        )
