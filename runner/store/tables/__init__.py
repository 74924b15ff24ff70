"""Every table of the store. Each stage reads the tables to its left and writes the table to its right."""

from __future__ import annotations

from runner.store.tables.alarms import ACCOUNT, alarms
from runner.store.tables.collecting import (
    answers,
    consents,
    inbox,
    inbox_metadata,
    mail_events,
    suppressions,
    tombstones,
)
from runner.store.tables.delivering import (
    ANSWERED_SENDS,
    BAD_SENDS,
    CLICKED_SENDS,
    OPEN_SENDS,
    OPEN_WRITES,
    UNJUDGED,
    mailers,
    recipients,
    sends,
    skeletons,
    tasks,
    writes,
)
from runner.store.tables.enrolling import (
    AT_THE_DOOR,
    IN_HAND,
    LISTENS,
    NOT_DONE,
    decisions,
    enrollments,
    playbook_versions,
    playbooks,
    trigger_states,
)
from runner.store.tables.entrance import login_sessions, logins
from runner.store.tables.history import (
    deal_changes,
    deal_contacts,
    deals,
    events,
    facts,
    orders,
    purchases,
    refunds,
    surveys,
    tickets,
)
from runner.store.tables.measuring import kpi_values
from runner.store.tables.people import (
    companies,
    company_sources,
    contact_changes,
    contact_companies,
    contact_sources,
    contacts,
    own_words,
)
from runner.store.tables.rewarding import coupons, friends, memberships, points, referral_visits, testimonials
from runner.store.tables.rollups import log_days, mail_days, stale_days
from runner.store.tables.schema import metadata
from runner.store.tables.telling import inbox_keys, tokens
from runner.store.tables.upkeep import (
    changed_contacts,
    cursors,
    custom_fields,
    meta,
    runs,
    schedules,
    set_aside,
    stale_contacts,
)

__all__ = [
    "ACCOUNT",
    "ANSWERED_SENDS",
    "AT_THE_DOOR",
    "BAD_SENDS",
    "CLICKED_SENDS",
    "IN_HAND",
    "KEPT",
    "LISTENS",
    "NOT_DONE",
    "OPEN_SENDS",
    "OPEN_WRITES",
    "REHEARSED",
    "UNJUDGED",
    "alarms",
    "answers",
    "changed_contacts",
    "companies",
    "company_sources",
    "consents",
    "contact_changes",
    "contact_companies",
    "contact_sources",
    "contacts",
    "coupons",
    "cursors",
    "custom_fields",
    "deal_changes",
    "deal_contacts",
    "deals",
    "decisions",
    "enrollments",
    "events",
    "facts",
    "friends",
    "inbox",
    "inbox_keys",
    "inbox_metadata",
    "kpi_values",
    "log_days",
    "login_sessions",
    "logins",
    "mail_days",
    "mail_events",
    "mailers",
    "memberships",
    "meta",
    "metadata",
    "orders",
    "own_words",
    "playbook_versions",
    "playbooks",
    "points",
    "purchases",
    "recipients",
    "referral_visits",
    "refunds",
    "runs",
    "schedules",
    "sends",
    "set_aside",
    "skeletons",
    "stale_contacts",
    "stale_days",
    "suppressions",
    "surveys",
    "tasks",
    "testimonials",
    "tickets",
    "tokens",
    "tombstones",
    "trigger_states",
    "writes",
]

#: What mail to nobody brought about: `go-live` forgets it. A test holds that every table is here or below.
REHEARSED = (
    alarms, answers, coupons, decisions, enrollments, friends, mail_events, mailers, playbooks, referral_visits, sends,
    skeletons, tasks, testimonials, trigger_states, writes, log_days, mail_days, stale_days,
)  # fmt: skip
#: What was told, what was said no to, and what the store knows of itself.
KEPT = (
    meta, contacts, contact_sources, companies, company_sources, contact_companies, deal_contacts, *facts.values(),
    contact_changes, changed_contacts, purchases, cursors, stale_contacts, set_aside, custom_fields, playbook_versions,
    recipients, suppressions, consents, schedules, runs, deal_changes, own_words, kpi_values, tokens, tombstones,
    points, memberships, logins, login_sessions,
)  # fmt: skip
