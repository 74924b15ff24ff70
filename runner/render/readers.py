"""Who gets a letter and what a template may say of them; and what came of rendering, for everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.base import Address
from runner.render.batch import Group


class Person(NamedTuple):
    """Who gets a letter, and what the template may say of them."""

    send_id: str
    to: Address
    #: `de` or `de-AT`, by which the file and the subject are chosen; None for whom it is not known of.
    language: str | None
    #: `contact` (with its `id` and every known field, None where missing), `company`, `enrollment`, `now`, `today` …
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RenderFault:
    """Why one person's letter could not be rendered."""

    send_id: str
    message: str
    #: Whether it is the template that must be mended, whoever is written to: a file that is gone, a name nobody knows.
    of_template: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """Every person is in one group or has a fault."""

    groups: Sequence[Group]
    faults: Sequence[RenderFault]
