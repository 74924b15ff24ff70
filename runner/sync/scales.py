"""What a survey's score is on the scales on which one means the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connectors.base import SetAside
from connectors.records import Record, Survey, key_of
from connectors.scales import SCALES


def kind_of(kind: str) -> str:
    """The kind as it is meant, however it is written."""
    return kind.strip().lower()


def scale_of(scale: str) -> str:
    """The scale as it is meant: `0-10` of `0 – 10` or `0..10`."""
    for written, meant in ((" ", ""), ("–", "-"), ("..", "-")):
        scale = scale.replace(written, meant)
    return scale


def as_meant(record: Record) -> dict[str, str]:
    """A survey's kind and scale as they are kept: a playbook that asks for `csat` means `CSAT` too."""
    return {"kind": kind_of(record.kind), "scale": scale_of(record.scale)} if isinstance(record, Survey) else {}


def is_standard(kind: str, scale: str) -> bool:
    """Whether the scale is the kind's own one; others are neither pooled nor converted."""
    return scale_of(scale) == str(SCALES.get(kind_of(kind)))


def is_point(kind: str, score: float) -> bool:
    """Whether the score is a point of the kind's standard scale."""
    return score == int(score) and int(score) in SCALES[kind_of(kind)]


def off_scale(records: Iterable[Record]) -> Iterator[SetAside]:
    """What is wrong with surveys that are kept as they are and count in nobody's score."""
    for record in records:
        if not isinstance(record, Survey):
            continue
        where = f"{record.table}/{key_of(record)}"
        if kind_of(record.kind) not in SCALES:
            words = f"is none of the kinds {', '.join(SCALES)}; the row is kept, and counts in nobody's score"
            yield SetAside(where, "kind", record.kind[:100], words)
        elif _is_off(record):
            words = f"is no point of the scale {record.scale}; the row is kept, and counts in nobody's score"
            yield SetAside(where, "score", f"{record.score:g}", words)


def _is_off(record: Survey) -> bool:
    scored = record.score is not None and is_standard(record.kind, record.scale)
    return scored and not is_point(record.kind, record.score or 0)
