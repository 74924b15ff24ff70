"""A playbook: one YAML file, checked into a trigger, an audience and steps; every mistake in it a fault."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, field_validator

from runner import cases, triggers
from runner.actions import Choose, MailAction, Split, Stop, Survey, Wait
from runner.actions.questions import KINDS, Questionnaire
from runner.cases import Case
from runner.conditions import Condition, Fields
from runner.conditions.fields import Kind
from runner.duration import Duration, Span, parse
from runner.errors import Fault
from runner.settings import Brake
from runner.steps import Step, questions_of, read_condition, read_steps, single
from runner.triggers import Anchor, Trigger
from runner.triggers.naming import misnamed
from runner.yaml_file import YamlFile, read_yaml, salvaged, validate
from runner.yaml_types import NotYet, Part, Share


class Limits(Part):
    """How a playbook stands among the others."""

    #: Whose mail goes first where caps leave room for one.
    priority: Literal["low", "normal", "high"] = "normal"
    #: Whether the caps on mail a person hold for it.
    cap: bool = True


class Goal(Part):
    """What the playbook is for: it ends when this happened."""

    #: `order`, or the kind of an event.
    event: str = Field("order", min_length=1)
    #: How long after entering.
    within: Span = Duration(60, "day")


class Holdout(Part):
    """Who is not written to, so that the effect can be told: a share of the people, drawn by a stable hash."""

    #: `10%` of the people; with customers: company, of the companies.
    share: Share
    #: Playbooks that name the same group hold out the same people, who so get mail from none of them.
    group: str | None = Field(None, min_length=1)


def _holdout(value: Any) -> Any:
    return value if isinstance(value, dict | Holdout) else {"share": value}


def _share_or_keys(schema: dict[str, Any]) -> None:
    keys = {key: schema.pop(key) for key in list(schema)}
    keys.pop("default", None)
    schema["anyOf"] = [TypeAdapter(Share).json_schema(), keys]


class PlaybookKeys(Part):
    """The keys of a playbook's file."""

    #: What people call it.
    name: str
    #: What it is for, in a sentence.
    description: str = ""
    #: Whom to ask about it.
    owner: str | None = None
    enabled: bool = True
    #: Its id where that is not the file's name.
    id: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]*$")
    #: An older id, under which people may still be inside.
    was: str | None = None
    #: What makes a contact enter: one trigger.
    trigger: Any
    #: Who may enter: a condition.
    audience: str | None = None
    #: `every occasion`, `never`, or `after 90 days`.
    reenter: str = "every occasion"
    #: Who is not written to, so that the effect can be told: `10%`, or `{share: 10%, group: win-back}`.
    holdout: Annotated[Holdout, BeforeValidator(_holdout)] = Field(Holdout(share=0.0), json_schema_extra=_share_or_keys)
    #: Who comes again while inside enters beside (`parallel`), not at all (`single`), or begins anew (`restart`).
    mode: Literal["parallel", "single", "restart"] = "parallel"
    limits: Limits = Limits()
    #: Surveys of one's own, each by the name that a step's `questions:` says.
    surveys: Mapping[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Questionnaire] = Field(default_factory=dict)
    #: The steps, in order: each one action.
    actions: list[Any] = Field(min_length=1)
    goal: Goal | None = None
    #: A condition that ends it for a contact.
    exit_when: str | None = None
    #: Whether those inside `keep` the version they entered with, or `move` to an edited one.
    on_edit: Literal["keep", "move"] = "keep"
    #: A hold longer than this ends as too late.
    max_lateness: Span | None = None
    brake: Brake | None = None
    #: Examples that the playbook must pass: `regulars test` tries them.
    tests: tuple[Case, ...] = ()
    # Of the language, not in this version yet.
    to: NotYet = None

    @field_validator("surveys")
    @classmethod
    def _names_of_their_own(cls, surveys: Mapping[str, Questionnaire]) -> Mapping[str, Questionnaire]:
        if taken := sorted(surveys.keys() & KINDS.keys()):
            raise ValueError(f"{taken[0]!r} is a kind: give the survey another name, and kind: {taken[0]} inside it")
        return surveys

    @field_validator("reenter")
    @classmethod
    def _reenter(cls, text: str) -> str:
        if text not in ("every occasion", "never"):
            if not text.startswith("after "):
                raise ValueError(f"must be 'every occasion', 'never' or 'after 90 days', is {text!r}")
            parse(text)
        return text


@dataclass(frozen=True)
class Playbook:
    """A playbook that may run."""

    id: str
    #: The hash of its normalised YAML.
    version: str
    body: Mapping[str, Any]
    keys: PlaybookKeys
    trigger: Trigger
    steps: Sequence[Step]
    audience: Condition | None
    exit_when: Condition | None
    #: The indexes that find who can be due.
    anchors: Sequence[Anchor]
    file: YamlFile
    #: An older id, where people were drawn by that before it was renamed.
    salt: str | None = None

    @property
    def name(self) -> str:
        return self.keys.name

    @property
    def drawn_as(self) -> str:
        """What people are drawn by in holdout and splits; a rename leaves it."""
        return self.salt or self.id

    def step(self, id: str) -> Step | None:
        return next((step for step in self.steps if step.id == id), None)

    @property
    def held_out_as(self) -> str:
        """What the holdout is drawn by: its group's name, else the playbook's own."""
        return self.keys.holdout.group or self.drawn_as

    @property
    def serves(self) -> bool:
        """Whether somebody in the holdout gets anything: mail that is no marketing."""
        return any(mail.purpose == "service" for _, mail in self.mails())

    @property
    def asks(self) -> bool:
        """Whether there is a survey in it, whose answer later steps may name."""
        return any(isinstance(step.action, Survey) for step in self.steps)

    @property
    def rank(self) -> int:
        """Whose mail goes first where caps leave room for one: 0 high, 1 normal, 2 low."""
        return ("high", "normal", "low").index(self.keys.limits.priority)

    @property
    def reenter_after(self) -> Duration | None:
        """How long after the last time somebody may enter again; None for every occasion."""
        return parse(self.keys.reenter) if self.keys.reenter.startswith("after ") else None

    @property
    def questions(self) -> Mapping[str, Kind]:
        """What its surveys ask besides score, reason and comment: what an answer may have, and of which kind."""
        return questions_of(self.steps)

    def mails(self) -> Sequence[tuple[Step, MailAction]]:
        return [(step, step.action) for step in self.steps if isinstance(step.action, MailAction)]


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of a playbook, sound or not: enough to look at its templates."""

    id: str
    file: YamlFile
    steps: tuple[Step, ...]
    #: What the trigger or a survey brings that templates may name: `answer`, `order`.
    brings: Sequence[str]
    enabled: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a playbook's file gave: a playbook or faults, and what is worth a warning."""

    id: str
    file: str
    playbook: Playbook | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    draft: Draft | None = None

    @property
    def enabled(self) -> bool:
        return self.draft is None or self.draft.enabled


def read_playbooks(workspace: Path, fields: Fields) -> list[Reading]:
    """Every `playbooks/*.yaml`, healthy or not, by id."""
    paths = sorted((workspace / "playbooks").glob("*.yaml"))
    readings = [read_playbook(path, f"playbooks/{path.name}", fields) for path in paths]
    for path in sorted((workspace / "playbooks").glob("*.yml")):
        fault = Fault(f"playbooks/{path.name}", 1, 1, "", "is not read", f"name it {path.stem}.yaml")
        readings.append(Reading(path.stem, f"playbooks/{path.name}", None, (fault,)))
    seen: dict[str, str] = {}
    for index, reading in enumerate(readings):
        if (first := seen.setdefault(reading.id, reading.file)) != reading.file:
            fault = Fault(reading.file, 1, 1, "id", f"the id {reading.id!r} is taken by {first}", "give it another one")
            readings[index] = replace(reading, playbook=None, faults=(*reading.faults, fault))
    return [_with_old_name(reading, seen) for reading in readings]


def _with_old_name(reading: Reading, files: Mapping[str, str]) -> Reading:
    """Of two playbooks that are there neither has been renamed to the other."""
    was = reading.draft.file.document.get("was") if reading.draft else None
    if reading.draft is None or not isinstance(was, str) or was not in files:
        return reading
    fault = reading.draft.file.fault(("was",), f"{files[was]} has this id", "delete that file, or leave was: out")
    return replace(reading, playbook=None, faults=(*reading.faults, fault))


def read_playbook(path: Path, name: str, fields: Fields) -> Reading:
    file = read_yaml(path, name)
    if isinstance(file, Fault):
        return Reading(path.stem, name, None, (file,))
    return assemble(file, path.stem, fields)


def assemble(file: YamlFile, stem: str, fields: Fields) -> Reading:
    """The playbook that a document describes; `stem` is its id unless it says another."""
    document = file.document
    if not isinstance(document, dict):
        words = "is no playbook" if document else "is empty"
        fault = Fault(file.name, 1, 1, "", words, "a playbook has a name, a trigger and actions")
        return Reading(stem, file.name, None, (fault,))
    keys = validate(file, PlaybookKeys, document)
    faults = list(keys) if isinstance(keys, list) else []
    warnings: list[Fault] = []
    trigger = _read_trigger(file, document.get("trigger"), faults, warnings, fields) if "trigger" in document else None
    brought = fields.bringing(*trigger.brings) if trigger else fields
    surveys = _read_surveys(keys, document.get("surveys"))
    steps = read_steps(file, document.get("actions"), brought, faults, warnings, surveys)
    audience = _read_condition(file, document, "audience", faults, warnings, fields)
    exit_when = _read_condition(file, document, "exit_when", faults, warnings, fields)
    if isinstance(keys, PlaybookKeys):
        wrong, unknown = cases.faults_of(file, keys.tests, {step.id: _arms(step) for step in steps}, fields)
        faults += wrong
        warnings += unknown
        faults += _without_id(file, steps) if keys.on_edit == "move" else []
    id = str(document.get("id") or stem)
    draft = Draft(id, file, tuple(steps), _brings(trigger, steps), document.get("enabled") is not False)
    waiting = (audience is None and "audience" in document) or (exit_when is None and "exit_when" in document)
    waiting = waiting or any(step.waits_for_sync for step in steps)
    if faults or isinstance(keys, list) or trigger is None or not steps or waiting:
        return Reading(id, file.name, None, tuple(faults), tuple(warnings), draft)
    # Without its tests: a playbook that is tested better is the same playbook.
    body = json.loads(json.dumps({key: below for key, below in document.items() if key != "tests"}, default=str))
    anchors = trigger.anchors(fields)
    playbook = Playbook(id, _version(body), body, keys, trigger, steps, audience, exit_when, anchors, file)
    return Reading(id, file.name, playbook, (), tuple(warnings), draft)


def _read_surveys(keys: PlaybookKeys | list[Fault], written: Any) -> Mapping[str, Questionnaire | None]:
    """Its own surveys by name; None for one that is at fault, where the keys have told of it."""
    if isinstance(keys, PlaybookKeys):
        return keys.surveys
    names = written if isinstance(written, Mapping) else {}
    return {str(name): salvaged(Questionnaire, below) for name, below in names.items()}


def _version(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


def _read_trigger(
    file: YamlFile, written: Any, faults: list[Fault], warnings: list[Fault], fields: Fields
) -> Trigger | None:
    found = single(file, ("trigger",), "a trigger", written, triggers.TRIGGERS, triggers.NOT_YET, faults)
    if found is None:
        return None
    name, below = found
    path = ("trigger", name)
    read = validate(file, triggers.TRIGGERS[name], below or {}, at=path)
    # One that is at fault is looked at without its wrong keys; the playbook does not run.
    trigger = salvaged(triggers.TRIGGERS[name], below or {}) if isinstance(read, list) else read
    faults += read if isinstance(read, list) else []
    wrong = list(misnamed(file, path, trigger, fields)) if trigger else []
    for one in wrong:
        (warnings if one.learned else faults).append(one.fault)
    return None if wrong else trigger


def _arms(step: Step) -> list[str]:
    """Of a split the names of its arms."""
    return [branch.name for branch in step.branches] if isinstance(step.action, Split) else []


def _without_id(file: YamlFile, steps: Sequence[Step]) -> list[Fault]:
    """Who moves to an edited playbook is told by the step's id how far they are: one that shifts would send twice."""
    return [
        file.fault((*step.path, step.action.name), "has no id, which on_edit: move needs", "add id:", value=False)
        for step in steps
        if step.action.id is None and not isinstance(step.action, Wait | Choose | Stop)
    ]


def _brings(trigger: Trigger | None, steps: Sequence[Step]) -> Sequence[str]:
    asked = ("answer",) if any(isinstance(step.action, Survey) for step in steps) else ()
    return tuple(dict.fromkeys((*(trigger.brings if trigger else ()), *asked)))


def _read_condition(
    file: YamlFile, document: Mapping[str, Any], key: str, faults: list[Fault], warnings: list[Fault], fields: Fields
) -> Condition | None:
    source = document.get(key)
    return read_condition(file, (key,), source, fields, faults, warnings) if isinstance(source, str) else None
