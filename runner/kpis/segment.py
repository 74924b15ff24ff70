"""A condition becomes a segment: the people of whom figures are asked."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from runner.circumstances import zones_in_use
from runner.conditions import Condition, ConditionFault, today_in
from runner.conditions.fields import known_fields
from runner.errors import WrongUsage
from runner.kpis.measure import Segment
from runner.settings import Settings
from runner.store.tables import companies, contacts


def segment_of(connection: sa.Connection, condition: str, as_of: datetime, settings: Settings) -> Segment:
    """The people of whom the condition holds. Fields are read as they are today, time as it was at the instant.

    Raises WrongUsage with advice where a name or type does not fit.
    """
    try:
        read = Condition(condition, known_fields(connection, settings.currency))
    except ConditionFault as fault:
        raise WrongUsage(f"--segment {condition!r}: {fault}") from None
    holds = read.sql(today_in(as_of, zones_in_use(connection)))
    company = sa.and_(companies.c.id == contacts.c.company_id, companies.c.deleted_at.is_(None))
    people = sa.select(contacts.c.id).outerjoin(companies, company).where(holds)
    return Segment(condition, people)
