"""People whose text is the same but for their values become a group with one skeleton and each one's substitutions.

MJML, styles and the text part are made once a group. What a recipient sees is byte for byte what rendering the letter
alone would have given; where keys could not promise that, the letter is rendered alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from markupsafe import escape

from runner.render import pipeline


@dataclass(frozen=True, slots=True)
class Group:
    """Letters with one skeleton; each person's substitutions say what stands in place of its keys."""

    subject: str
    html: str
    text: str
    letters: Sequence[tuple[str, Mapping[str, str]]]
    #: Names the wording: the template with everything it extends and includes, and the subject.
    template_hash: str


@dataclass(slots=True)
class Draft:
    """One person's render with keys in it; `values[n]` is what key n stands for."""

    send_id: str
    subject: str
    source: str
    #: The text part's own template, rendered; None where the text part is made from the HTML.
    text_source: str | None
    values: list[str]


@dataclass(slots=True)
class Batch:
    """What the letters of one template version, rendered together, have in common."""

    mjml: bool
    template_hash: str
    nonce: str
    max_keys: int | None
    max_bytes: int | None
    key: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.key = re.compile(rf"-r{self.nonce}\.(\d+a?)-")


def grouped(drafts: Sequence[Draft], batch: Batch) -> tuple[list[Group], list[tuple[str, Exception]]]:
    """The groups, and of each letter that could not be made its send id and why."""
    groups: list[Group] = []
    failed: list[tuple[str, Exception]] = []
    for alike in _alike(drafts, batch):
        shared = None
        with suppress(OSError, ValueError):
            shared = _shared(alike, batch) if len(alike) > 1 or _skeleton(alike[0], batch) in _PROVED else None
        groups += shared or []
        for draft in alike if shared is None else ():
            try:
                groups.append(_alone(draft, batch))
            except (OSError, ValueError) as error:
                failed.append((draft.send_id, error))
    return groups, failed


def _alike(drafts: Sequence[Draft], batch: Batch) -> list[list[Draft]]:
    """The drafts in groups of equal source, once what may not stand as a key has been written out."""
    groups: dict[tuple[str, str | None], list[Draft]] = {}
    for same in _by_source(drafts).values():
        opaque = sorted(int(number) for number in pipeline.opaque_keys(same[0].source, batch.key))
        written: dict[tuple[str, ...], str] = {}
        for draft in same:
            if opaque:
                theirs = tuple(draft.values[number] for number in opaque)
                if theirs not in written:
                    written[theirs] = _written_out(draft.source, draft.values, batch, opaque)
                draft.source = written[theirs]
            groups.setdefault((draft.source, draft.text_source), []).append(draft)
    return list(groups.values())


def _by_source(drafts: Sequence[Draft]) -> dict[tuple[str, str | None], list[Draft]]:
    groups: dict[tuple[str, str | None], list[Draft]] = {}
    for draft in drafts:
        groups.setdefault((draft.source, draft.text_source), []).append(draft)
    return groups


def _written_out(source: str, values: Sequence[str], batch: Batch, numbers: Container[int]) -> str:
    """The source with these keys replaced by what a plain render prints in their place."""

    def value(key: re.Match[str]) -> str:
        number = int(key[1])
        return str(escape(values[number])) if number in numbers else key[0]

    return batch.key.sub(value, source)


def _alone(draft: Draft, batch: Batch) -> Group:
    """A letter rendered by itself: what the others must be equal to."""
    every = range(len(draft.values))
    html = pipeline.as_html(_written_out(draft.source, draft.values, batch, every), mjml=batch.mjml)
    if draft.text_source is None:
        text = pipeline.as_text(html)
    else:
        text = batch.key.sub(lambda key: draft.values[int(key[1])], draft.text_source)
    return Group(draft.subject, html, text, [(draft.send_id, {})], batch.template_hash)


class _Columns:
    """The keys of a group's final texts: what all have in common is written out, equal columns share a key."""

    def __init__(self, drafts: Sequence[Draft], batch: Batch) -> None:
        self._drafts = drafts
        self._batch = batch
        #: Key to each letter's text, in the letters' order.
        self.texts: dict[str, tuple[str, ...]] = {}

    def part(self, text: str, form: Callable[[str, str], str]) -> str:
        """One part with its final keys; `form` writes a value as this part needs it at a key's place."""
        keys: dict[tuple[str, ...], str] = {}
        places: dict[str, str] = {}
        for number in dict.fromkeys(self._batch.key.findall(text)):
            n = int(number.rstrip("a"))
            # What is recorded is printable: no value has the sign that stands between them.
            whole = form(number, "\n".join([draft.values[n] for draft in self._drafts]))
            places[number] = self.one(tuple(whole.split("\n")), keys)
        return self._batch.key.sub(lambda key: places[key[1]], text)

    def one(self, column: tuple[str, ...], keys: dict[tuple[str, ...], str]) -> str:
        """What stands in the skeleton for a column of texts."""
        if column.count(column[0]) == len(column):
            return column[0]
        if column not in keys:
            keys[column] = f"-r{self._batch.nonce}.{len(self.texts)}-"
            self.texts[keys[column]] = column
        return keys[column]

    def substitutions(self, index: int) -> dict[str, str]:
        return {key: column[index] for key, column in self.texts.items()}

    def rows(self) -> list[dict[str, str]]:
        """Each letter's substitutions, in the letters' order."""
        if not self.texts:
            return [{} for _ in self._drafts]
        return [dict(zip(self.texts, row, strict=True)) for row in zip(*self.texts.values(), strict=True)]


def _shared(drafts: list[Draft], batch: Batch) -> list[Group] | None:
    """The group, and letters of their own for those over the limits; None where keys would not be exact."""
    html = pipeline.as_html(drafts[0].source, mjml=batch.mjml)
    text = pipeline.as_text(html) if drafts[0].text_source is None else drafts[0].text_source
    try:
        html = pipeline.with_attribute_keys(html, batch.key, rf"-r{batch.nonce}.\1a-")
    except pipeline.NotExact:
        return None
    columns = _Columns(drafts, batch)
    html = columns.part(html, _html_form)
    text = columns.part(text, lambda _, value: value)
    subject = columns.one(tuple(draft.subject for draft in drafts), {})
    group = Group(subject, html, text, [], batch.template_hash)
    if not _is_proved(group, drafts, columns, batch):
        return None
    return _within_limits(group, drafts, columns, batch)


#: Skeletons whose letters were found equal to letters rendered alone, the latest of them.
_PROVED: dict[tuple[str, str | None, bool], None] = {}
_PROVED_KEPT = 256


def _skeleton(draft: Draft, batch: Batch) -> tuple[str, str | None, bool]:
    return draft.source, draft.text_source, batch.mjml


def _is_proved(group: Group, drafts: Sequence[Draft], columns: _Columns, batch: Batch) -> bool:
    """Whether the letter with the most signs to go wrong is what it would be alone; looked at once a skeleton."""
    skeleton = _skeleton(drafts[0], batch)
    if skeleton in _PROVED:
        return True
    worst = max(range(len(drafts)), key=lambda i: _marks(drafts[i]))
    if _filled(group, drafts[worst].send_id, columns.substitutions(worst), batch) != _alone(drafts[worst], batch):
        return False
    if len(_PROVED) >= _PROVED_KEPT:
        _PROVED.pop(next(iter(_PROVED)), None)
    _PROVED[skeleton] = None
    return True


def _within_limits(group: Group, drafts: list[Draft], columns: _Columns, batch: Batch) -> list[Group]:
    too_many = batch.max_keys is not None and len(columns.texts) > batch.max_keys
    letters, alone = [], []
    for draft, own in zip(drafts, columns.rows(), strict=True):
        if too_many or (batch.max_bytes is not None and _bytes(own) > batch.max_bytes):
            alone.append(_filled(group, draft.send_id, own, batch))
        else:
            letters.append((draft.send_id, own))
    return [replace(group, letters=letters), *alone] if letters else alone


def _filled(group: Group, send_id: str, own: Mapping[str, str], batch: Batch) -> Group:
    """The letter as its recipient sees it."""
    subject, html, text = (
        batch.key.sub(lambda key: own[key[0]], part) for part in (group.subject, group.html, group.text)
    )
    return Group(subject, html, text, [(send_id, {})], group.template_hash)


def _html_form(number: str, value: str) -> str:
    return pipeline.in_attribute(value) if number.endswith("a") else pipeline.in_text(value)


def _marks(draft: Draft) -> int:
    """How much in a person's values is written differently in HTML."""
    return sum(value.count(mark) for value in draft.values for mark in "<>&\"'")


def _bytes(own: Mapping[str, str]) -> int:
    whole = "".join((*own, *own.values()))
    return len(whole) if whole.isascii() else len(whole.encode())
