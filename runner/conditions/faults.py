"""What is wrong with a condition, in words its author understands."""

from __future__ import annotations


class ConditionFault(ValueError):
    """A condition that cannot be meant: what is wrong, and what to do."""

    def __init__(self, message: str, advice: str = "", *, unknown_field: bool = False) -> None:
        self.message = message
        self.advice = advice
        #: Whether it is only that the field is not known (yet).
        self.unknown_field = unknown_field
        super().__init__(f"{message}; {advice}" if advice else message)
