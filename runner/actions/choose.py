"""Goes one of several ways, by what is so."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import model_validator

from runner.actions.base import Action, Steps
from runner.yaml_types import Part


class Option(Part):
    """One way: its steps, and when it is taken."""

    #: A condition; may name `contact`, `company`, `answer`, `enrollment` and what the trigger brings.
    when: str | None = None
    #: The steps of this way.
    actions: Steps | None = None
    #: The steps where no other way is taken; stands last.
    otherwise: Steps | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.otherwise is not None and (self.when is not None or self.actions is not None):
            raise ValueError("otherwise: stands alone; write when: and actions: as another entry")
        if self.otherwise is None and (self.when is None or self.actions is None):
            raise ValueError("needs when: and actions:, or otherwise: alone")
        return self


class Choose(Action):
    """Takes the first way whose condition holds, then goes on below. One that names `answer` waits for it."""

    name: ClassVar[str] = "choose"
    example: ClassVar[str] = (
        "choose:\n"
        "      - when: answer.score <= 6\n"
        "        actions: [{create_task: {id: call, subject: Call}}]\n"
        "      - otherwise: [{stop: all is well}]"
    )
    #: Has no id of its own: YAML gives the ways as a list.
    id: None = None

    options: tuple[Option, ...]

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        ways: dict[str, Any] = schema["properties"]["options"]
        return {"type": "array", "minItems": 1, "items": ways["items"]}

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, list) or not value:
            raise ValueError("must be a list of ways, each with when: and actions:, the last may be otherwise:")
        return {"options": value}

    @model_validator(mode="after")
    def _otherwise_last(self) -> Self:
        if any(option.otherwise is not None for option in self.options[:-1]):
            raise ValueError("otherwise: must be the last way: nothing after it is ever taken")
        return self

    def says(self) -> str:
        return "choose by " + ", ".join(option.when for option in self.options if option.when is not None)
