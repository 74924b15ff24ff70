"""Contacts whose trigger fires enter, once per occasion; who fired and may not is written down with the reason."""

from __future__ import annotations

from runner.enroll.by_hand import call_in
from runner.enroll.candidates import candidates
from runner.enroll.enroll import Entered, enroll
from runner.enroll.looking import Arrivals, finish, look, seek, stands, strangers
from runner.enroll.refusals import INSIDE
from runner.enroll.registering import register, unregistered
from runner.enroll.writing import BEGAN_ANEW

__all__ = [
    "BEGAN_ANEW",
    "INSIDE",
    "Arrivals",
    "Entered",
    "call_in",
    "candidates",
    "enroll",
    "finish",
    "look",
    "register",
    "seek",
    "stands",
    "strangers",
    "unregistered",
]
