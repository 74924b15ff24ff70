"""What a page asks before something is done that others feel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A heading, what would happen, what the button says, and where to go back to."""

    title: str
    words: str
    button: str
    #: From the top.
    back: str
    #: It cannot be taken back.
    grave: bool = False
