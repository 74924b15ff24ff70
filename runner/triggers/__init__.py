"""What makes a contact enter a playbook; one file each."""

from __future__ import annotations

from collections.abc import Mapping

from runner.triggers.anchors import Anchor
from runner.triggers.anniversary import Anniversary
from runner.triggers.base import Trigger
from runner.triggers.became import Became
from runner.triggers.cart_abandoned import CartAbandoned
from runner.triggers.churn_risk import ChurnRisk
from runner.triggers.date import Date
from runner.triggers.deal_stage import DealStage
from runner.triggers.event import Event
from runner.triggers.high_score import HighScore
from runner.triggers.inactivity import Inactivity
from runner.triggers.kpi import Kpi
from runner.triggers.low_score import LowScore
from runner.triggers.manual import Manual
from runner.triggers.onboarding import Onboarding
from runner.triggers.overdue_invoice import OverdueInvoice
from runner.triggers.schedule import Schedule
from runner.triggers.window import Standing, Window

__all__ = ["NOT_YET", "TRIGGERS", "Anchor", "Standing", "Trigger", "Window"]

#: Every trigger by its name in YAML.
TRIGGERS: Mapping[str, type[Trigger]] = {
    trigger.name: trigger
    for trigger in (
        Anniversary,
        Became,
        CartAbandoned,
        ChurnRisk,
        Date,
        DealStage,
        Event,
        HighScore,
        Inactivity,
        Kpi,
        LowScore,
        Manual,
        Onboarding,
        OverdueInvoice,
        Schedule,
    )
}
#: Triggers of the language that this version does not have yet.
NOT_YET: tuple[str, ...] = ()
