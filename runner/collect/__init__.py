"""What comes back is kept, each thing once: mail events, answers, unsubscribes, visits."""

from __future__ import annotations

from connectors.scales import SCALES, Scale
from runner.collect.answers import Answered, answer, given, record
from runner.collect.asked import SurveyClosed, UnknownSend
from runner.collect.consent import Standing, resubscribe, standing, unsubscribe
from runner.collect.friends import BadFriend, Brought, Referrer, brought, leave_address, referrer, send_on
from runner.collect.hits import Rejudged, reclassify, settle_clicks
from runner.collect.inbox import Body, Drained, drain, receive, receive_all
from runner.collect.machines import Machines
from runner.collect.mail import Counted, events
from runner.collect.people import language
from runner.collect.refusals import BadAnswer, Said
from runner.collect.telling import Told, tell
from runner.collect.testimonials import BadTestimonial, Testimonial, testify, testimonial, withdraw
from runner.collect.tokens import Scope, Token, holder, in_force, issue, revoke
from runner.collect.topics import choose, wanted
from runner.collect.visits import Visited, hit, referral_code, visited

__all__ = [
    "SCALES",
    "Answered",
    "BadAnswer",
    "BadFriend",
    "BadTestimonial",
    "Body",
    "Brought",
    "Counted",
    "Drained",
    "Machines",
    "Referrer",
    "Rejudged",
    "Said",
    "Scale",
    "Scope",
    "Standing",
    "SurveyClosed",
    "Testimonial",
    "Token",
    "Told",
    "UnknownSend",
    "Visited",
    "answer",
    "brought",
    "choose",
    "drain",
    "events",
    "given",
    "hit",
    "holder",
    "in_force",
    "issue",
    "language",
    "leave_address",
    "receive",
    "receive_all",
    "reclassify",
    "record",
    "referral_code",
    "referrer",
    "resubscribe",
    "revoke",
    "send_on",
    "settle_clicks",
    "standing",
    "tell",
    "testify",
    "testimonial",
    "unsubscribe",
    "visited",
    "wanted",
    "withdraw",
]
