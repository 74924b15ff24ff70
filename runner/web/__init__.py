"""The public doors: survey, unsubscribe, review and referral pages, and the providers' webhooks."""

from __future__ import annotations

from runner.web.app import create_app
from runner.web.desk import Desk

__all__ = ["Desk", "create_app"]
