"""What each playbook did, and what became of its mail, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runner.cli.log_tables import COLOURS
from runner.cli.sheets import blank_table, plain
from runner.kpis.intervals import wilson
from runner.log import PlaybookSummary


def summary_table(playbooks: Sequence[PlaybookSummary]) -> RenderableType:
    """What each playbook did, and below it the commonest reasons of what it did not do."""
    if not playbooks:
        return Text("Nothing has been decided yet.")
    statuses = [status for status in COLOURS if any(playbook.counts.get(status) for playbook in playbooks)]
    table = blank_table()
    table.add_column("Playbook", min_width=20)
    for head in ("People", "Sent", "Opened", "Answered", *(status.capitalize() for status in statuses)):
        table.add_column(head, justify="right", no_wrap=True)
    for playbook in playbooks:
        mail = playbook.mail
        numbers = (playbook.people or 0, mail.sent, mail.human_open, mail.answered)
        counted = [Text(_number(playbook.counts.get(s, 0)), COLOURS[s]) for s in statuses]
        table.add_row(plain(playbook.playbook), *map(_number, numbers), *counted)
    table.caption = "Sent: messages the mailer accepted. Opened: by a person. The rest: decisions in the log."
    table.caption_style, table.caption_justify = "dim", "left"
    if not any(playbook.reasons for playbook in playbooks):
        return table
    return Group(table, Text(), _reasons(playbooks))


def mail_table(playbooks: Sequence[PlaybookSummary]) -> RenderableType:
    """What became of each playbook's mail: who opened it, and how sure that is."""
    mailing = [playbook for playbook in playbooks if playbook.mail.sent]
    if not mailing:
        return Text("No mail has gone out yet.")
    table = blank_table()
    table.add_column("Playbook", min_width=16)
    for head in ("Delivered", "By people", "95 % interval", "Machines", "Unknown", "Clicked", "Stopped", "Spam"):
        table.add_column(head, justify="right", no_wrap=True)
    for playbook in mailing:
        mail = playbook.mail
        low, high = wilson(mail.human_open, mail.delivered) if mail.delivered else (0.0, 1.0)
        shares = [_of(count, mail.delivered) for count in (mail.human_open, mail.machine_open, mail.unknown_open)]
        table.add_row(
            plain(playbook.playbook),
            _number(mail.delivered),
            shares[0],
            f"{low:.1%} – {high:.1%}" if mail.delivered else "",
            *shares[1:],
            _of(mail.human_click, mail.delivered),
            _number(mail.unsubscribed),
            _number(mail.complained),
        )
    table.caption = "Opened by people, by machines alone, and by nobody can say whom; clicked by people."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _of(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else ""


def _reasons(playbooks: Sequence[PlaybookSummary]) -> Table:
    table = blank_table()
    table.add_column("Why not", ratio=1, min_width=20)
    table.add_column("", no_wrap=True)
    table.add_column("Times", justify="right", no_wrap=True)
    table.add_column("Commonest reasons", ratio=3)
    for playbook in playbooks:
        name = playbook.playbook
        for status, reasons in playbook.reasons.items():
            for told in reasons:
                table.add_row(
                    plain(name), Text(status, COLOURS.get(status, "")), _number(told.count), plain(told.reason)
                )
                name = ""
    return table


def _number(number: int) -> str:
    return f"{number:,}"
