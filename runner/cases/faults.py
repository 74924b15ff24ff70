"""Mistakes in a playbook's tests: names of steps and fields that are not there, values that cannot be meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.records import Company, Contact, columns
from runner.cases.model import LISTS, ROWS, Case, Row
from runner.cases.rows import Mistake, Scene, company_of, in_short, key_in, known_of, record_of, zone_of
from runner.cases.when import When
from runner.conditions import Fields
from runner.errors import Fault
from runner.yaml_file import YamlFile, closest

Path = Sequence[str | int]


def faults_of(
    file: YamlFile, cases: Sequence[Case], steps: Mapping[str, Sequence[str]], fields: Fields
) -> tuple[list[Fault], list[Fault]]:
    """Faults, and warnings of fields that no connector has told of; before a first sync these are taken on trust."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    named: dict[str, int] = {}
    for index, case in enumerate(cases):
        path = ("tests", index)
        if named.setdefault(case.name, index) != index:
            faults.append(file.fault((*path, "name"), f"the name {case.name!r} is taken by an earlier test"))
        faults += _of_steps(file, path, case, steps)
        for fault, learned in _of_fields(file, path, case, fields):
            (warnings if learned else faults).append(fault)
        faults += _of_values(file, path, case, fields)
    return faults, warnings


def _of_steps(file: YamlFile, path: Path, case: Case, steps: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    for step, arm in case.given.arms.items():
        if arm not in steps.get(step, ()):
            advice = f"there are {', '.join(steps[step])}" if steps.get(step) else "name a split's step and its arm"
            yield file.fault((*path, "given", "arms", step), f"there is no arm {arm!r} of {step!r}", advice)
    if isinstance(case.given.inside, str) and case.given.inside not in steps:
        yield file.fault((*path, "given", "inside"), *_no_step(case.given.inside, steps))
    for key in ("done", "held", "skipped"):
        for place, step in enumerate(getattr(case.expect, key) or ()):
            if step not in steps:
                yield file.fault(_step_path(file, path, key, place), *_no_step(step, steps))
    for place, one in enumerate(case.then):
        if one.click is not None and one.click not in steps:
            yield file.fault((*path, "then", place, "click"), *_no_step(one.click, steps))


def _step_path(file: YamlFile, path: Path, key: str, place: int) -> Path:
    """Where a step stands, whichever way it is written: a list alone, a list below its key, or one word."""
    written: Any = file.document
    for part in (*path, "expect"):
        written = written[part]
    below: tuple[str | int, ...] = ()
    if isinstance(written, dict):
        below, written = (key,), written[key]
    return (*path, "expect", *below, *([place] if isinstance(written, list) else []))


def _no_step(step: str, steps: Collection[str]) -> tuple[str, str]:
    return f"there is no step {step!r}", closest(step, steps) or f"there are {', '.join(sorted(steps))}"


def _of_fields(file: YamlFile, path: Path, case: Case, fields: Fields) -> Iterator[tuple[Fault, bool]]:
    """Names of fields that are not there; with whether it may be one of the user's own that is not known yet."""
    given = case.given
    people: list[tuple[Path, Row]] = [(("given", "contact"), given.contact), (("given", "before"), given.before)]
    people += [(("then", place, "contact"), one.contact or {}) for place, one in enumerate(case.then)]
    ours = [column.name for column in columns(Contact)]
    for below, row in people:
        yield from _unknown(file, (*path, *below), "contact", row, ours, fields)
    names = [column.name for column in columns(Company)]
    yield from _unknown(file, (*path, "given", "company"), "company", given.company or {}, names, fields)


def _unknown(
    file: YamlFile, path: Path, word: str, row: Row, ours: Sequence[str], fields: Fields
) -> Iterator[tuple[Fault, bool]]:
    known = [*ours, *(name.partition(".")[2] for name in fields.names if name.startswith(f"{word}."))]
    for name in row:
        if word == "contact" and name in _KEPT:
            yield file.fault((*path, name), f"{name!r} is kept by Regulars itself", _KEPT[name], value=False), False
        if name in known:
            continue
        advice = closest(str(name), known)
        words = f"{word} has no {name!r}"
        if advice or fields.complete:
            yield file.fault((*path, name), words, advice, value=False), not advice


#: Fields that nobody else may fill, each with what to write instead.
_KEPT = {
    "address": "write email",
    "zone": "write timezone",
    "last_answer_at": "write it as one of the answers",
    "last_click_at": "let the person click under then:",
    "referral_code": "it is drawn when it is first shown",
}


def _of_values(file: YamlFile, path: Path, case: Case, fields: Fields) -> Iterator[Fault]:
    """Each row read once, as the test will read it."""
    given = case.given
    zone = zone_of(given.contact, given.company, "UTC")
    scene = Scene(given.moment(zone), zone, fields)
    for key in ("contact", "before"):
        yield from _tried(file, (*path, "given", key), known_of, getattr(given, key), scene, consent=None)
    if given.company is not None:
        yield from _tried(file, (*path, "given", "company"), company_of, given.company, scene)
    if given.orders and (short := in_short(given.contact)):
        words = f"{short[0]} is what the orders come to: give the orders or this"
        yield file.fault((*path, "given", "contact", short[0]), words, value=False)
    later = [(("then", place, "contact"), one.contact or {}) for place, one in enumerate(case.then)]
    for below, row in ((("given", "before"), given.before), *later):
        for name in in_short(row):
            words = f"{name} is counted from orders and tickets, whose times say when it was so"
            advice = "write these below given: with their times, or below then:"
            yield file.fault((*path, *below, name), words, advice, value=False)
    yield from _of_times(file, path, case, scene)
    seen = set()
    for key, place, row in given.rows():
        seen.add((LISTS[key], key_in(LISTS[key], row)))
        yield from _tried(file, (*path, "given", key, place), record_of, LISTS[key], row, 1, scene)
    own = {"reason", *_asked_in(file.document)}
    for place, one in enumerate(case.then):
        row, below = getattr(one, one.what), (*path, "then", place, one.what)
        if one.what == "answer":
            # What only our own surveys ask.
            row = {name: value for name, value in row.items() if name not in own}
        if one.what == "contact":
            yield from _tried(file, below, known_of, row, scene, consent=None)
        elif (table := ROWS.get(one.what)) is not None and (table, key_in(table, row)) not in seen:
            yield from _tried(file, below, record_of, table, row, 1, scene)


def _asked_in(document: Any) -> Iterator[str]:
    """The ids of the playbook's own questions, as they are written."""
    surveys = document.get("surveys") if isinstance(document, Mapping) else None
    for survey in surveys.values() if isinstance(surveys, Mapping) else ():
        questions = survey.get("questions") if isinstance(survey, Mapping) else None
        for question in questions if isinstance(questions, list) else ():
            if isinstance(question, Mapping) and "id" in question:
                yield str(question["id"])


def _of_times(file: YamlFile, path: Path, case: Case, scene: Scene) -> Iterator[Fault]:
    """What is to come later must not come before `now`."""
    times: list[tuple[Path, When | None]] = [(("then", place, "at"), one.at) for place, one in enumerate(case.then)]
    for below, when in (*times, (("expect", "until"), case.expect.until)):
        if when is not None and when.instant(scene.now, scene.zone) < scene.now:
            yield file.fault((*path, *below), "is before now")


def _tried(file: YamlFile, path: Path, read: Callable[..., object], *told: Any, **named: Any) -> Iterator[Fault]:
    try:
        read(*told, **named)
    except Mistake as mistake:
        below = (*path, mistake.key) if mistake.key else path
        yield file.fault(below, mistake.message, mistake.advice, value=bool(mistake.key))
