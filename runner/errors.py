"""Faults in what people wrote, each with its place and advice, and the errors a command ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit tells a script."""

    DONE = 0
    #: A fault in what the user wrote.
    FAULT = 1
    USAGE = 2
    #: An outside system failed; nothing is lost, the next run goes on.
    OUTSIDE = 3
    #: Nothing is lost, but something needs a person: unsure sends, a broken playbook, a brake.
    PERSON = 4


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake: where it stands, what is wrong, what to do."""

    file: str
    line: int
    column: int
    #: The key or expression, as a path: `actions[1].wait`.
    where: str
    message: str
    advice: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        where = f" {self.where}:" if self.where else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{place}:{where} {self.message}{advice}"

    def document(self) -> dict[str, object]:
        return asdict(self)


class RegularsError(Exception):
    """A command cannot go on; the message is for the person who called it."""

    exit_code = ExitCode.PERSON


class Faults(RegularsError):
    """Mistakes in playbooks, templates or settings, all of them."""

    exit_code = ExitCode.FAULT

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


class WrongUsage(RegularsError):
    """The command was called in a way that cannot be meant."""

    exit_code = ExitCode.USAGE


class NeedsPerson(RegularsError):
    """Nothing is lost, but a person must decide."""
