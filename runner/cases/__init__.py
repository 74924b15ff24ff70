"""A playbook's own tests: a person, what happens to them, and what the playbook is to make of it."""

from __future__ import annotations

from runner.cases.faults import faults_of
from runner.cases.model import Case, Expect, Given, Happening
from runner.cases.rows import PERSON, TABLES, Mistake, Scene, company_of, contact_of, known_of, record_of
from runner.cases.when import When

__all__ = [
    "PERSON",
    "TABLES",
    "Case",
    "Expect",
    "Given",
    "Happening",
    "Mistake",
    "Scene",
    "When",
    "company_of",
    "contact_of",
    "faults_of",
    "known_of",
    "record_of",
]
