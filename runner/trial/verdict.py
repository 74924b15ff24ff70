"""What was seen of a test, and what of its expectations is not so, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.cases import Expect
from runner.log import LogRow
from runner.playbook import Playbook

#: Actions that do nothing to anybody: a test need not name them.
SILENT = ("wait", "choose", "split", "stop")


class Seen:
    """The log as it grows, tick by tick."""

    def __init__(self, playbook: Playbook, expect: Expect) -> None:
        self.playbook = playbook
        self.expect = expect
        #: Every row in the order in which it came, again when it changed.
        self.rows: list[LogRow] = []
        self.entered = False
        self._latest: dict[tuple[str, str], LogRow] = {}

    def look(self, log: Sequence[LogRow], *, entered: bool) -> None:
        """Takes in what is new since the last look; steps of one moment in their order in the playbook."""
        self.entered = entered
        place = {step.id: number for number, step in enumerate(self.playbook.steps, 1)}
        news = [row for row in log if self._latest.get((row.occasion, row.step)) != row]
        for row in sorted(news, key=lambda row: place.get(row.step, 0)):
            before = self._latest.get((row.occasion, row.step))
            self._latest[row.occasion, row.step] = row
            if before is None or (before.status, before.reason, before.until) != (row.status, row.reason, row.until):
                self.rows.append(row)

    def steps(self, status: str) -> list[str]:
        return [row.step for row in self.rows if row.status == status and row.step]

    @property
    def done(self) -> list[str]:
        """The steps that did something, and those that the test names."""
        return [step for step in self.steps("done") if self._counts(step)]

    def _counts(self, id: str) -> bool:
        step = self.playbook.step(id)
        return step is None or step.action.name not in SILENT or id in (self.expect.done or ())

    def all_there(self) -> bool:
        """Whether all that is expected to happen has happened."""
        return not list(_failures(self.expect, self, ()))


def failures_of(expect: Expect, seen: Seen, why_not: Sequence[str]) -> tuple[str, ...]:
    """`why_not` are the clauses by which somebody did not enter."""
    return tuple(_failures(expect, seen, why_not))


def _failures(expect: Expect, seen: Seen, why_not: Sequence[str]) -> Iterator[str]:
    if expect.not_entered is not None:
        yield from _entered(expect.not_entered, seen, why_not)
    if expect.done is not None and seen.done != list(expect.done):
        yield f"expected to be done: {_listed(expect.done)}; done: {_listed(seen.done)}"
    for status, wanted in (("held", expect.held), ("skipped", expect.skipped)):
        if missing := [step for step in wanted if step not in seen.steps(status)]:
            yield f"expected to be {status}: {_listed(missing)}; {status}: {_listed(seen.steps(status))}"
    if expect.reason is not None:
        told = [row.reason for row in _rows_of(expect, seen)]
        if not _said(expect.reason, told):
            yield f"expected the reason {expect.reason!r}; the reasons: {'; '.join(dict.fromkeys(told)) or 'none'}"


def _entered(wanted: str | bool, seen: Seen, why_not: Sequence[str]) -> Iterator[str]:
    if seen.entered:
        yield f"expected not to enter; entered, and done: {_listed(seen.done)}"
        return
    told = [*(row.reason for row in seen.rows), *(reason for reason in why_not if reason.startswith("no: "))]
    if isinstance(wanted, str) and not _said(wanted, told):
        yield f"expected not to enter because of {wanted!r}; the reasons: {'; '.join(dict.fromkeys(told)) or 'none'}"


def _rows_of(expect: Expect, seen: Seen) -> list[LogRow]:
    """The rows whose reason is meant: those of the steps named as held or skipped, else all."""
    named = {"held": expect.held, "skipped": expect.skipped}
    chosen = [row for row in seen.rows if row.step in named.get(row.status, ())]
    return chosen if expect.held or expect.skipped else seen.rows


def _said(words: str, reasons: Sequence[str]) -> bool:
    return any(words.lower() in reason.lower() for reason in reasons)


def _listed(steps: Sequence[str]) -> str:
    return ", ".join(steps) or "nothing"
