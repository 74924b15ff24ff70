"""The CSV folder: what is read, what is set aside, and what is said about it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.base import Page, SetAside
from connectors.crm.csv_folder import CsvFolder, CsvSettings
from connectors.errors import Permanent
from connectors.records import TABLES, Record, columns

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONTACTS = "contact_id,email,created_at\n"
ORDERS = "order_id,contact_id,ordered_at,total\n"


class Folder:
    """A folder of CSV files that is synced again and again, as the product does it."""

    def __init__(self, path: Path, **keys: object) -> None:
        self.path = path
        self.keys = keys
        self.cursor = None
        self.pages: list[Page] = []

    def write(self, table: str, text: str | bytes) -> None:
        (self.path / f"{table}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())

    def append(self, table: str, text: str) -> None:
        with (self.path / f"{table}.csv").open("a", newline="") as file:
            file.write(text)

    def sync(self, *, full: bool = False, pages: int | None = None) -> list[Record]:
        """The records of one pull; the cursor goes through JSON, as in the store. `pages`: killed after so many."""
        self.source = CsvFolder(CsvSettings(path=".", **self.keys), workspace=self.path, timezone="Europe/Warsaw")
        self.pages = []
        for page in self.source.pull(self.cursor, full=full, now=NOW):
            self.pages.append(page)
            self.cursor = json.loads(json.dumps(page.cursor))
            if len(self.pages) == pages:
                break
        return [record for page in self.pages for record in page.records]

    @property
    def set_aside(self) -> list[SetAside]:
        return [row for page in self.pages for row in page.set_aside]

    @property
    def warnings(self) -> list[str]:
        return [words for page in self.pages for words in page.warnings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def order_ids(records: list[Record]) -> list[str]:
    return [record.order_id for record in records]


# What is read


def test_every_table_of_the_contract_can_be_read(folder: Folder) -> None:
    cells = {str: "x", bool: "yes", int: "3", float: "4.5", Decimal: "1.20", date: "2026-02-28", datetime: "2026-03-01"}
    for record in TABLES:
        names = [column.name for column in columns(record)]
        row = [cells[column.type] for column in columns(record)]
        folder.write(record.table, f"{','.join(names)}\n{','.join(row)}\n")
    records = folder.sync()
    assert [record.table for record in records] == [record.table for record in TABLES]
    assert (folder.set_aside, folder.warnings) == ([], [])


def test_values_are_read_as_the_tables_page_says(folder: Folder) -> None:
    folder.write("contacts", "contact_id,created_at,birthday,opted_out,email\n 7 ,2011-01-18 10:01:00,1992-02-29,No,\n")
    folder.write("orders", ORDERS + "1,7,2026-07-01T12:00:00+02:00,77183.60\n2,7,2026-07-01T10:00:00Z,0.1\n")
    contact, first, second = folder.sync()
    assert contact.created_at == datetime(2011, 1, 18, 9, 1, tzinfo=UTC)
    assert (contact.contact_id, contact.birthday, contact.opted_out, contact.email) == (
        "7",
        date(1992, 2, 29),
        False,
        None,
    )
    assert first.ordered_at == second.ordered_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert (str(first.total), str(second.total)) == ("77183.60", "0.1")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-29 02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # Skipped: moved on to 03:30.
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # Comes twice: the first, in summer time.
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),  # A bare date: local midnight.
    ],
)
def test_local_times_follow_the_accounts_clock(folder: Folder, written: str, meant: datetime) -> None:
    folder.write("orders", ORDERS + f"1,7,{written},5\n")
    assert folder.sync()[0].ordered_at == meant


def test_a_birthday_stays_the_day_that_is_written(folder: Folder) -> None:
    folder.write("contacts", "contact_id,created_at,birthday\n1,2026-01-01,1990-02-28T00:00:00Z\n")
    assert folder.sync()[0].birthday == date(1990, 2, 28)


def test_files_from_a_spreadsheet_are_read(folder: Folder) -> None:
    folder.write(
        "contacts",
        '\ufeffcontact_id,created_at,first_name\r\n1,2026-01-01,"Ola, ""O""\r\nNowak"\r\n,,\r\n2,2026-01-02,Żółć,,\r\n',
    )
    assert [record.first_name for record in folder.sync()] == ['Ola, "O"\r\nNowak', "Żółć"]
    assert folder.set_aside == []


def test_mapped_columns_are_read_under_our_names(folder: Folder) -> None:
    folder.keys = {"fields": {"birthday": "date_of_birth", "nps_score": "last_nps", "renewal_date": "contract_end"}}
    folder.write("contacts", "contact_id,created_at,date_of_birth,last_nps\n1,2026-01-01,1990-05-05,9\n")
    (contact,) = folder.sync()
    assert (contact.birthday, contact.custom) == (date(1990, 5, 5), {"nps_score": 9})
    assert folder.warnings == ["fields: renewal_date: no file has a column 'contract_end'"]


def test_custom_columns_get_the_type_that_all_their_rows_have(folder: Folder) -> None:
    folder.write(
        "contacts",
        "contact_id,created_at,seats,vip,renews,seen,postcode,note,empty,mixed\n"
        "1,2026-01-01,10,yes,2026-02-28,2026-01-01,01234,hello,,1\n"
        "2,2026-01-01,2.5,false,,2026-01-01T10:00:00+01:00,99999,12,,yes\n",
    )
    first, second = folder.sync()
    assert folder.source.custom_fields()["contacts"] == {
        "seats": "number", "vip": "bool", "renews": "date", "seen": "time",
        "postcode": "text", "note": "text", "empty": "text", "mixed": "text",
    }  # fmt: skip
    assert first.custom == {
        "seats": 10, "vip": True, "renews": "2026-02-28", "seen": "2025-12-31T23:00:00+00:00",
        "postcode": "01234", "note": "hello", "empty": None, "mixed": "1",
    }  # fmt: skip
    assert (second.custom["seats"], second.custom["renews"], second.custom["mixed"]) == (2.5, None, "yes")


def test_a_number_column_that_turns_into_text_is_named(folder: Folder) -> None:
    rows = "".join(f"{number},2026-01-01,{number}\n" for number in range(10))
    folder.write("contacts", "contact_id,created_at,seats\n" + rows + "10,2026-01-01,n/a\n")
    assert {record.custom["seats"] for record in folder.sync()} == {*"0123456789", "n/a"}
    assert folder.warnings == [
        "contacts.csv: column 'seats' holds a number in 10 rows and then 'n/a' (line 12), so it is read as text"
    ]


# What is not read, and what is said


def test_unknown_files_and_columns_are_named(folder: Folder) -> None:
    folder.write("order", "x\n")
    folder.write("orders", "order_id,contact_id,ordered_at,total,colour,Unit\n1,7,2026-01-01,5,red,2\n")
    (folder.path / "README.md").write_text("not a table")
    (folder.path / "contacts.xlsx").write_text("not a table either")
    assert order_ids(folder.sync()) == ["1"]
    assert folder.warnings == [
        "contacts.xlsx: not a table's file, so it is not read; did you mean contacts.csv?",
        "order.csv: not a table's file, so it is not read; did you mean orders.csv?",
        "orders.csv:1: no column 'colour' in orders, so it is not read",
        "orders.csv:1: no column 'Unit' in orders, so it is not read; did you mean 'units'?",
    ]


def test_a_file_without_a_required_column_is_set_aside_and_the_others_are_read(folder: Folder) -> None:
    folder.write("contacts", CONTACTS + "1,a@example.com,2026-01-01\n")
    folder.write("orders", "order_id,contact_id,order_at\n1,7,2026-01-01\n")
    assert [record.table for record in folder.sync()] == ["contacts"]
    words = [
        row.words.removeprefix(f"column {row.field!r} is missing, so the file is not read; ")
        for row in folder.set_aside
    ]
    assert [row.where for row in folder.set_aside] == ["orders.csv:1", "orders.csv:1"]
    assert words == ["rename 'order_at', or map it in `fields:`", "add it, or map another one in `fields:`"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; the first row must name the columns"),
        (b"order_id;contact_id;ordered_at;total\n1;7;2026-01-01;5\n", "the columns are separated by ';'"),
        (ORDERS.encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"order_id,order_id,contact_id,ordered_at,total\n", "column 'order_id' is there twice"),
        (
            b"order_id,contact_id\rordered_at\r",
            "in the header, so the file is not read: there is a lone carriage return",
        ),
        (b"\x00\x01\x02\x03", "in the header, so the file is not read: there are NUL bytes"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_one_sentence(folder: Folder, content: bytes, words: str) -> None:
    folder.write("orders", content)
    folder.write("refunds", "refund_id,refunded_at,amount\nr1,2026-01-01,5\n")
    assert len(folder.sync()) == 1
    assert [row.words[: len(words)] for row in folder.set_aside] == [words]


def test_a_bad_value_is_told_with_line_column_value_and_advice(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,01/18/2011,5\n2,7,2026-01-01,€5\n3,,2026-01-01,5\n4,7,2026-01-01,5\n")
    assert order_ids(folder.sync()) == ["4"]
    assert [(row.where, row.field, row.value) for row in folder.set_aside] == [
        ("orders.csv:2", "ordered_at", "01/18/2011"),
        ("orders.csv:3", "total", "€5"),
        ("orders.csv:4", "contact_id", ""),
    ]
    assert folder.set_aside[1].words == (
        "is not a number; write 1234.50, without currency sign, spaces or thousands separators; "
        "the row is left out until it is corrected"
    )


def test_a_bad_optional_value_leaves_the_rest_of_the_row(folder: Folder) -> None:
    folder.write("contacts", "contact_id,created_at,birthday\n1,2026-01-01,30/02/1990\n")
    assert [record.birthday for record in folder.sync()] == [None]
    assert folder.set_aside[0].words.endswith("; the row is kept without it")


@pytest.mark.parametrize("column", ["opted_out", "deleted_at", "is_test"])
def test_who_may_have_said_no_counts_as_opted_out(folder: Folder, column: str) -> None:
    folder.write("contacts", f"contact_id,created_at,{column}\n1,2026-01-01,since March\n")
    assert [record.opted_out for record in folder.sync()] == [True]
    assert folder.set_aside[0].words.endswith("; the person counts as opted out until it is corrected")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"1,7,2026-01-01", "has 3 cells where the header has 4"),
        (b"1,7,2026-01-01,1,234.50", "has 5 cells where the header has 4"),
        (b"1,7\0,2026-01-01,5", "there are NUL bytes in this row"),
        (b"1,M\xfcller,2026-01-01,5", "this row is not UTF-8 (byte 0xfc)"),
        (b'1,"7,2026-01-01,5', "a quotation mark is opened and not closed in this row"),
        (b"1,7\r,2026-01-01,5", "there is a lone carriage return in this row"),
        (b'1,"7"x,2026-01-01,5', "cannot be read as CSV (',' expected after '\"')"),
    ],
)
def test_a_broken_row_takes_no_other_row_along(folder: Folder, row: bytes, words: str) -> None:
    folder.write("orders", ORDERS.encode() + b"0,7,2026-01-01,5\n" + row + b'\n2,"7",2026-01-01,5\n3,7,2026-01-01,5\n')
    assert order_ids(folder.sync()) == ["0", "2", "3"]
    assert [(fault.where, fault.words.partition(";")[0]) for fault in folder.set_aside] == [("orders.csv:3", words)]


def test_of_rows_with_one_id_the_last_counts_and_the_others_are_counted(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5\n2,7,2026-01-01,5\n1,7,2026-01-01,6\n")
    assert [(record.order_id, str(record.total)) for record in folder.sync()] == [("2", "5"), ("1", "6")]
    assert folder.warnings == ["orders.csv: 1 row has a later one with the same order_id; the last one counts"]


def test_rows_without_an_id_are_all_brought(folder: Folder) -> None:
    folder.write("sessions", "visitor_id,started_at,purchased\n" + "v,2026-01-01,no\n" * 2500)
    assert len(folder.sync()) == 2500
    assert [len(page.records) for page in folder.pages] == [1000, 1000, 500]


def test_a_folder_that_is_not_there_is_a_plain_fault(tmp_path: Path) -> None:
    source = CsvFolder(CsvSettings(path="shop"), workspace=tmp_path)
    with pytest.raises(Permanent, match=r"csv: shop: cannot be opened as a folder \(No such file or directory\)"):
        next(source.pull(None, full=False, now=NOW))


def test_an_empty_folder_is_said(folder: Folder) -> None:
    assert folder.sync() == []
    assert folder.warnings == [".: no table's file is in this folder (contacts.csv, orders.csv …)"]


def test_a_folder_in_a_files_place_does_not_stop_the_rest(folder: Folder) -> None:
    (folder.path / "orders.csv").mkdir()
    folder.write("refunds", "refund_id,refunded_at,amount\nr1,2026-01-01,5\n")
    assert len(folder.sync()) == 1
    assert [(row.where, row.words) for row in folder.set_aside] == [("orders.csv", "is no file, so it cannot be read")]


@pytest.mark.parametrize(
    "keys", [{"timezone": "Europe/Warschau"}, {"timezone": "Europe"}, {"fields": {"a": "x", "b": "x"}}]
)
def test_settings_that_cannot_be_meant_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CsvSettings(path=".", **keys)


# The next time


def test_only_what_was_added_is_read_the_next_time(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5\n")
    folder.sync()
    assert (folder.sync(), folder.pages) == ([], [])
    folder.append("orders", "2,7,2026-01-02,5\n3,7,bad,5\n")
    assert order_ids(folder.sync()) == ["2"]
    assert [row.where for row in folder.set_aside] == ["orders.csv:4"]
    assert order_ids(folder.sync(full=True)) == ["1", "2"]


def test_a_correction_of_the_same_length_in_the_middle_is_noticed(folder: Folder) -> None:
    rows = "".join(f"{number},7,2026-01-01,5\n" for number in range(3000))
    folder.write("orders", ORDERS + rows)
    folder.sync()
    folder.write("orders", ORDERS + rows.replace("\n1500,7,2026-01-01,5\n", "\n1500,7,2026-01-01,6\n"))
    assert [str(order.total) for order in folder.sync() if order.order_id == "1500"] == ["6"]


def test_a_file_that_shrank_or_whose_columns_moved_is_read_from_the_start(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5\n2,7,2026-01-01,5\n")
    folder.sync()
    folder.write("orders", ORDERS + "2,7,2026-01-01,5\n")
    assert order_ids(folder.sync()) == ["2"]
    folder.write("orders", "contact_id,order_id,ordered_at,total\n7,2,2026-01-01,5\n7,3,2026-01-01,5\n")
    assert order_ids(folder.sync()) == ["2", "3"]


def test_other_settings_read_the_same_files_again(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5\n")
    folder.sync()
    folder.keys = {"timezone": "America/New_York"}
    assert [order.ordered_at.hour for order in folder.sync()] == [5]


def test_a_killed_sync_goes_on_behind_the_last_page_stored(folder: Folder) -> None:
    folder.write("orders", ORDERS + "".join(f"{number},7,2026-01-01,5\n" for number in range(2500)))
    first = folder.sync(pages=1)
    assert order_ids(first + folder.sync()) == [str(number) for number in range(2500)]


def test_a_row_that_grows_is_read_again(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5")
    assert [str(order.total) for order in folder.sync()] == ["5"]
    folder.append("orders", "0\n2,7,2026-01-01,8\n")
    assert [str(order.total) for order in folder.sync()] == ["50", "8"]


def test_a_line_end_that_comes_late_changes_nothing(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5")
    folder.sync()
    folder.append("orders", "\n2,7,bad,5\n")
    assert folder.sync() == []
    assert [row.where for row in folder.set_aside] == ["orders.csv:3"]


def test_a_lone_carriage_return_after_an_open_row_hides_nothing(folder: Folder) -> None:
    folder.write("orders", ORDERS + "1,7,2026-01-01,5")
    folder.sync()
    folder.append("orders", "\r2,7,2026-01-02,5\n3,7,2026-01-02,5\n")
    assert order_ids(folder.sync()) == ["3"]
    assert [row.where for row in folder.set_aside] == ["orders.csv:2"]


def test_a_row_that_is_being_written_has_until_the_next_time(folder: Folder) -> None:
    folder.write("sessions", "visitor_id,started_at,purchased\nv1,2026-01-01,no\n")
    folder.sync()
    folder.append("sessions", "v2,2026-01-0")
    assert folder.sync() == []
    assert folder.warnings == ["sessions.csv:3: has no line end yet, so this row is read the next time"]
    folder.append("sessions", "2,yes")
    assert [session.started_at.day for session in folder.sync()] == [1]  # Midnight in Warsaw is the evening before.
    assert (folder.set_aside, folder.sync()) == ([], [])


def test_an_unclosed_quote_holds_later_rows_up_once_at_the_most(folder: Folder) -> None:
    folder.write("orders", ORDERS)
    folder.sync()
    folder.append("orders", '1,"7,2026-01-01,5\n2,7,2026-01-01,5\n')
    assert folder.sync() == []
    folder.append("orders", "3,7,2026-01-01,5\n")
    assert order_ids(folder.sync()) == ["2", "3"]
    assert [row.where for row in folder.set_aside] == ["orders.csv:2"]


def test_a_column_whose_type_changes_is_read_alike_from_the_start(folder: Folder) -> None:
    folder.write("contacts", "contact_id,created_at,seats,empty\n1,2026-01-01,10,\n")
    folder.sync()
    folder.append("contacts", "2,2026-01-01,20,7\n")
    assert [record.custom for record in folder.sync()] == [{"seats": 20, "empty": 7}]
    folder.append("contacts", "3,2026-01-01,many,\n")
    assert [record.custom["seats"] for record in folder.sync()] == ["10", "20", "many"]
    assert folder.source.custom_fields() == {"contacts": {"seats": "text", "empty": "number"}}


def test_custom_types_are_known_when_nothing_was_added(folder: Folder) -> None:
    folder.write("contacts", "contact_id,created_at,seats\n1,2026-01-01,10\n")
    folder.sync()
    folder.sync()
    assert folder.source.custom_fields() == {"contacts": {"seats": "number"}}


def test_a_snapshot_is_always_whole_and_says_so(folder: Folder) -> None:
    folder.keys = {"mode": "snapshot"}
    folder.write("orders", ORDERS + "".join(f"{number},7,2026-01-01,5\n" for number in range(1000)))
    for _ in range(2):
        assert len(folder.sync()) == 1000
        assert [page.complete for page in folder.pages] == [False, True]


def test_a_snapshot_with_a_row_at_fault_takes_nobody_for_gone(folder: Folder) -> None:
    folder.keys = {"mode": "snapshot"}
    folder.write("orders", ORDERS + "1,7,2026-01-01,5\n2,7,bad,5\n")
    folder.sync()
    assert not any(page.complete for page in folder.pages)
    assert folder.warnings == ["orders.csv: while rows are at fault, missing ones are not taken for gone; correct them"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"1,7,2026-01-01,5\n", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"x", b'""', b"\xc3\xa9"])
    )
)
def test_no_bytes_whatever_crash_it_or_vanish(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    folder = Folder(tmp_path_factory.mktemp("fuzz"))
    folder.write("orders", ORDERS.encode() + b"".join(parts) + b"\n0,7,2026-01-01,5\n")
    read = folder.sync()
    assert folder.set_aside or all(order.total == 5 for order in read)
    assert (read and read[-1].order_id == "0") or folder.set_aside
    assert folder.sync() == []
    assert folder.set_aside == []


@pytest.mark.needs_shared
def test_a_real_shop_is_read_to_the_last_row(shared_folder: Path) -> None:
    """Online Retail (D. Chen, 2015, UCI Machine Learning Repository, doi 10.24432/C5BW33, CC BY 4.0)."""
    settings = CsvSettings(path="data/online_retail", timezone="Europe/London")
    pages = list(CsvFolder(settings, workspace=shared_folder).pull(None, full=False, now=NOW))
    read = {table: sum(len(page.records) for page in pages if page.table == table) for table in ("contacts", "orders")}
    assert read == {"contacts": 4372, "orders": 18532}
    assert not any(page.set_aside or page.warnings for page in pages)
