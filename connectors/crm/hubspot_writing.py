"""HubSpot is told fields, notes, tasks and opt-outs: a hundred at a time, each with what became of it.

A batch whose answer was lost is looked for before anything is written again: fields by their values, notes and tasks by
our mark in their text, opt-outs by what the contact says. Nothing of these has a key by which HubSpot would know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.base import Outcome, Verdict
from connectors.crm import hubspot_answers as answers
from connectors.crm.hubspot_errors import SYSTEM, Lost
from connectors.crm.hubspot_fields import opted_out_of
from connectors.crm.hubspot_properties import Properties, Unfit
from connectors.errors import AuthFailed, ConnectorError, Permanent, Temporary
from connectors.records import FieldType
from connectors.writing import CrmWrite, Note, OptOut, SetFields, Task

if TYPE_CHECKING:
    from connectors.crm.hubspot_answers import Answer
    from connectors.crm.hubspot_api import HubSpotApi

W = TypeVar("W", bound=CrmWrite)

#: Inputs of one call.
BATCH = 100
#: Characters that a note or task holds, less our mark.
LONGEST = 65_000
#: note → contact and task → contact, as HubSpot numbers them; the way back has other numbers.
TO_CONTACT = {"notes": 202, "tasks": 204}
TEXTS = {"notes": "hs_note_body", "tasks": "hs_task_body"}
PRIORITIES = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
#: Categories of a part's error that blame the part and not the moment.
FOR_GOOD = ("VALIDATION_ERROR", "OBJECT_NOT_FOUND", "CONFLICT")


class Writing:
    """What one account is told."""

    def __init__(
        self,
        api: HubSpotApi,
        *,
        fields: Mapping[str, str],
        create: Mapping[str, FieldType],
        topics: Mapping[str, int],
    ) -> None:
        self._api = api
        self._topics = topics
        self._properties = Properties(api, fields, create)
        self._owners: Mapping[str, str] | None = None

    def write(self, writes: Sequence[CrmWrite]) -> list[Outcome]:
        """What became of each; when HubSpot itself is in trouble, the rest is not tried."""
        told: list[Outcome] = []
        for batch, tell in self._batches(writes):
            stopped = next((one for one in told if one.verdict in (Verdict.UNTRIED, Verdict.UNSURE)), None)
            if stopped is not None:
                told += _all(batch, Verdict.UNTRIED, f"not tried: {stopped.reason}")
            else:
                told += self._told(batch, tell)
        return told

    def find(self, writes: Sequence[CrmWrite]) -> list[Outcome]:
        """Which of these are there."""
        return [
            *self._looked([one for one in writes if isinstance(one, SetFields)], self._find_fields),
            *self._looked([one for one in writes if isinstance(one, OptOut)], self._find_opt_outs),
            *self._looked([one for one in writes if isinstance(one, Note)], partial(self._find_marks, "notes")),
            *self._looked([one for one in writes if isinstance(one, Task)], partial(self._find_marks, "tasks")),
        ]

    # --- what is said

    def _batches(self, writes: Sequence[CrmWrite]) -> Iterator[tuple[Sequence[Any], Callable[[Any], list[Outcome]]]]:
        yield from ((batch, self._set_fields) for batch in _once_each([w for w in writes if isinstance(w, SetFields)]))
        yield from ((batch, self._note) for batch in _parts([w for w in writes if isinstance(w, Note)]))
        yield from ((batch, self._give) for batch in _parts([w for w in writes if isinstance(w, Task)]))
        yield from (([one], self._opt_out) for one in writes if isinstance(one, OptOut))

    def _told(self, batch: Sequence[W], tell: Callable[[Sequence[W]], list[Outcome]]) -> list[Outcome]:
        """One refused as a whole is halved until it is known whom that is about."""
        try:
            return tell(batch)
        except Lost as error:
            return _all(batch, Verdict.UNSURE, str(error))
        except (AuthFailed, Temporary) as error:
            after = error.retry_after if isinstance(error, Temporary) else None
            return _all(batch, Verdict.UNTRIED, str(error), after)
        except Permanent as error:
            if len(batch) == 1:
                return _all(batch, Verdict.REFUSED, error.words)
            half = len(batch) // 2
            return [outcome for part in (batch[:half], batch[half:]) for outcome in self._told(part, tell)]

    def _set_fields(self, batch: Sequence[SetFields]) -> list[Outcome]:
        inputs, told = [], list[Outcome]()
        for one in batch:
            try:
                properties = self._properties.told(one.fields)
            except Unfit as fault:
                told.append(Outcome(one.write_id, Verdict.REFUSED, reason=str(fault)))
                continue
            inputs.append({"id": one.contact_id, "properties": properties, "objectWriteTraceId": one.write_id})
        return told + (self._batch("update", "contacts", inputs) if inputs else [])

    def _note(self, batch: Sequence[Note]) -> list[Outcome]:
        inputs = [
            _activity("notes", one, {"hs_timestamp": one.at.isoformat(), "hs_note_body": _marked(one, one.body)})
            for one in batch
        ]
        return self._batch("create", "notes", inputs)

    def _give(self, batch: Sequence[Task]) -> list[Outcome]:
        return self._batch("create", "tasks", [_activity("tasks", one, self._task(one)) for one in batch])

    def _task(self, one: Task) -> dict[str, str]:
        properties = {
            "hs_timestamp": one.due_at.isoformat(),
            "hs_task_subject": one.subject,
            "hs_task_body": _marked(one, one.body or ""),
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "TODO",
            "hs_task_priority": PRIORITIES.get(one.priority, "MEDIUM"),
        }
        owner = self._owner(one.owner)
        return properties | ({"hubspot_owner_id": owner} if owner else {})

    def _opt_out(self, batch: Sequence[OptOut]) -> list[Outcome]:
        (one,) = batch
        if one.topic is None:
            self._api.write("unsubscribe all", one.address, {}, read=len, query=[("channel", "EMAIL")])
        elif one.topic in self._topics:
            body = {
                "subscriptionId": self._topics[one.topic],
                "statusState": "UNSUBSCRIBED",
                "channel": "EMAIL",
            }
            self._api.write("unsubscribe", one.address, body, read=len)
        else:
            words = f"HubSpot has no subscription type for {one.topic!r}; name it in the connector's `topics:`"
            return _all(batch, Verdict.REFUSED, words)
        return _all(batch, Verdict.ACCEPTED)

    def _batch(self, question: str, table: str, inputs: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        return self._api.write(question, table, {"inputs": inputs}, read=lambda answer: parts(answer, inputs))

    # --- what is there

    def _looked(self, writes: Sequence[W], look: Callable[[Sequence[W]], set[str]]) -> list[Outcome]:
        """`look` names those that are there."""
        if not writes:
            return []
        try:
            there = look(writes)
        except ConnectorError as error:
            return _all(writes, Verdict.UNSURE, f"could not be looked for: {error}")
        return [
            Outcome(one.write_id, Verdict.ACCEPTED, reason="it was found there")
            if one.write_id in there
            else Outcome(one.write_id, Verdict.RETURNED, reason="it was looked for, and is not there")
            for one in writes
        ]

    def _find_fields(self, writes: Sequence[SetFields]) -> set[str]:
        """A field that cannot be said is not there; the next try tells why."""
        wanted: dict[str, Mapping[str, str]] = {}
        for one in writes:
            try:
                wanted[one.write_id] = self._properties.told(one.fields)
            except Unfit:
                continue
        names = sorted({name for properties in wanted.values() for name in properties})
        now = self._api.read("contacts", [one.contact_id for one in writes], names)
        contact = {one.write_id: one.contact_id for one in writes}
        return {
            id
            for id, properties in wanted.items()
            if (there := now.get(contact[id])) is not None
            and all(self._properties.same(name, text, there.get(name)) for name, text in properties.items())
        }

    def _find_opt_outs(self, writes: Sequence[OptOut]) -> set[str]:
        names = {one.write_id: _opted_out(one, self._topics) for one in writes}
        now = self._api.read("contacts", [one.contact_id for one in writes], sorted(set(names.values())))
        return {one.write_id for one in writes if now.get(one.contact_id, {}).get(names[one.write_id]) == "true"}

    def _find_marks(self, table: str, writes: Sequence[CrmWrite]) -> set[str]:
        """By the contacts' own lists, since a search may not show it yet."""
        linked = self._api.links("contacts", table, [one.contact_id for one in writes])
        ids = sorted({link.id for links in linked.values() for link in links})
        said = [text for told in self._api.read(table, ids, [TEXTS[table]]).values() for text in told.values() if text]
        return {one.write_id for one in writes if any(_mark(one) in text for text in said)}

    def _owner(self, address: str | None) -> str | None:
        """The owner's id; a task of somebody HubSpot does not know is nobody's in particular."""
        if not address:
            return None
        if self._owners is None:
            self._owners = {email.lower(): id for id, email in self._api.owners().items()}
        return self._owners.get(address.lower())


def parts(answer: Answer, inputs: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """What became of each input of a batch; one that the answer does not speak of may have been written."""
    wanted = {one["objectWriteTraceId"]: one.get("id") for one in inputs}
    done = {one.get("objectWriteTraceId") for one in answer["results"]}
    ids = {str(one.get("id")) for one in answer["results"]}
    told = dict(_failed(answer, wanted))
    for write_id, id in wanted.items():
        if write_id not in told and (write_id in done or id in ids):
            told[write_id] = Outcome(write_id, Verdict.ACCEPTED)
    lost = "the answer does not speak of it"
    return [told.get(write_id) or Outcome(write_id, Verdict.UNSURE, reason=lost) for write_id in wanted]


def _failed(answer: Answer, wanted: Mapping[str, str | None]) -> Iterator[tuple[str, Outcome]]:
    for error in answer.get("errors") or ():
        context = error.get("context") or {}
        named = {str(id) for key in ("objectWriteTraceId", "ids", "id") for id in answers.several(context.get(key))}
        verdict = Verdict.REFUSED if error.get("category") in FOR_GOOD else Verdict.RETURNED
        for write_id, id in wanted.items():
            if write_id in named or id in named:
                yield write_id, Outcome(write_id, verdict, reason=f"{SYSTEM}: {answers.words(error)}")


def _activity(table: str, one: Note | Task, properties: Mapping[str, str]) -> dict[str, Any]:
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TO_CONTACT[table]}
    association = {"to": {"id": one.contact_id}, "types": [kind]}
    return {"properties": properties, "associations": [association], "objectWriteTraceId": one.write_id}


def _marked(one: Note | Task, body: str) -> str:
    return f"{body[:LONGEST]}\n{_mark(one)}".lstrip()


def _mark(one: CrmWrite) -> str:
    """People see it too, so it says whose it is."""
    return f"(Regulars {one.write_id})"


def _opted_out(one: OptOut, topics: Mapping[str, int]) -> str:
    topic = topics.get(one.topic) if one.topic else None
    return opted_out_of(topic) if topic else "hs_email_optout"


def _all(
    writes: Sequence[CrmWrite], verdict: Verdict, reason: str | None = None, after: float | None = None
) -> list[Outcome]:
    return [Outcome(one.write_id, verdict, reason=reason, retry_after=after) for one in writes]


def _parts(writes: Sequence[W]) -> Iterator[Sequence[W]]:
    for start in range(0, len(writes), BATCH):
        yield writes[start : start + BATCH]


def _once_each(writes: Sequence[SetFields]) -> Iterator[Sequence[SetFields]]:
    """Batches in which no contact stands twice, in the order of the writes."""
    while writes:
        batch: dict[str, SetFields] = {}
        left: list[SetFields] = []
        for one in writes:
            fits = one.contact_id not in batch and len(batch) < BATCH
            if fits and not any(later.contact_id == one.contact_id for later in left):
                batch[one.contact_id] = one
            else:
                left.append(one)
        yield list(batch.values())
        writes = left
