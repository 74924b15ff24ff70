"""A condition becomes a segment: the people of whom figures are asked."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from runner.circumstances import zones_in_use
from runner.conditions import Condition, ConditionFault, today_in
from runner.conditions.fields import known_fields
from runner.errors import WrongUsage
from runner.kpis.asked import Segment
from runner.kpis.then import is_past, those_then, without_history
from runner.settings import Settings
from runner.store.tables import companies, contacts


def segment_of(connection: sa.Connection, condition: str, as_of: datetime, settings: Settings) -> Segment:
    """The people of whom the condition held at the instant, by the history that is kept of their fields.

    Raises WrongUsage with advice where a name or type does not fit, or where nobody knows what a field was then.
    """
    try:
        read = Condition(condition, known_fields(connection, settings.currency))
    except ConditionFault as fault:
        raise WrongUsage(f"--segment {condition!r}: {fault}") from None
    if (unknown := without_history(read.used)) and is_past(connection, as_of):
        words = f"of {', '.join(unknown)} only today's value is known"
        raise WrongUsage(f"--segment {condition!r}: {words}; leave --as-of out, or ask by fields that a source tells")
    holds = read.sql(today_in(as_of, zones_in_use(connection)))
    company = sa.and_(companies.c.id == contacts.c.company_id, companies.c.deleted_at.is_(None))
    then = None if read.names_company else those_then(connection, holds, read.used, as_of)
    today = sa.select(contacts.c.id).outerjoin(companies, company).where(holds)
    return Segment(condition, today if then is None else then)
