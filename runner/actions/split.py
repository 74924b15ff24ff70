"""Tries several ways, each with a share of the people."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from runner.actions.base import Action, Steps
from runner.yaml_types import Part, Share


class Arm(Part):
    """One way of a split."""

    #: What the log and the figures call it.
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    #: How many of the people take it: `50%`.
    share: Share
    #: The steps of this way; `[]` for those who get nothing.
    actions: Steps


class Split(Action):
    """Sends each person one of several ways, drawn by a stable hash: the same person always draws the same."""

    name: ClassVar[str] = "split"
    example: ClassVar[str] = (
        "split:\n"
        "      id: letter\n"
        "      arms:\n"
        "        - {name: plain, share: 50%, actions: [{send_email: {id: a, template: email/welcome, subject: Hi}}]}\n"
        "        - {name: nothing, share: 50%, actions: []}"
    )

    #: The ways; their shares make 100 % together.
    arms: tuple[Arm, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(arm.share for arm in self.arms)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the arms must make 100% together, they make {total:.0%}")
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"every arm needs a name of its own, there are {', '.join(names)}")
        return self

    def says(self) -> str:
        return "split " + ", ".join(f"{arm.name} {arm.share:.0%}" for arm in self.arms)
