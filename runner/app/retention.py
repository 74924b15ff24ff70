"""Once a day what is older than `retention` keeps is let go of."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from runner.app.app import App
from runner.store import pruning

log = structlog.get_logger()

#: The key in `meta` of when, and of how far each kind was let go of.
LET_GO = "let_go"
EVERY = timedelta(days=1)
#: What could not be read waits so long at least for somebody to look at it.
FOR_A_PERSON = timedelta(days=90)
#: How long it is kept how the daemon's runs went.
RUNS = timedelta(days=90)


def let_go(app: App, now: datetime) -> dict[str, int]:
    """What of each kind was let go of; nothing where that was done within the day."""
    last = app.remembered(LET_GO) or {}
    if "at" in last and now - datetime.fromisoformat(last["at"]) < EVERY:
        return {}
    keeps, store = app.settings.retention, app.store
    texts, read = now - keeps.mail.span, now - keeps.webhooks.span
    after = datetime.fromisoformat(last["texts"]) if "texts" in last else None
    evidence = pruning.forget_evidence(store, now - keeps.visits.span, last.get("evidence", 0))
    done = {
        "texts": pruning.forget_texts(store, texts, after),
        "bodies": pruning.forget_bodies(store, read, min(read, now - FOR_A_PERSON)),
        "evidence": evidence - last.get("evidence", 0),
        "notes": pruning.forget_notes(store),
        "runs": pruning.forget_runs(store, now - RUNS),
    }
    app.remember(
        LET_GO, {"at": now.isoformat(), "texts": max(filter(None, (texts, after))).isoformat(), "evidence": evidence}
    )
    if any(done.values()):
        log.info("let go of what is old", action="retention", **done)
    return done
