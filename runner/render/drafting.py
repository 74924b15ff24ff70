"""A person and an edition become a draft: the letter with keys in place of what was put out, and what they stand for.

Most people's text takes a path that somebody's took before. They are rendered as an outline alone, which is cheaper,
and get the text around their values from whoever was first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from jinja2 import Template, TemplateError

from runner.render.batch import Batch, Draft
from runner.render.editions import Files, Ready
from runner.render.environment import Environment
from runner.render.failures import Failures
from runner.render.linking import Links, links_of
from runner.render.named import Fields, fields
from runner.render.readers import Person, RenderFault
from runner.render.recording import RECORDER, Keys, KeyTaken, Outline, Recorder, shown

#: What a template's body and its text part print.
Printed = tuple[str, str | None]
#: The way that a render took through a template.
Way = tuple[int | tuple[int, str], ...]
#: Names for the keys that are tried: that a text contains one of them by chance hardly happens even once.
_ATTEMPTS = 3


class Drafting:
    """Drafts letters of one sender; `outlines` reads the same templates as outlines."""

    def __init__(self, outlines: Environment, sender: Fields, links: Links, failures: Failures) -> None:
        self._outlines = outlines
        self._sender = sender
        self._links = links
        self._failures = failures

    def drafts(
        self, ready: Ready, people: Sequence[Person], *, max_keys: int | None, max_bytes: int | None
    ) -> tuple[list[Draft], Batch, list[RenderFault]]:
        """A draft of everybody who has no fault, and what the drafts have in common."""
        nonces = _nonces(ready.template_hash)
        for nonce in islice(nonces, _ATTEMPTS):
            with suppress(KeyTaken):
                drafts, faults = self._with(Keys(nonce), ready, people)
                return drafts, Batch(ready.mjml, ready.template_hash, nonce, max_keys, max_bytes), faults
        # The template itself puts a key out once more, and would any other.
        drafts, faults = self._with(None, ready, people)
        return drafts, Batch(ready.mjml, ready.template_hash, next(nonces), max_keys, max_bytes), faults

    def whole(self, ready: Ready, person: Person) -> tuple[str, str, str | None]:
        """Subject, body and text part of one person's letter as they are. Raises what the template raises."""
        context = self._context(person, ready)
        return (context["subject"], *_rendered(ready.files, context))

    def _with(self, keys: Keys | None, ready: Ready, people: Sequence[Person]) -> tuple[list[Draft], list[RenderFault]]:
        """Without keys each letter as it is. Raises KeyTaken where somebody's text contains such a key."""
        drafts, faults = [], []
        shared = self._shared(ready)
        # An outline pays where its text can be used again.
        outlines = self._outlines_of(ready.files) if len(people) > 1 else None
        known: dict[Way, Printed] = {}
        for person in people:
            try:
                context = self._context(person, ready, shared)
                drafts.append(_draft(person.send_id, context, ready.files, keys, outlines, known))
            except KeyTaken:
                raise
            except Exception as error:  # a template may raise anything
                of_template = isinstance(error, TemplateError)
                faults.append(RenderFault(person.send_id, self._failures.told(error), of_template=of_template))
        return drafts, faults

    def _outlines_of(self, files: Files) -> Files:
        return Files(*(one and self._outlines.get_template(one.name or "") for one in files))  # type: ignore[arg-type]

    def _context(self, person: Person, ready: Ready, shared: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All that a template may name, Jinja's globals included: a render copies nothing."""
        context = {
            **(shared or self._shared(ready)),
            **fields(person.context),
            **links_of(self._links, person.send_id, person.context["contact"]["id"]),
        }
        context["preheader"] = "" if ready.preheader is None else _one_line(_print(ready.preheader, context))
        context["subject"] = _one_line(_print(ready.subject, context))
        return context

    def _shared(self, ready: Ready) -> Mapping[str, Any]:
        """What of it is the same for everybody."""
        said = {"say": ready.words, "lang": ready.words.tag}
        return {**self._outlines.globals, "sender": self._sender, **said}


def _draft(
    send_id: str,
    context: dict[str, Any],
    files: Files,
    keys: Keys | None,
    outlines: Files | None,
    known: dict[Way, Printed],
) -> Draft:
    """One person's letter with keys in it. `known` are the texts around the keys by the way to them."""
    subject = context["subject"]
    if keys is None:
        return Draft(send_id, subject, *_rendered(files, context), [])
    way, noted = _outlined(outlines, context, keys) if outlines is not None else (None, [])
    if way is not None and (printed := known.get(way)) is not None:
        if keys.nonce in subject:
            raise KeyTaken
        return Draft(send_id, subject, *printed, noted)
    printed, values, exact = _recorded(files, context, keys, subject)
    if not exact:
        del context[RECORDER]
        return Draft(send_id, subject, *_rendered(files, context), [])
    if way is not None and noted == values:
        known[way] = printed
    return Draft(send_id, subject, *printed, values)


def _print(template: Template, context: dict[str, Any]) -> str:
    """`Template.render`, which would copy the context twice."""
    environment = template.environment
    try:
        return environment.concat(template.root_render_func(template.new_context(context, shared=True)))
    except Exception:
        environment.handle_exception()


def _rendered(files: Files, context: dict[str, Any], recorder: Recorder | None = None) -> Printed:
    body = _print(files.body, context)
    if recorder is not None:
        recorder.plain_text = True
    return body, _print(files.text, context) if files.text else None


def _outlined(files: Files, context: dict[str, Any], keys: Keys) -> tuple[Way | None, list[str]]:
    """The way that a render takes, None where keys cannot stand for all of its values, and the values that it meets."""
    outline = context[RECORDER] = Outline(keys)
    try:
        printed = _rendered(files, context, outline)
    except KeyTaken:
        raise
    except Exception:  # of what is not printed, or else the letter itself tells
        return None, []
    return tuple(outline.way) if outline.exact and not any(printed) else None, outline.values


def _recorded(files: Files, context: dict[str, Any], keys: Keys, subject: str) -> tuple[Printed, list[str], bool]:
    """What is printed, the values that its keys stand for, and whether keys can stand for all of them."""
    recorder = context[RECORDER] = Recorder(keys)
    body, text = _rendered(files, context, recorder)
    keys_there = body.count(keys.nonce) + (text or "").count(keys.nonce) + subject.count(keys.nonce)
    if recorder.exact and keys_there > len(recorder.values):
        raise KeyTaken
    return (body, text), recorder.values, recorder.exact


def _nonces(seed: str) -> Iterator[str]:
    """Names for the keys, the same for the same wording so that its skeleton is stored once."""
    number = 0
    while True:
        yield hashlib.sha256(f"{seed}.{number}".encode()).hexdigest()[:8]
        number += 1


def _one_line(text: str) -> str:
    return " ".join(str(shown(text)).split())
