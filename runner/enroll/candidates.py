"""Who stands at a playbook's door, as SQL: whose trigger fired, in which arm, and what keeps them out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from runner.conditions.seen import seen
from runner.decide import NOT_IN_THE_AUDIENCE
from runner.enroll.refusals import NO_TEXT, refusal, was_here
from runner.playbook import Playbook
from runner.settings import Settings
from runner.store.functions import draw
from runner.store.tables import ACCOUNT, companies, contacts, decisions, enrollments
from runner.store.types import Json
from runner.triggers import Window

#: The share of hash draws is compared with; the salt keeps a playbook's holdout its own.
HOLDOUT_SALT = "holdout:"


def candidates(playbook: Playbook, window: Window, settings: Settings) -> sa.Select[Any]:
    """Everybody whose trigger fired and who is not inside for this occasion; `refusal` says why not, NULL: welcome."""
    fired = _fired(playbook, window, settings)
    if playbook.keys.reenter == "every occasion" and playbook.keys.mode == "parallel":
        return fired
    # Of several occasions at once only the first begins.
    one = fired.subquery("fired")
    place = sa.func.row_number().over(
        partition_by=(one.c.contact_id, one.c.refusal.is_(None)), order_by=(one.c.occurred_at, one.c.occasion)
    )
    keys = playbook.keys
    rule = f"mode: {keys.mode}" if keys.reenter == "every occasion" else f"reenter: {keys.reenter}"
    words = sa.literal(f"another occasion came at the same time; {rule}")
    why_not = sa.case((one.c.refusal.is_not(None), one.c.refusal), (place > 1, words), else_=NO_TEXT)
    columns = [column for column in one.c if column.name != "refusal"]
    return sa.select(*columns, why_not.label("refusal"))


def _fired(playbook: Playbook, window: Window, settings: Settings) -> sa.Select[Any]:
    match = playbook.trigger.matches(window).cte("matches")
    inside = was_here(playbook, match, enrollments.c.occasion == match.c.occasion)
    return (
        sa.select(
            match.c.contact_id,
            match.c.occasion,
            match.c.anchor,
            match.c.occurred_at,
            match.c.facts,
            sa.case((_held_out(playbook, settings), "holdout"), else_="treated").label("arm"),
            refusal(playbook, window, match).label("refusal"),
        )
        .join_from(match, contacts, contacts.c.id == match.c.contact_id)
        .outerjoin(companies, companies.c.id == contacts.c.company_id)
        .where(
            contacts.c.merged_into.is_(None),
            contacts.c.deleted_at.is_(None),
            window.concerns(match.c.contact_id),
            ~inside,
            _not_existing(playbook, match),
            sa.true() if playbook.trigger.concerns_account else contacts.c.key != ACCOUNT,
        )
    )


def with_what_was_seen(playbook: Playbook, window: Window, rows: sa.Select[Any]) -> sa.Select[Any]:
    """The candidates with what the audience saw of each whom it keeps out, for whoever asks later."""
    one = rows.subquery("candidate")
    if playbook.audience is None:
        return sa.select(one, sa.cast(sa.null(), Json).label("seen"))
    kept_out = one.c.refusal.startswith(NOT_IN_THE_AUDIENCE)
    told = sa.case((kept_out, seen(playbook.audience, window.today)), else_=sa.cast(sa.null(), Json))
    return (
        sa.select(one, sa.type_coerce(told, Json).label("seen"))
        .join_from(one, contacts, contacts.c.id == one.c.contact_id)
        .outerjoin(companies, companies.c.id == contacts.c.company_id)
    )


def _held_out(playbook: Playbook, settings: Settings) -> Any:
    share = playbook.keys.holdout.share
    if not share:
        return sa.false()
    # One number a person, or a company where that is the customer: nobody learns of the mail from a colleague.
    unit: Any = contacts.c.key
    if settings.customers == "company":
        unit = sa.func.coalesce(companies.c.key, contacts.c.key)
    return draw(sa.literal(f"{HOLDOUT_SALT}{playbook.held_out_as}:") + unit) < share


def _not_existing(playbook: Playbook, match: Any) -> Any:
    """Whether a state began after its contact first appeared: what is so by then is existing."""
    if getattr(playbook.trigger, "existing", "enter") == "enter":
        return sa.true()
    return match.c.occurred_at > contacts.c.seen_at


def arriving(playbook: Playbook, fired: sa.Select[Any]) -> sa.Select[Any]:
    """Who of the candidates begins now, or is refused otherwise than is written down; a row each."""
    one, told = fired.subquery("candidate"), decisions.alias("told")
    known = sa.and_(
        told.c.playbook == playbook.id,
        told.c.contact_id == one.c.contact_id,
        told.c.occasion == one.c.occasion,
        told.c.step == "",
    )
    begins, refused = one.c.refusal.is_(None), one.c.refusal.is_not(None)
    return (
        sa.select(
            one.c.contact_id,
            _number(begins).label("welcome"),
            _number(sa.and_(begins, one.c.arm == "treated")).label("treated"),
            _number(refused).label("refused"),
        )
        .outerjoin(told, known)
        .where(sa.or_(begins, told.c.reason.is_distinct_from(one.c.refusal)))
        .group_by(one.c.contact_id)
        .order_by(one.c.contact_id)
    )


def _number(of: Any) -> Any:
    return sa.func.sum(sa.case((of, 1), else_=0))
