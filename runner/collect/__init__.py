"""What comes back is kept, each thing once: mail events, answers, unsubscribes, visits."""

from __future__ import annotations

from runner.actions.questions import SCALES, Scale
from runner.collect.answers import Answered, answer, given, record
from runner.collect.asked import SurveyClosed, UnknownSend
from runner.collect.consent import Standing, resubscribe, standing, unsubscribe
from runner.collect.hits import Rejudged, reclassify, settle_clicks
from runner.collect.inbox import Body, Drained, drain, receive, receive_all
from runner.collect.machines import Machines
from runner.collect.mail import Counted, events
from runner.collect.people import language
from runner.collect.refusals import BadAnswer, Said
from runner.collect.telling import Told, tell
from runner.collect.tokens import Scope, Token, holder, in_force, issue, revoke
from runner.collect.topics import choose, wanted
from runner.collect.visits import Visited, hit, referral_code, visited

__all__ = [
    "SCALES",
    "Answered",
    "BadAnswer",
    "Body",
    "Counted",
    "Drained",
    "Machines",
    "Rejudged",
    "Said",
    "Scale",
    "Scope",
    "Standing",
    "SurveyClosed",
    "Token",
    "Told",
    "UnknownSend",
    "Visited",
    "answer",
    "choose",
    "drain",
    "events",
    "given",
    "hit",
    "holder",
    "in_force",
    "issue",
    "language",
    "receive",
    "receive_all",
    "reclassify",
    "record",
    "referral_code",
    "resubscribe",
    "revoke",
    "settle_clicks",
    "standing",
    "tell",
    "unsubscribe",
    "visited",
    "wanted",
]
