"""Keeps a source's pages: rows, what was set aside and the cursor in one commit, so that no kill loses anything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from connectors.base import Cursor, Page, SetAside, Source
from connectors.records import Company, Contact, Survey
from runner.store import Store
from runner.store.tables import cursors
from runner.sync.accounts import store_companies
from runner.sync.aside import forget_older, keep_aside, unread_files, warnings_aside, well_again
from runner.sync.bulk import Pace, chunks
from runner.sync.counts import Reconciled, Stored, Synced
from runner.sync.erased import Erased
from runner.sync.facts import store_facts
from runner.sync.forgotten import forgotten, note
from runner.sync.gone import Numbers, delete, lines_of, named, numbers_of, too_many, unseen
from runner.sync.kept import keep_archived, unasked, vanished
from runner.sync.kinds import fitting
from runner.sync.listing import Listing, forget, keep, unfinished
from runner.sync.mapped import misread
from runner.sync.people import store_contacts
from runner.sync.rows import Pull, Row, rows_of
from runner.sync.scales import off_scale

#: Rows read of a table so far.
Progress = Callable[[str, int], None]


class Intake:
    """One pull being kept, page by page.

    What is gone is deleted when its table is through, because only then it is known how much it is; until then the
    cursor stays where it was, so that a killed sync is told of it again.
    """

    def __init__(
        self, store: Store, pull: Pull, source: Source, pace: Pace, *, yes_delete: bool, progress: Progress | None
    ) -> None:
        self.synced = Synced(pull.connector)
        #: Whether a listing that was killed came to its end now.
        self.resumed = False
        self._pace = pace
        self._store = store
        self._pull = pull
        self._source = source
        self._yes_delete = yes_delete
        self._progress = progress
        self._overdue: frozenset[str] = frozenset()
        self._missed: Counter[str] = Counter()
        self._merged: Counter[str] = Counter()
        self._erased = Erased(store, pull)
        self._seen: dict[str, Numbers] = defaultdict(Numbers)
        with store.read() as connection:
            self._listings = unfinished(connection, pull.connector)
        self._listings_kept = set(self._listings)
        self._gone: set[int] = set()
        #: Those of them whom the source has erased for good, and how many people have gone with them.
        self._forgotten: frozenset[int] = frozenset()
        self._erased_people = 0
        self._gone_of = ""
        self._held: Cursor | None = None
        self._kept: Cursor | None = None

    def keep(self, page: Page) -> None:
        if page.table != self._gone_of:
            self.flush()
            self._gone_of = page.table
        if page.begins:
            self._listings[page.table] = Listing(page.table, self._pull.now)
        self._overdue = page.overdue
        counts = self.synced.of(page.table)
        counts.read += len(page.records)
        if page.all_lines_of:
            # Lines are told apart by what they say and how often they were met: this is the first time for each.
            self._pull.met.pop(page.table, None)
        self.synced.warnings += page.warnings
        known, erased = self._erased.without(page.records)
        told, unfit = fitting(self._pull, known)
        rows, unstorable = rows_of(self._pull, page.table, told)
        records = [row.record for row in rows]
        odd = [*off_scale(records), *misread(records, self._pull.settings.timezone)]
        faults = [*page.set_aside, *unfit, *unstorable, *odd]
        aside = [*faults, *warnings_aside(page.table, page.warnings)]
        counts.set_aside += len(faults)
        self.synced.unread += unread_files(page.table, faults)
        #: Ids of rows that are there and could not be read, or are an erased person's.
        spoilt = {*erased, *_named(page.table, aside)}
        last: Sequence[Row] = rows
        while len(last) > self._pace.rows:
            portion, last = self._pace.portion(last)
            with self._pace.writing(self._writing()) as connection:
                self._keep_rows(connection, page.table, portion)
        if last or aside or spoilt or page.deleted or page.all_lines_of or page.cursor != self._kept:
            with self._writing() as connection:
                self._see(page.table, connection, sorted(spoilt))
                self._keep_last(connection, page, last, aside)
        if page.complete:
            self._complete(page)
        if self._progress:
            self._progress(page.table, counts.read)

    def flush(self) -> None:
        """Deletes what is gone of the table that is through, and lets its cursor go on."""
        gone, table = sorted(self._gone), self._gone_of
        self._gone = set()
        if gone and not self._yes_delete and self._too_many(table, len(gone)):
            self.synced.held_back[table] = len(gone)
            gone = []
        *portions, last = chunks(gone)
        for portion in portions:
            with self._writing() as connection:
                self._delete(connection, table, portion)
        if last or self._held is not None:
            with self._writing() as connection:
                if last:
                    self._delete(connection, table, last)
                self._go_on(connection)
        self._forgotten = frozenset()
        if gone:
            self.synced.of(table).deleted += len(gone)

    def reconciled(self) -> dict[str, Reconciled]:
        """What was found that the syncs before had not brought."""
        return {
            table: Reconciled(
                self._missed[table],
                self._merged[table],
                counts.deleted,
                self._erased_people if table == Contact.table else 0,
                self.synced.held_back.get(table, 0),
            )
            for table, counts in self.synced.tables.items()
        }

    def _delete(self, connection: sa.Connection, table: str, numbers: Sequence[int]) -> None:
        delete(connection, self._store, self._pull, table, numbers)
        if wiped := [number for number in numbers if number in self._forgotten]:
            self._erased_people += note(connection, self._store, self._pull, wiped)

    def _keep_rows(self, connection: sa.Connection, table: str, rows: Sequence[Row]) -> None:
        stored = self._store_rows(connection, table, rows)
        counts = self.synced.of(table)
        counts.new += stored.new
        counts.changed += stored.changed
        counts.set_aside += len(stored.aside)
        self._missed[table] += len(stored.news & self._overdue)
        if table == Contact.table:
            self._merged[table] += sum(bool(row.record.merged_into) and row.source_id in stored.news for row in rows)
        if table == Survey.table:
            well_again(connection, self._pull, table, [row.source_id for row in rows])
        keep_aside(connection, self._store, self._pull, stored.aside)
        self._seen_of(table).add(stored.numbers)
        self._gone.difference_update(stored.numbers)
        self._gone.update(stored.gone)

    def _keep_last(self, connection: sa.Connection, page: Page, rows: Sequence[Row], aside: Sequence[SetAside]) -> None:
        """The page's last rows, with the cursor unless somebody is yet to be deleted."""
        if rows:
            self._keep_rows(connection, page.table, rows)
        if page.all_lines_of:
            self._let_go(connection, page.table, page.all_lines_of)
        keep_aside(connection, self._store, self._pull, aside)
        self._gone.update(named(connection, self._pull, page.table, page.deleted))
        if page.table in self._listings:
            listing = self._listings[page.table]
            listing.seen.add(numbers_of(connection, self._pull, page.table, page.deleted))
            listing.kept.add(numbers_of(connection, self._pull, page.table, page.kept))
        self._held = page.cursor
        if not self._gone and not page.complete:
            self._go_on(connection)

    def _let_go(self, connection: sa.Connection, table: str, orders: Sequence[str]) -> None:
        """Lines that these orders have no more: others stand in their place, so nobody need be asked."""
        seen = self._seen_of(table)
        gone = [line for line in lines_of(connection, self._pull, table, orders) if line not in seen]
        delete(connection, self._store, self._pull, table, gone)
        self.synced.of(table).deleted += len(gone)

    def _store_rows(self, connection: sa.Connection, table: str, rows: Sequence[Row]) -> Stored:
        match table:
            case Contact.table:
                return store_contacts(connection, self._store, self._pull, rows)
            case Company.table:
                return store_companies(connection, self._store, self._pull, rows)
        return store_facts(connection, self._store, self._pull, table, rows)

    def _complete(self, page: Page) -> None:
        """The table was listed from its first row to its last: what was not among them is gone."""
        listing = self._through(page)
        if listing is None:
            self.flush()  # nobody remembers how it began, so nobody knows what it lacked
            return
        with self._store.read() as connection:
            lacking = [n for n in unseen(connection, self._pull, page.table, listing.seen) if n not in self._gone]
            lost = vanished(connection, self._pull, listing)
        self._gone.update(lacking)
        asked = self._yes_delete or not self._too_many(page.table, len(self._gone) + len(lost))
        if asked:
            self._forgotten = forgotten(self._store, self._pull, self._source, listing, lacking, lost)
        elif lost:
            self.synced.warnings.append(unasked(len(lost)))
        forgotten_later = [number for number in lost if number in self._forgotten]
        self._held = page.cursor
        self.flush()
        with self._writing() as connection:
            forget_older(connection, self._pull, page.table, listing.began)
            if asked and page.begins is not None:
                self._erased_people += note(connection, self._store, self._pull, forgotten_later)
                keep_archived(connection, self._store, self._pull, listing)

    def _through(self, page: Page) -> Listing | None:
        """What the table's whole listing has shown."""
        if page.begins is None:
            return Listing(page.table, self._pull.now, self._seen.pop(page.table, Numbers()))
        listing = self._listings.pop(page.table, None)
        self.resumed |= listing is not None and listing.began != self._pull.now
        return listing

    def _seen_of(self, table: str) -> Numbers:
        return self._listings[table].seen if table in self._listings else self._seen[table]

    def _see(self, table: str, connection: sa.Connection, ids: Sequence[str]) -> None:
        for portion in chunks(ids):
            self._seen_of(table).add(named(connection, self._pull, table, portion))

    def _too_many(self, table: str, gone: int) -> bool:
        with self._store.read() as connection:
            return too_many(connection, self._pull, table, gone)

    def _go_on(self, connection: sa.Connection) -> None:
        if self._held is None:
            return
        upsert = self._store.insert(cursors).values(connector=self._pull.connector, cursor=dict(self._held))
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["connector"], set_={"cursor": upsert.excluded.cursor})
        )
        self._kept, self._held = self._held, None
        self._keep_listing(connection, self._gone_of)

    def _keep_listing(self, connection: sa.Connection, table: str) -> None:
        if table in self._listings:
            keep(connection, self._store, self._pull.connector, self._listings[table])
            self._listings_kept.add(table)
        elif table in self._listings_kept:
            forget(connection, self._pull.connector, table)
            self._listings_kept.remove(table)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A short transaction. Two syncs at once must not take one new person for two, so they take turns."""
        with self._store.write() as connection:
            if not self._store.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('regulars sync'))"))
            yield connection


def _named(table: str, aside: Sequence[SetAside]) -> Iterator[str]:
    """The rows that were set aside by their id, as in `contacts/4711`: faulty, and not gone."""
    return (fault.where.removeprefix(f"{table}/") for fault in aside if fault.where.startswith(f"{table}/"))
