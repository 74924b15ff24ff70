"""One table's pages: a listing, what is archived, what changed; each page can be the last one of a killed sync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from connectors.base import Cursor, Forecast, Page, SetAside
from connectors.crm.hubspot_answers import Linked, Rows, together
from connectors.crm.hubspot_fields import Fields, Read, Values, moment
from connectors.crm.hubspot_kinds import KINDS
from connectors.crm.hubspot_place import Place, Stage
from connectors.crm.hubspot_records import RECORDS, Account
from connectors.errors import AuthFailed, Temporary
from connectors.records import BY_TABLE, Link, columns

if TYPE_CHECKING:
    from connectors.crm.hubspot_api import HubSpotApi

#: Rows of one page of changes: what one question for associations takes.
CHANGES_PAGE = 1_000
#: HubSpot keeps what was archived for 90 days. Who was archived in so many has ten left at least.
KEPT = timedelta(days=80)


class TablePages:
    """The pages of one table in one run."""

    def __init__(
        self,
        fields: Fields,
        account: Account,
        places: dict[str, Place],
        mapped: Mapping[str, str],
        absent: set[str],
        *,
        lines: TablePages | None = None,
    ) -> None:
        self._table = fields.table
        self._kind = KINDS[fields.table]
        self._fields = fields
        self._account = account
        self._api = account.api
        self._places = places
        self._mapped = mapped
        self._absent = absent
        #: Of deals: the pages of what was sold in them.
        self._lines = lines
        self._needs_created = any(column.name == "created_at" for column in columns(BY_TABLE[fields.table]))
        self._warnings = list(fields.warnings)
        #: Who was last modified by then should be here as they are.
        self._certain = _iso(certain) if (certain := places[fields.table].certain) else ""

    @property
    def table(self) -> str:
        return self._table

    def pull(self, *, full: bool, now: datetime) -> Iterator[Page]:
        place = self._places[self._table].begun(full=full, now=now)
        if self._kind.whole and place.stage is Stage.CHANGES:
            return
        try:
            yield from self._run(place)
        except AuthFailed as error:
            if error.status != 403 or not self._kind.optional:
                raise
            yield self._without(error)
            return
        # A run that was taken up again ends where it had begun; what changed since comes now.
        since = self._places[self._table].since
        if since is not None and since < now and not self._kind.whole:
            yield from self._changes(self._places[self._table].catching_up(now))

    def _run(self, place: Place) -> Iterator[Page]:
        match place.stage:
            case Stage.LISTING:
                yield from self._listing(place)
            case Stage.ARCHIVED:
                yield from self._archived(place)
            case Stage.CHANGES:
                yield from self._changes(place)

    def _without(self, error: AuthFailed) -> Page:
        """The account has none of it, or the token may not see it: said once, and not asked for until everything is."""
        first = self._table not in self._absent
        self._absent.add(self._table)
        words = (
            f"{self._table} are not read, which is well where the account has none ({error.words}); "
            f"without {self._table} among the connector's `tables:` nothing is said of it"
        )
        return Page(self._table, (), self._cursor(Place()), warnings=[words] if first else [])

    def _listing(self, place: Place) -> Iterator[Page]:
        begins = place.after is None
        met = {place.after}
        while True:
            rows = self._api.listed(
                self._kind.object,
                after=place.after,
                properties=self._fields.properties,
                links=self._kind.linked,
                archived=False,
            )
            self._absent.discard(self._table)
            if rows.after is None:
                break
            place = replace(place.moved(self._unmet(rows.after, met)), listed=place.listed + len(rows.ids))
            yield replace(self._page(rows, place, listed=True), begins=begins)
            begins = False
        if not self._kind.archives:
            yield replace(self._page(rows, place.moved(None), listed=True), begins=begins, complete=True)
            return
        place = replace(place, stage=Stage.ARCHIVED, after=None)
        yield replace(self._page(rows, place, listed=True), begins=begins)
        yield from self._archived(place)

    def _archived(self, place: Place) -> Iterator[Page]:
        assert place.until is not None
        met, lately = {place.after}, _iso(place.until - KEPT)
        while place.stage:
            rows = self._api.listed(self._kind.object, after=place.after, properties=("hs_object_id",), archived=True)
            place = place.moved(self._unmet(rows.after, met))
            yield Page(
                self._table,
                (),
                self._cursor(place),
                deleted=rows.ids,
                kept=[id for id, at in zip(rows.ids, rows.touched_at, strict=True) if at >= lately],
                begins=False,
                complete=not place.stage,
            )

    def _changes(self, place: Place) -> Iterator[Page]:
        while place.stage:
            rows = self._changed(place)
            place = place.moved(rows.after)
            if self._lines and rows.ids and self._lines.table not in self._absent:
                # Before the cursor moves: whoever is killed in between asks for both again.
                yield self._lines.of_deals(rows.ids)
            yield self._page(rows, place)

    def of_deals(self, deals: Sequence[str]) -> Page:
        """What was sold in these deals, all of it: no line has a key of ours by which its own change could be told."""
        try:
            found = self._api.links("deals", self._kind.object, deals)
            whose = {link.id: deal for deal, links in found.items() for link in links}
            told = self._api.read(self._kind.object, list(whose), self._fields.properties)
        except AuthFailed as error:
            if error.status != 403:
                raise
            return self._without(error)
        ids = [id for id in whose if id in told]
        texts = {name: [told[id].get(name) for id in ids] for name in self._fields.properties}
        linked = {"deals": Linked({id: (Link(deal),) for id, deal in whose.items()})}
        rows = Rows(ids, texts, None, [None] * len(ids), linked=linked)
        return replace(self._page(rows, self._places[self._table]), all_lines_of=deals)

    def _changed(self, place: Place) -> Rows:
        """Several searches together, as many as one question for associations can follow."""
        assert place.begin is not None
        assert place.until is not None
        found: list[Rows] = []
        above: str | None = place.after or "0"
        while above is not None and sum(len(page.ids) for page in found) < CHANGES_PAGE:
            page = self._api.changed(
                self._kind.object,
                self._kind.modified,
                since_ms=_epoch_ms(place.begin),
                until_ms=_epoch_ms(place.until),
                above=above,
                properties=self._fields.properties,
            )
            if page.after is not None and int(page.after) <= int(above):
                raise Temporary(f"the search of {self._table} does not get beyond id {above}", system="HubSpot")
            found.append(page)
            above = page.after
        return together(found)

    def _unmet(self, after: str | None, met: set[str | None]) -> str | None:
        """The next page's mark; one that was met would send us round for ever."""
        if after is not None and after in met:
            raise Temporary(f"the listing of {self._table} leads back to a page already read", system="HubSpot")
        met.add(after)
        return after

    def _page(self, rows: Rows, place: Place, *, listed: bool = False) -> Page:
        links = {to: self._links(rows, to) for to in self._kind.linked}
        read, faults = self._fields.read(rows)
        aside = [SetAside(f"{self._table}/?", "id", "", "an entry without an id")] * rows.unreadable + faults
        whole = self._whole(read, rows.created_at, aside)
        records = list(RECORDS[self._table](whole, links, self._account))
        warnings, self._warnings = [*self._warnings, *self._account.warnings], []
        self._account.warnings = []
        touched = zip(rows.ids, rows.touched_at, strict=True) if listed and self._certain else ()
        return Page(
            self._table,
            records,
            self._cursor(place),
            set_aside=aside,
            warnings=warnings,
            overdue=frozenset(id for id, at in touched if at <= self._certain),
        )

    def _whole(self, told: Iterable[Read], created: Sequence[str | None], aside: list[SetAside]) -> Iterator[Read]:
        """The rows that are records; of the others, why they are none."""
        for read, at in zip(told, created, strict=True):
            missing = self._missing(read[0], read[1], at or "")
            if missing:
                aside.append(missing)
            else:
                yield read

    def _missing(self, id: str, values: Values, created: str) -> SetAside | None:
        """Why the row is no record. When it was created is told in two places."""
        if self._needs_created and "created_at" not in values:
            try:
                values["created_at"] = moment(created)
            except ValueError as error:
                return SetAside(f"{self._table}/{id}", "created_at", created, f"is {error}")
        if self._table == "deals" and "stage" not in values:
            return SetAside(f"deals/{id}", "stage", "", "a deal needs a stage")
        return None

    def _links(self, rows: Rows, to: str) -> Mapping[str, tuple[Link, ...]]:
        """Each object's; one that has none is not in it."""
        told = rows.linked.get(to) or Linked({}, rows.ids)
        return {**told.links, **self._api.links(self._kind.object, to, told.untold)}

    def _cursor(self, place: Place) -> Cursor:
        self._places[self._table] = place
        places = {table: at.written() for table, at in self._places.items()}
        return {"fields": self._mapped, "absent": sorted(self._absent), **places}


def forecast(api: HubSpotApi, fields: Fields, place: Place, *, full: bool, now: datetime) -> Forecast:
    """What the next run will read of a table, and the calls it will make; asking makes one."""
    try:
        return _forecast(api, fields, place, full=full, now=now)
    except AuthFailed as error:
        if error.status != 403 or not KINDS[fields.table].optional:
            raise
        return Forecast(fields.table, 0, 1, "nothing: the account has none, or the token may not see it")


def _forecast(api: HubSpotApi, fields: Fields, place: Place, *, full: bool, now: datetime) -> Forecast:
    from connectors.crm.hubspot_api import ASSOCIATION_BATCH, LIST_PAGE, SEARCH_PAGE

    kind, run = KINDS[fields.table], place.begun(full=full, now=now)
    if run.stage is not Stage.CHANGES:
        left = max(0, api.total(kind.object) - run.listed) if run.stage is Stage.LISTING else 0
        calls = max(1, ceil(left / LIST_PAGE)) if run.stage is Stage.LISTING else 0
        what = f"everything but {run.listed:,} rows that have come" if run.listed else "everything"
        return Forecast(fields.table, left, calls + kind.archives, what)
    assert run.begin is not None
    what = f"what changed since {run.begin:%Y-%m-%d %H:%M} UTC"
    if kind.whole:
        return Forecast(fields.table, 0, 0, "those of deals that changed: a call per 1,000 deals, and per 100 lines")
    rows = api.total(kind.object, kind.modified, since_ms=_epoch_ms(run.begin))
    links = len(kind.linked) * ceil(rows / ASSOCIATION_BATCH)
    return Forecast(fields.table, rows, max(1, ceil(rows / SEARCH_PAGE)) + links, what)


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _iso(at: datetime) -> str:
    """As HubSpot writes times, so that texts can be compared."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
