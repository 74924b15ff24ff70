"""The digest: a week's or month's report, mailed once to those whom the settings name with its PDF, which is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import IntegrityError

from connectors.base import Address, Attachment, Letter, Mailing, Outcome, Verdict
from connectors.errors import ConnectorError
from runner import clock
from runner.app.app import App
from runner.app.review import review_of_figures
from runner.effect import effects
from runner.report import Report, report_of, spans_before
from runner.store.tables import runs

log = structlog.get_logger()

#: The folder of a workspace in which digests are kept as PDF.
FOLDER = "reports"
_RUN = "digest"


def report_on(app: App, *, per: str, day: date, now: datetime) -> Report:
    """Of the last full week, month or quarter before a day."""
    readings = app.readings(app.fields())
    with app.store.read() as connection:
        running = [reading.playbook for reading in readings if reading.playbook is not None]
        told = effects(connection, running, app.settings, as_of=now)
        return report_of(connection, app.settings, told, per=per, day=day, now=now)


def send_digest(app: App, now: datetime) -> list[str]:
    """The digest of a period that is over, once; what went wrong, in words.

    The period is claimed before anything is handed in: after a crash in between nobody gets it twice.
    """
    wanted = app.settings.digest
    local = clock.local(now, app.settings.timezone)
    if wanted is None or local.time() < wanted.at:
        return []
    per = "week" if wanted.every == "week" else "month"
    span = spans_before(local.date(), per, 1)[0]
    run = _claimed(app, span.name, now)
    if run is None:
        return []
    reminders = [_sentence(finding.message) for finding in review_of_figures(app.settings.kpis, local.date())]
    report = replace(report_on(app, per=per, day=local.date(), now=now), reminders=reminders)
    written = write_pages(report, app.folder / FOLDER)
    failures = _mailed(app, report, wanted.to, pdf=written[-1].read_bytes())
    with app.store.write() as connection:
        outcome = {"to": len(wanted.to), "files": [path.name for path in written], "failures": failures}
        connection.execute(runs.update().where(runs.c.id == run).values(finished_at=now, outcome=outcome))
    log.info("sent the digest", action=_RUN, period=span.name, failures=len(failures))
    return failures


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def write_pages(report: Report, folder: Path, prefix: str = "") -> list[Path]:
    """The page and the PDF."""
    from runner.report.page import page_of
    from runner.report.pdf import pdf_of

    folder.mkdir(parents=True, exist_ok=True)
    page, pdf = (folder / f"{prefix}{report.span.name}.{ending}" for ending in ("html", "pdf"))
    page.write_text(page_of(report), encoding="utf-8")
    pdf.write_bytes(pdf_of(report))
    return [page, pdf]


def _claimed(app: App, period: str, now: datetime) -> int | None:
    """The run's number; None where it was done, or is the period before the first digest."""
    with app.store.read() as connection:
        done = sa.select(runs.c.id).where(runs.c.name == _RUN, runs.c.due == period)
        if connection.scalar(done) is not None:
            return None
    try:
        with app.store.write() as connection:
            row = runs.insert().values(name=_RUN, due=period, started_at=now).returning(runs.c.id)
            return int(connection.execute(row).scalar_one())
    except IntegrityError:  # Another process was first.
        return None


def _mailed(app: App, report: Report, to: tuple[str, ...], *, pdf: bytes) -> list[str]:
    from runner.report.page import page_of, text_of

    sender = app.settings.sender
    failures = []
    for number, address in enumerate(to, 1):
        letter = Letter(f"{app.epoch}-digest-{report.span.name}-{number}", Address(address))
        mailing = Mailing(
            sender=Address(sender.email, sender.name),
            subject=report.title,
            html=page_of(report),
            text=text_of(report),
            letters=[letter],
            categories=[_RUN],
            attachments=[Attachment(f"{report.company} {report.span.name}.pdf", "application/pdf", pdf)],
        )
        try:
            (outcome,) = app.mailer.send(mailing)
        except ConnectorError as error:
            outcome = Outcome(letter.send_id, Verdict.RETURNED, reason=str(error))
        if outcome.verdict is not Verdict.ACCEPTED:
            failures.append(f"the digest of {report.span.name} to {address}: {outcome.verdict}, {outcome.reason}")
    return failures
