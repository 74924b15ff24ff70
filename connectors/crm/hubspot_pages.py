"""One table's pages: a listing, what is archived, what changed; each page can be the last one of a killed sync."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from connectors.base import Cursor, Page, SetAside
from connectors.crm.hubspot_answers import Row, Rows
from connectors.crm.hubspot_fields import Fields, moment
from connectors.crm.hubspot_records import RECORDS, Account
from connectors.errors import Temporary
from connectors.records import Link, Record

#: In the order of `records.TABLES`, with the property that says when an object was last modified. Contacts have
#: hs_lastmodifieddate too, always empty: a search by it finds nothing and says nothing.
MODIFIED: Mapping[str, str] = {
    "companies": "hs_lastmodifieddate",
    "contacts": "lastmodifieddate",
    "deals": "hs_lastmodifieddate",
}
ASSOCIATED: Mapping[str, Sequence[str]] = {
    "companies": (),
    "contacts": ("companies",),
    "deals": ("contacts", "companies"),
}

#: How far a search looks back behind the last one: its index has been seen to lag by up to an hour.
OVERLAP = timedelta(hours=1)
#: An unfinished listing older than this starts anew.
STALE = timedelta(days=1)
#: Rows of one page of changes: what one question for associations takes.
CHANGES_PAGE = 1_000


class Stage(StrEnum):
    """Where a run of one table stands."""

    LISTING = "listing"
    ARCHIVED = "archived"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Place:
    """How far one table came."""

    #: Everything up to here is stored; None: nothing is.
    since: datetime | None = None
    #: The run in hand, and where it ends: the moment it began.
    stage: Stage | None = None
    until: datetime | None = None
    #: A listing's mark, or the last id of the changes.
    after: str | None = None

    @classmethod
    def read(cls, told: Any) -> Self:
        try:
            return cls(
                since=_time(told.get("since")),
                stage=Stage(told["stage"]) if "stage" in told else None,
                until=_time(told["until"]) if "stage" in told else None,
                after=told.get("after"),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls()  # not written by us: begin at the beginning

    def written(self) -> Mapping[str, Any]:
        told = {
            "since": self.since.isoformat() if self.since else None,
            "stage": self.stage,
            "until": self.until.isoformat() if self.until else None,
            "after": self.after,
        }
        return {key: value for key, value in told.items() if value is not None}

    def begun(self, *, full: bool, now: datetime) -> Place:
        """The run to go on with: an unfinished listing even where a full one is asked for, lest it never ends."""
        listing = self.stage in (Stage.LISTING, Stage.ARCHIVED)
        if listing and self.until is not None and now - self.until < STALE:
            return self
        if full or self.since is None or listing:
            return Place(self.since, Stage.LISTING, now)
        return self if self.stage or self.since >= now else Place(self.since, Stage.CHANGES, now)

    def moved(self, after: str | None) -> Place:
        """The next page's place, or the end of a run."""
        return replace(self, after=after) if after is not None else Place(since=self.until)


class TablePages:
    """The pages of one table in one run."""

    def __init__(self, fields: Fields, account: Account, places: dict[str, Place], mapped: Mapping[str, str]) -> None:
        self._table = fields.table
        self._fields = fields
        self._account = account
        self._api = account.api
        self._places = places
        self._mapped = mapped
        self._warnings = list(fields.warnings)

    def pull(self, *, full: bool, now: datetime) -> Iterator[Page]:
        place = self._places[self._table].begun(full=full, now=now)
        match place.stage:
            case Stage.LISTING:
                yield from self._listing(place)
            case Stage.ARCHIVED:
                yield from self._archived(place, whole=False)
            case Stage.CHANGES:
                yield from self._changes(place)
        # A run that was taken up again ends where it had begun; what changed since comes now.
        since = self._places[self._table].since
        if since is not None and since < now:
            yield from self._changes(Place(since, Stage.CHANGES, now))

    def _listing(self, place: Place) -> Iterator[Page]:
        # Only a listing that came in one go may say what is gone: nobody remembers what the killed one had seen.
        whole = place.after is None
        met = {place.after}
        while True:
            rows = self._api.listed(
                self._table,
                after=place.after,
                properties=self._fields.properties,
                links=ASSOCIATED[self._table],
                archived=False,
            )
            if rows.after is None:
                break
            place = place.moved(self._unmet(rows.after, met))
            yield self._page(rows, place)
        place = replace(place, stage=Stage.ARCHIVED, after=None)
        yield self._page(rows, place)
        yield from self._archived(place, whole=whole)

    def _archived(self, place: Place, *, whole: bool) -> Iterator[Page]:
        met = {place.after}
        while place.stage:
            rows = self._api.listed(self._table, after=place.after, properties=("hs_object_id",), archived=True)
            place = place.moved(self._unmet(rows.after, met))
            gone = [row.id for row in rows.rows]
            yield Page(self._table, (), self._cursor(place), deleted=gone, complete=whole and not place.stage)

    def _changes(self, place: Place) -> Iterator[Page]:
        while place.stage:
            rows = self._changed(place)
            place = place.moved(rows.after)
            yield self._page(rows, place)

    def _changed(self, place: Place) -> Rows:
        """Several searches together, as many as one question for associations can follow."""
        assert place.since is not None
        assert place.until is not None
        since = _epoch_ms(place.since - OVERLAP)
        found: list[Row] = []
        unreadable = 0
        above: str | None = place.after or "0"
        while above is not None and len(found) < CHANGES_PAGE:
            page = self._api.changed(
                self._table,
                MODIFIED[self._table],
                since_ms=since,
                until_ms=_epoch_ms(place.until),
                above=above,
                properties=self._fields.properties,
            )
            if page.after is not None and int(page.after) <= int(above):
                raise Temporary(f"the search of {self._table} does not get beyond id {above}", system="HubSpot")
            found += page.rows
            unreadable += page.unreadable
            above = page.after
        return Rows(found, above, unreadable)

    def _unmet(self, after: str | None, met: set[str | None]) -> str | None:
        """The next page's mark; one that was met would send us round for ever."""
        if after is not None and after in met:
            raise Temporary(f"the listing of {self._table} leads back to a page already read", system="HubSpot")
        met.add(after)
        return after

    def _page(self, rows: Rows, place: Place) -> Page:
        links = {to: self._links(rows.rows, to) for to in ASSOCIATED[self._table]}
        records: list[Record] = []
        aside = [SetAside(f"{self._table}/?", "id", "", "an entry without an id")] * rows.unreadable
        for row in rows.rows:
            values, custom, faults = self._fields.read(row)
            aside += faults
            missing = self._missing(row, values)
            if missing:
                aside.append(missing)
                continue
            records += RECORDS[self._table](row, values, custom, links, self._account)
        warnings, self._warnings = [*self._warnings, *self._account.warnings], []
        self._account.warnings = []
        return Page(self._table, records, self._cursor(place), set_aside=aside, warnings=warnings)

    def _missing(self, row: Row, values: dict[str, Any]) -> SetAside | None:
        """Why the row is no record. When it was created is told in two places."""
        if "created_at" not in values:
            try:
                values["created_at"] = moment(row.created_at or "")
            except ValueError as error:
                return SetAside(f"{self._table}/{row.id}", "created_at", row.created_at or "", f"is {error}")
        if self._table == "deals" and "stage" not in values:
            return SetAside(f"deals/{row.id}", "stage", "", "a deal needs a stage")
        return None

    def _links(self, rows: Sequence[Row], to: str) -> Mapping[str, tuple[Link, ...]]:
        told = {row.id: row.links[to] for row in rows if to in row.links}
        untold = [row.id for row in rows if to not in row.links]
        return {**told, **self._api.links(self._table, to, untold)}

    def _cursor(self, place: Place) -> Cursor:
        self._places[self._table] = place
        return {"fields": self._mapped, **{table: at.written() for table, at in self._places.items()}}


def _epoch_ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
