"""The doors: pages for customers, webhooks of providers, and behind a login the pages of those who run it all."""

from __future__ import annotations

from runner.web.app import create_app
from runner.web.desk import Desk

__all__ = ["Desk", "create_app"]
