"""What a new workspace begins with: the starter playbooks, the templates, and settings to fill in."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from runner.app.schema import playbook_schema, settings_schema
from runner.errors import WrongUsage

#: Folders of a workspace that are copied as they are.
FOLDERS = ("playbooks", "templates")
#: Where the first line of each starter tells editors to look, from the workspace.
SCHEMAS = {"docs/playbook.schema.json": playbook_schema, "docs/settings.schema.json": settings_schema}


def starters() -> Path:
    """Where the starters lie: inside the installed package, or beside it in a checkout."""
    shipped = Path(__file__).resolve().parent.parent / "starters"
    return shipped if shipped.is_dir() else shipped.parent.parent


def write_workspace(folder: Path, *, settings: str | None = None) -> int:
    """Writes a new workspace; the number of files. Refuses a folder that already is one."""
    try:
        return _write(folder, settings or settings_with("required"))
    except OSError as error:
        raise WrongUsage(f"cannot write to {folder}: {error.strerror}; choose another folder") from None


def _write(folder: Path, settings: str) -> int:
    if (folder / "regulars.yaml").exists():
        raise WrongUsage(f"{folder} already has a regulars.yaml; choose another folder")
    written = 0
    for name in FOLDERS:
        for path in sorted((starters() / name).rglob("*")):
            if path.is_file():
                copy = folder / name / path.relative_to(starters() / name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                if not copy.exists():
                    shutil.copyfile(path, copy)
                    written += 1
    for name, made in SCHEMAS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(made(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "regulars.yaml").write_text(settings, encoding="utf-8")
    (folder / ".env").write_text(f"REGULARS_SECRET={secrets.token_urlsafe(32)}\n", encoding="utf-8")
    (folder / ".env").chmod(0o600)
    (folder / ".regulars").mkdir(exist_ok=True)
    (folder / ".gitignore").write_text(".env\n.regulars/\n*.db*\noutbox/\n", encoding="utf-8")
    return written + len(SCHEMAS) + 3


def settings_with(consent: str) -> str:
    """The settings to begin with, with the answer to who may get marketing mail."""
    return SETTINGS.replace("CONSENT", consent)


SETTINGS = """\
# yaml-language-server: $schema=docs/settings.schema.json
# What Regulars needs to know. `regulars check` names every mistake with its line.
store: sqlite:///regulars.db
timezone: Europe/Berlin
currency: EUR
public_url: http://127.0.0.1:8080      # where links in mails lead; https for real mail
secret: ${REGULARS_SECRET}             # signs the links; .env beside this file holds it
sender:
  name: Acme
  email: hello@acme.example
  address: "1 Main St, 12345 Springfield"

connectors:
  crm: {type: csv, path: data}         # a folder with contacts.csv, orders.csv …
  # crm:
  #   type: hubspot
  #   token: ${HUBSPOT_TOKEN}
  #   fields: {birthday: date_of_birth, renewal_date: contract_end}

mail:
  type: outbox                         # mails become files; then smtp or sendgrid
  # type: sendgrid
  # api_key: ${SENDGRID_API_KEY}
  # webhook_key: ${SENDGRID_WEBHOOK_KEY}

consent: CONSENT                     # required: marketing mail only to who said yes; assumed: to who has not said no
caps: {per_day: 1, per_week: 3, survey_every: 30 days, when_over: defer}
quiet_hours: {from: "20:00", to: "08:00", weekends: quiet}
business_hours: {mon-fri: "09:00-17:00"}   # for tasks due "in 1 business hour"; holidays: DE or DE-BY, say
referrals: {landing: "https://www.acme.example/"}   # where a friend goes who was recommended
reviews:
  sites: {google: "https://search.google.com/local/writereview?placeid=YOUR_PLACE"}
"""
