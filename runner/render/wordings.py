"""Texts that stand in a playbook, such as a subject or what a task says, with their `{{ … }}` filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Template, Undefined
from jinja2.environment import TemplateExpression
from markupsafe import Markup

from runner.render.environment import Environment
from runner.render.named import Fields

#: Texts kept compiled.
KEPT = 500
#: A text that is one output and nothing else.
_ALONE = re.compile(r"\{\{-?((?:(?!\{\{|\}\}).)*?)-?\}\}", re.DOTALL)


class Wordings:
    """Compiles each text once. They are no HTML: nothing in them is escaped."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment.overlay(autoescape=False)
        self._wordings: dict[str, Template] = {}
        self._expressions: dict[str, TemplateExpression] = {}

    def of(self, text: str) -> Template:
        """The text, ready to be filled in."""
        if text not in self._wordings:
            if len(self._wordings) >= KEPT:
                self._wordings.clear()
            self._wordings[text] = self.environment.from_string(text)
        return self._wordings[text]

    def value(self, text: str, context: Mapping[str, Any]) -> Any:
        """The text filled in; of one that is nothing but one `{{ … }}` what that stands for: a number, a date."""
        alone = _ALONE.fullmatch(text.strip())
        if alone is None:
            return self.of(text).render(context).strip()
        found = self._expression(alone[1])(context)
        return str(found) if isinstance(found, Undefined | Fields | Markup) else found

    def _expression(self, text: str) -> TemplateExpression:
        if text not in self._expressions:
            if len(self._expressions) >= KEPT:
                self._expressions.clear()
            self._expressions[text] = self.environment.compile_expression(text, undefined_to_none=False)
        return self._expressions[text]
