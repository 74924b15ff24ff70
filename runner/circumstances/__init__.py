"""What must be known about people at this moment, so that a decision can be made: read in one go for a batch."""

from __future__ import annotations

from runner.circumstances.circumstances import Circumstances, Known, Passage, look_at, plain, who_they_are
from runner.circumstances.due import ALL_PAUSED, ENROLLED, Due, as_due, due_enrollments, due_steps, paused
from runner.circumstances.mailed import Mailed, caps_since, local_day
from runner.circumstances.pace import OUT, Pace
from runner.circumstances.people import living, once_known_as, people_of, source_ids, zones_in_use
from runner.circumstances.permission import MARKETING, MARKETING_NOES, suppressed, words_of

__all__ = [
    "ALL_PAUSED",
    "ENROLLED",
    "MARKETING",
    "MARKETING_NOES",
    "OUT",
    "Circumstances",
    "Due",
    "Known",
    "Mailed",
    "Pace",
    "Passage",
    "as_due",
    "caps_since",
    "due_enrollments",
    "due_steps",
    "living",
    "local_day",
    "look_at",
    "once_known_as",
    "paused",
    "people_of",
    "plain",
    "source_ids",
    "suppressed",
    "who_they_are",
    "words_of",
    "zones_in_use",
]
