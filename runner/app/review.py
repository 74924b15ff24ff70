"""Each quarter somebody should ask whether the goals and targets of the figures are still the right ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from runner.app.findings import Finding, Health
from runner.settings import KpiSettings

#: Days after which they are to be looked at again: a quarter.
REVIEW_EVERY = 92


def review_of_figures(settings: KpiSettings, today: date) -> Iterator[Finding]:
    """A reminder where targets were never looked at since they were set, or not for a quarter."""
    if settings.reviewed is None:
        if settings.targets:
            words = "nobody has said when goals and targets were looked at last; write"
            yield Finding("figures", Health.WARNING, f"{words} kpis: {{reviewed: {today}}}")
        return
    since = (today - settings.reviewed).days
    if since > REVIEW_EVERY:
        words = f"goals and targets were looked at {since} days ago: are they still right? Then write"
        yield Finding("figures", Health.WARNING, f"{words} kpis: {{reviewed: {today}}}")
