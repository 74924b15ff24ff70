"""The entries of `actions:` become steps: each with an id, the step that follows, and where its branches lead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner import actions
from runner.actions import Action, Choose, Split, Survey
from runner.actions.questions import Questionnaire
from runner.actions.wait import HAPPENED, TIMED_OUT
from runner.conditions import Condition, ConditionFault, Fields
from runner.conditions.fields import Kind
from runner.conditions.parts import faults_in
from runner.errors import Fault
from runner.yaml_file import YamlFile, closest, line_breaks, salvaged, short, validate, with_lines

#: Where something stands in a document.
KeyPath = tuple[str | int, ...]

#: Of a playbook that writes no surveys of its own.
NONE_OF_ITS_OWN: Mapping[str, Questionnaire | None] = {}
#: The way of a choose that is taken where no condition holds.
OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Branch:
    """One way on from a `choose` or `split`."""

    #: The condition as written, `otherwise`, or the arm's name: what the log says was taken.
    name: str
    #: The id of its first step, or of what follows the whole where it has none; None where nothing follows.
    first: str | None
    when: Condition | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One named entry of `actions:`, wherever it stands."""

    id: str
    action: Action
    path: KeyPath = ("actions",)
    #: The id of the step that follows; None after the last.
    next: str | None = None
    branches: tuple[Branch, ...] = ()

    def onward(self, branch: str | None = None) -> str | None:
        """The id of the step that comes next on this branch; None: the playbook is finished."""
        return next((way.first for way in self.branches if way.name == branch), self.next)

    @property
    def names_answer(self) -> bool:
        """Whether it waits for the answer of the survey before it."""
        return any(name.startswith("answer.") for branch in self.branches if branch.when for name in branch.when.used)

    @property
    def waits_for_sync(self) -> bool:
        """Whether a condition names a field that the first sync may still bring."""
        if not isinstance(self.action, Choose):
            return False
        return any(branch.when is None and branch.name != OTHERWISE for branch in self.branches)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A step before it is known what follows."""

    id: str
    action: Action
    path: KeyPath
    ways: tuple[tuple[str, Condition | None, float, tuple[_Entry, ...]], ...] = ()


def read_steps(
    file: YamlFile,
    written: Any,
    fields: Fields,
    faults: list[Fault],
    warnings: list[Fault],
    surveys: Mapping[str, Questionnaire | None] = NONE_OF_ITS_OWN,
) -> list[Step]:
    """The steps in the order in which they are written, those within a `choose` or `split` after it."""
    return _linked(_Reader(file, fields, faults, warnings, surveys).block(written, ("actions",)), None)


def _linked(entries: Sequence[_Entry], after: str | None) -> list[Step]:
    steps: list[Step] = []
    for index, entry in enumerate(entries):
        following = entries[index + 1].id if index + 1 < len(entries) else after
        branches = tuple(
            Branch(name, inside[0].id if inside else following, when, share) for name, when, share, inside in entry.ways
        )
        step = Step(entry.id, entry.action, entry.path, following, branches)
        steps += _with_reminder(step, entry.action) if isinstance(entry.action, Survey) else [step]
        for *_, inside in entry.ways:
            steps += _linked(inside, following)
    return steps


def _with_reminder(step: Step, survey: Survey) -> list[Step]:
    """The survey; where it reminds, the wait for an answer and the reminder as steps of their own behind it.

    No step that is written can have their ids: those have no hyphen before a word.
    """
    if survey.remind_after is None:
        return [step]
    waiting, reminding = f"{step.id}-wait", f"{step.id}-reminder"
    ways = (Branch(HAPPENED, step.next), Branch(TIMED_OUT, reminding))
    return [
        replace(step, next=waiting),
        Step(waiting, survey.patience, step.path, step.next, ways),
        Step(reminding, survey.reminder, step.path, step.next),
    ]


def questions_of(steps: Iterable[Step]) -> dict[str, Kind]:
    """What surveys among the steps ask besides score, reason and comment, by the question's id."""
    asked = [question for step in steps if isinstance(step.action, Survey) for question in step.action.asks.questions]
    return {question.id: Kind.NUMBER if question.type == "rating" else Kind.TEXT for question in asked}


def _asked_in(document: Any) -> Iterator[tuple[str, Kind]]:
    """The questions as they are written, sound or not: conditions that name them are not to blame."""
    surveys = document.get("surveys") if isinstance(document, Mapping) else None
    for survey in surveys.values() if isinstance(surveys, Mapping) else ():
        for question in (survey.get("questions") or ()) if isinstance(survey, Mapping) else ():
            if isinstance(question, Mapping) and str(question.get("id")).isidentifier():
                yield str(question["id"]), Kind.NUMBER if question.get("type") == "rating" else Kind.TEXT


class _Reader:
    """Reads entries within entries; every mistake is a fault, and the rest is read on."""

    def __init__(
        self,
        file: YamlFile,
        fields: Fields,
        faults: list[Fault],
        warnings: list[Fault],
        surveys: Mapping[str, Questionnaire | None],
    ) -> None:
        self.file = file
        self.surveys = surveys
        self.fields = fields.bringing("answer", "enrollment").answering(dict(_asked_in(file.document)))
        self.faults = faults
        self.warnings = warnings
        self._ids: set[str] = set()
        self._counts: dict[str, int] = {}

    def block(self, written: Any, path: KeyPath) -> tuple[_Entry, ...]:
        entries = written if isinstance(written, list) else []
        read = [self._entries(entry, (*path, index)) for index, entry in enumerate(entries)]
        return tuple(entry for some in read for entry in some)

    def _entries(self, written: Any, path: KeyPath) -> tuple[_Entry, ...]:
        """The step; of one that is at fault what can be looked at all the same, since such a playbook does not run."""
        found = single(self.file, path, "an action", written, actions.ACTIONS, actions.NOT_YET, self.faults)
        if found is None:
            return ()
        name, below = found
        action = validate(self.file, actions.ACTIONS[name], below if below is not None else {}, at=(*path, name))
        if isinstance(action, list):
            self.faults += action
            return (*self._rest(name, below, path), *self._within(name, below, (*path, name)))
        id = self._id(action, (*path, name))
        match action:
            case Survey(questions=str(questions)):
                return (_Entry(id, self._asking(action, questions, (*path, name)), path),)
            case Choose():
                return (_Entry(id, action, path, tuple(self._options(action, (*path, name)))),)
            case Split(arms=arms):
                ways = tuple(
                    (arm.name, None, arm.share, self.block(arm.actions, (*path, name, "arms", index, "actions")))
                    for index, arm in enumerate(arms)
                )
                return (_Entry(id, action, path, ways),)
        return (_Entry(id, action, path),)

    def _asking(self, survey: Survey, name: str, path: KeyPath) -> Survey:
        """The survey with its questions, if they are there."""
        if name not in self.surveys:
            advice = closest(name, self.surveys) or f"write it: surveys: {{{name}: {{questions: [...]}}}}"
            self.faults.append(self.file.fault((*path, "questions"), f"there is no survey {name!r} here", advice))
        asks = self.surveys.get(name)
        return survey.asking(asks) if asks is not None else survey

    def _rest(self, name: str, below: Any, path: KeyPath) -> Iterator[_Entry]:
        """A step without its keys that are at fault: its template, subject and id are looked at."""
        if name in ("choose", "split"):
            return
        if (rest := salvaged(actions.ACTIONS[name], below)) is not None:
            yield _Entry(self._id(rest, (*path, name)), rest, path)
        elif isinstance(below, Mapping) and isinstance(below.get("id"), str):
            self._take(below["id"], (*path, name))

    def _within(self, name: str, below: Any, path: KeyPath) -> tuple[_Entry, ...]:
        """The steps inside one that is at fault itself."""
        inside: list[_Entry] = []
        ways = below.get("arms") if name == "split" and isinstance(below, Mapping) else below
        where = (*path, "arms") if name == "split" else path
        for index, way in enumerate(ways if name in ("choose", "split") and isinstance(ways, list) else ()):
            for key in ("actions", OTHERWISE):
                if isinstance(way, Mapping) and key in way:
                    inside += self.block(way[key], (*where, index, key))
        return tuple(inside)

    def _id(self, action: Action, path: KeyPath) -> str:
        self._counts[action.name] = self._counts.get(action.name, 0) + 1
        id = action.id or f"{action.name}-{self._counts[action.name]}"
        self._take(id, path)
        return id

    def _take(self, id: str, path: KeyPath) -> None:
        if id in self._ids:
            words = f"the id {id!r} is taken by an earlier step"
            self.faults.append(self.file.fault((*path, "id"), words, "give it another one"))
        self._ids.add(id)

    def _options(self, choose: Choose, path: KeyPath) -> list[tuple[str, Condition | None, float, tuple[_Entry, ...]]]:
        ways = []
        for index, option in enumerate(choose.options):
            when = self._condition(option.when, (*path, index, "when")) if option.when is not None else None
            key = OTHERWISE if option.when is None else "actions"
            inside = self.block(option.otherwise if option.when is None else option.actions, (*path, index, key))
            ways.append((option.when or OTHERWISE, when, 0.0, inside))
        return ways

    def _condition(self, source: str, path: KeyPath) -> Condition | None:
        return read_condition(self.file, path, source, self.fields, self.faults, self.warnings)


def read_condition(
    file: YamlFile, path: KeyPath, source: str, fields: Fields, faults: list[Fault], warnings: list[Fault]
) -> Condition | None:
    """The condition; or None, with a fault, or with a warning while the first sync may still bring the field."""
    try:
        condition = Condition(source, fields)
        warnings += [file.fault(path, message, advice, value=False) for message, advice in condition.doubts]
        return condition
    except ConditionFault:
        for line, wrong in faults_in(with_lines(source), fields):
            fault = file.fault(path, wrong.message, wrong.advice)
            if line_breaks(source):
                fault = replace(fault, line=fault.line + line, column=file.begins_at(fault.line + line))
            (warnings if wrong.unknown_field and not fields.complete else faults).append(fault)
        return None


def single(
    file: YamlFile,
    path: KeyPath,
    what: str,
    written: Any,
    known: Mapping[str, Any],
    not_yet: Sequence[str],
    faults: list[Fault],
) -> tuple[str, Any] | None:
    """The one name and its keys, `{anniversary: {…}}`; None, with a fault, for anything else."""
    if isinstance(written, str) and written in known:
        return written, None
    if not isinstance(written, dict) or len(written) != 1:
        faults.append(_not_one(file, path, what, written))
        return None
    ((name, below),) = written.items()
    if name in known:
        return str(name), below
    word = what.split()[1]
    if name in not_yet:
        faults.append(file.fault((*path, name), f"the {word} {name!r} is not in this version yet", value=False))
    else:
        advice = closest(str(name), [*known, *not_yet]) or f"there are {', '.join(known)}"
        faults.append(file.fault((*path, name), f"there is no {word} {name!r}", advice, value=False))
    return None


def _not_one(file: YamlFile, path: KeyPath, what: str, written: Any) -> Fault:
    """Several names where one is meant, a list, or nothing."""
    several = isinstance(written, dict) and len(written) > 1
    said = ", ".join(map(str, written)) if several else short(written or None)
    advice = "keep one of them" if several and len(path) == 1 else "one a line" if several else ""
    return file.fault(path, f"must be {what} with its keys below it, is {said}", advice)
