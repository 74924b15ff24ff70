"""What comes back is kept, each thing once: mail events, answers, unsubscribes, visits."""

from __future__ import annotations

from runner.collect.answers import SCALES, Answered, BadAnswer, Scale, SurveyClosed, UnknownSend, answer, given
from runner.collect.consent import Standing, resubscribe, standing, unsubscribe
from runner.collect.inbox import Drained, drain, receive
from runner.collect.mail import Counted, events
from runner.collect.people import language
from runner.collect.visits import Visited, hit, referral_code, visited

__all__ = [
    "SCALES",
    "Answered",
    "BadAnswer",
    "Counted",
    "Drained",
    "Scale",
    "Standing",
    "SurveyClosed",
    "UnknownSend",
    "Visited",
    "answer",
    "drain",
    "events",
    "given",
    "hit",
    "language",
    "receive",
    "referral_code",
    "resubscribe",
    "standing",
    "unsubscribe",
    "visited",
]
