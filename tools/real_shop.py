"""Runs the playbooks of examples/online_retail over the real orders of 2011, day by day: `real_shop.py DATA FOLDER`.

DATA holds contacts.csv, orders.csv and refunds.csv as docs/real_shop.md describes them; FOLDER becomes a workspace
with the mails in its outbox. It stops on the last day of which there are orders: after it, everybody would look lapsed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path

from runner import clock
from runner.app import App, clockwork
from runner.app.starters import write_workspace
from runner.app.tick import Ticked, tick

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "online_retail"
ZONE = "Europe/London"
FIRST, LAST = date(2011, 1, 1), date(2011, 12, 9)
#: When the day's tick comes, on the shop's clock: after the hour of every trigger.
HOUR = time(9, 30)


def make_workspace(folder: Path, orders: Path) -> None:
    """The shipped templates, and over them the example's own settings, playbooks and templates."""
    write_workspace(folder, settings=(EXAMPLE / "regulars.yaml").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "playbooks")
    for name in ("playbooks", "templates"):
        shutil.copytree(EXAMPLE / name, folder / name, dirs_exist_ok=True)
    (folder / "data").mkdir()
    for path in orders.glob("*.csv"):
        shutil.copyfile(path, folder / "data" / path.name)


def live(app: App, first: date = FIRST, last: date = LAST) -> Iterator[Ticked]:
    """One tick a day, as a daemon would have done then."""
    for number in range((last - first).days + 1):
        moment = clock.at_local(first + timedelta(days=number), HOUR, ZONE)
        app.now = lambda moment=moment: moment
        clockwork.allow(app, at=moment)
        yield tick(app, moment)


def main(orders: Path, folder: Path) -> None:
    from rich.console import Console

    from runner import log
    from runner.cli.summary_tables import summary_table

    make_workspace(folder, orders)
    with App(folder) as app:
        for ticked in live(app):
            for words in (*map(str, ticked.faults), *ticked.failures, *ticked.waiting):
                print(words, file=sys.stderr)
        with app.store.read() as connection:
            Console().print(summary_table(log.summary(connection)))
    print(f"regulars -C {folder} log, kpis, explain and tasks tell the rest; the mails: {folder}/outbox/index.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
