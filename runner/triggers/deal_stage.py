"""A deal has come to a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa

from runner.conditions.brought import kept
from runner.store.functions import json_object
from runner.store.tables import contacts, deal_changes, deals
from runner.triggers.arrivals import Arrival
from runner.triggers.base import match_columns
from runner.triggers.whose import recipient, told_a_colleague
from runner.triggers.window import Window


class DealStage(Arrival):
    """Fires when a deal comes to a stage, once a deal and stage; for its contact, or its company's primary contact."""

    name: ClassVar[str] = "deal_stage"
    example: ClassVar[str] = "deal_stage: {stage: closedwon}"
    its_occasion: ClassVar[str] = "the deal and stage"
    silence: ClassVar[str] = "no deal of theirs has come to that stage"

    #: The stage, as the CRM calls it.
    stage: str = "closedwon"
    #: Only deals of this pipeline.
    pipeline: str | None = None

    @property
    def brings(self) -> Sequence[str]:
        return ("deal",)

    @property
    def concerns_company(self) -> bool:
        return True

    def matches(self, window: Window) -> sa.Select[Any]:
        came = sa.union_all(*self._came(window)).subquery("came")
        occasion = sa.literal("deal ") + deals.c.connector + ":" + deals.c.source_id + f" {self.stage}"
        found = (
            sa.select(
                recipient(deals.c.contact_source, deals.c.company_source).label("contact_id"),
                occasion.label("occasion"),
                came.c.at,
                json_object("deal", kept("deal", dict(deals.c))).label("facts"),
            )
            .join_from(came, deals, deals.c.id == came.c.deal_id)
            .where(~told_a_colleague(window.playbook, occasion, deals.c.company_source))
            .subquery("found")
        )
        columns = match_columns(
            contact=found.c.contact_id, occasion=found.c.occasion, occurred_at=found.c.at, facts=found.c.facts
        )
        return sa.select(*columns).join_from(found, contacts, contacts.c.id == found.c.contact_id)

    def _came(self, window: Window) -> list[sa.Select[Any]]:
        """The last stage that each deal has come to, where it is this one."""
        later = deal_changes.alias("later").c
        there = (
            sa.select(deal_changes.c.deal_id, deal_changes.c.at)
            .join(deals, deals.c.id == deal_changes.c.deal_id)
            .where(
                deal_changes.c.stage == self.stage,
                deals.c.deleted_at.is_(None),
                ~sa.exists().where(later.deal_id == deal_changes.c.deal_id, later.id > deal_changes.c.id),
            )
        )
        if self.pipeline is not None:
            there = there.where(deals.c.pipeline == self.pipeline)
        return self.arrived(window, there, deal_changes.c.at, deal_changes.c.seen_at)

    def says(self) -> str:
        return f"a deal comes to {self.stage}{f' of {self.pipeline}' if self.pipeline else ''}"

    def why(self, facts: Mapping[str, Any], anchor: date | None) -> str:
        deal = facts["deal"]
        return f"deal {deal['name'] or deal['deal_id']} came to {self.stage}"
