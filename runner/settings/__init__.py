"""`regulars.yaml` as a model; every mistake in it a fault with file, line and advice."""

from __future__ import annotations

from runner.settings.model import NOT_YET, Settings, zone_advice
from runner.settings.parts import Brake, Breakers, KpiSettings, MailLimits, QuietHours, Sender
from runner.settings.reading import FILE, SettingsFile, load_settings, read_settings

__all__ = [
    "FILE",
    "NOT_YET",
    "Brake",
    "Breakers",
    "KpiSettings",
    "MailLimits",
    "QuietHours",
    "Sender",
    "Settings",
    "SettingsFile",
    "load_settings",
    "read_settings",
    "zone_advice",
]
