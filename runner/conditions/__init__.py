"""Conditions: Jinja expressions that are checked against the fields that are there, and become SQL.

`contact.nps_score <= 6 and days_since(contact.last_order_at) > 30`. Missing is missing: a comparison with a missing
value is false, `== none` asks for it. The same tree says, clause by clause, what held for one contact, and by which
parts of it the mere passing of time can change the answer.
"""

from __future__ import annotations

from runner.conditions.condition import Clause, Condition
from runner.conditions.faults import ConditionFault
from runner.conditions.fields import Field, Fields, Kind
from runner.conditions.passing import Atom, Flip, Passing
from runner.conditions.today import Today, today_in

__all__ = [
    "Atom",
    "Clause",
    "Condition",
    "ConditionFault",
    "Field",
    "Fields",
    "Flip",
    "Kind",
    "Passing",
    "Today",
    "today_in",
]
