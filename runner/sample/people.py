"""The sample company's customers: what the CRM knows of each, and the hidden traits behind what each does."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from runner.sample.names import COUNTRIES, Country, mailbox

OWNERS = ("agata@example.com", "marek@example.com", "julia@example.com")
_DOMAINS = ("mail.example.com", "post.example.org", "inbox.example.com", "poczta.example.org")
_SPOILED = ("{0}@", "{0} @mail.example.com", "{0}@@mail.example.com", "{0}.mail.example.com", "none")
_NO_TIMEZONES = ("Europe/Warschau", "GMT+25", "Mars/Olympus_Mons", "CEST (Berlin)")
_OLDEST_YEARS = 6


@dataclass(frozen=True, slots=True)
class Term:
    """A year of a membership, and when it was renewed."""

    ends_on: date
    renewed_on: date | None


@dataclass(frozen=True, slots=True)
class Person:
    """A customer; the CRM never sees what stands below `hidden`."""

    contact_id: str
    email: str | None
    first_name: str
    last_name: str
    country: str
    language: str
    timezone: str | None
    created_at: datetime
    #: The local day of `created_at`.
    created_on: date
    birthday: date | None
    company: int | None
    owner: str
    opted_out: bool
    consent: str | None
    is_test: bool
    terms: tuple[Term, ...]
    # hidden
    #: 0 to 1.
    satisfaction: float
    #: Orders a day on an average day.
    pace: float
    #: What an order is worth, on average.
    basket: float
    #: Whether the account was opened at the checkout of a first order; else a lead.
    buys_at_once: bool
    #: From when something went wrong that was never made good.
    hurt_on: date | None
    #: From when the habit was lost.
    lapses_on: date | None
    #: Whether the mail program fetches every picture by itself.
    machine_opens: bool
    #: Whether nobody reads this mailbox any more: it bounces.
    dead_mailbox: bool

    def satisfaction_on(self, day: date) -> float:
        hurt = self.hurt_on is not None and day >= self.hurt_on
        return max(0.02, self.satisfaction - 0.35) if hurt else self.satisfaction


@dataclass(frozen=True, slots=True)
class Span:
    """The days of the company: its data begin on `start`, the last new customer comes before `until`."""

    start: date
    until: date
    zone: ZoneInfo

    def at(self, day: date, seconds: float) -> datetime:
        """The moment so many seconds after local midnight, in UTC, never outside the day."""
        minutes, second = divmod(min(max(int(seconds), 0), 86_399), 60)
        clock = time(minutes // 60, minutes % 60, second)
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)


def invent(seed: int, count: int, span: Span, *, companies: int) -> list[Person]:
    """So many people in the order of their coming, after a handful with a story of their own."""
    random = Random(f"{seed}:people")
    days = sorted(_coming(random, span) for _ in range(count))
    taken: list[str] = []
    people = [_person(random, number, day, span, companies, taken) for number, day in enumerate(days, start=1)]
    for place, told in enumerate(_stories(span)[:count]):
        people[place] = replace(people[place], **told)  # type: ignore[arg-type]  # fields of Person
    return people


def company_name(number: int) -> tuple[str, str]:
    """A company's name and the domain of its addresses."""
    first = ("Nord", "Blue", "Alt", "Kwiat", "Terra", "Lumi", "Forge", "Papier", "Hafen", "Bistro")
    second = ("werk", "leaf", "haus", "owo", "nova", "line", "studio", "kontor", "lab", "garden")
    word = f"{first[number % 10]}{second[number // 10 % 10]}{number // 100 or ''}"
    return word, f"{word.lower()}.example.com"


def _coming(random: Random, span: Span) -> date:
    """Two of five were there before the data begin, most of them not long before."""
    if random.random() < 0.4:
        return span.start - timedelta(days=1 + int(365 * _OLDEST_YEARS * random.random() ** 2))
    return span.start + timedelta(days=int((span.until - span.start).days * random.random()))


def _person(random: Random, number: int, day: date, span: Span, companies: int, taken: list[str]) -> Person:
    country = random.choices(COUNTRIES, [country.weight for country in COUNTRIES])[0]
    first_name, last_name = random.choice(country.first_names), random.choice(country.last_names)
    company = random.randrange(companies) if companies and random.random() < 0.12 else None
    satisfaction = random.betavariate(3.6, 1.4)
    is_test = random.random() < 0.004
    buys_at_once = random.random() < 0.75
    return Person(
        contact_id=f"c-{number:05}",
        email=_address(random, number, first_name, last_name, country, company, is_test, taken),
        first_name="Test" if is_test else first_name,
        last_name=f"Account {number}" if is_test else last_name,
        country=country.code,
        language=country.language,
        timezone=_timezone(random, country),
        created_at=span.at(day, random.gauss(14.5, 3.5) * 3600),
        created_on=day,
        birthday=_birthday(random) if random.random() < 0.6 else None,
        company=company,
        owner=random.choice(OWNERS),
        opted_out=random.random() < 0.035,
        consent=random.choices(("yes", None, "no"), (82, 15, 3))[0],
        is_test=is_test,
        terms=tuple(_terms(random, day, satisfaction, span)) if buys_at_once and random.random() < 0.22 else (),
        satisfaction=satisfaction,
        pace=_pace(random, satisfaction) * (1.0 if buys_at_once else 0.25),
        basket=random.lognormvariate(4.0, 0.5) * (4 if company is not None else 1),
        buys_at_once=buys_at_once,
        hurt_on=_some_day(random, day, 0.22 * (1.3 - satisfaction), span),
        lapses_on=_some_day(random, day, 0.15 + 1.2 * (1 - satisfaction) ** 2, span),
        machine_opens=random.random() < 0.35,
        dead_mailbox=random.random() < 0.012,
    )


def _pace(random: Random, satisfaction: float) -> float:
    """Most order a few times a year, some every week: a gamma with a long tail, 4 to 5 orders a year on average."""
    return float(min(random.gammavariate(0.75, 5.5 / 0.75 / 365) * (0.4 + satisfaction), 0.15))


def _some_day(random: Random, from_day: date, a_year: float, span: Span) -> date | None:
    """A day after `from_day`, at that rate a year; None where it lies far behind the end."""
    day = from_day + timedelta(days=7 + min(int(random.expovariate(a_year / 365)), 36_500))
    return day if day < span.until + timedelta(days=365) else None


def _address(
    random: Random,
    number: int,
    first_name: str,
    last_name: str,
    country: Country,
    company: int | None,
    is_test: bool,
    taken: list[str],
) -> str | None:
    chance = random.random()
    name = f"test+{number}" if is_test else mailbox(first_name, last_name) or f"{country.language}{number}"
    domain = company_name(company)[1] if company is not None else random.choice(_DOMAINS)
    spoiled = random.choice(_SPOILED).format(name)
    if chance < 0.02:
        return None
    if chance < 0.028:
        return spoiled
    if chance < 0.031 and taken:
        return random.choice(taken)  # A household with one address.
    address = f"{name}@{domain}" if f"{name}@{domain}" not in taken else f"{name}{number}@{domain}"
    taken.append(address)
    return address


def _timezone(random: Random, country: Country) -> str | None:
    chance = random.random()
    if chance < 0.25:
        return None
    return random.choice(_NO_TIMEZONES) if chance < 0.257 else random.choice(country.timezones)


def _birthday(random: Random) -> date:
    if random.random() < 0.004:
        return date(random.choice((1968, 1976, 1984, 1992, 1996, 2000)), 2, 29)
    return date(2004, 1, 1) - timedelta(days=int(random.betavariate(2, 2.5) * 365 * 55))


def _terms(random: Random, begins: date, satisfaction: float, span: Span) -> Iterator[Term]:
    """Membership years from the day the customer came, until one is not renewed."""
    year = 1
    while (ends_on := _years_later(begins, year)) < span.until + timedelta(days=365):
        renewed = random.random() < 0.45 + 0.5 * satisfaction
        yield Term(ends_on, ends_on - timedelta(days=random.randint(1, 20)) if renewed else None)
        if not renewed:
            return
        year += 1
    yield Term(ends_on, None)


def _years_later(day: date, years: int) -> date:
    """The same day of a later year; 28 February where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _stories(span: Span) -> Sequence[dict[str, object]]:
    """What is different about the first few, so that there is somebody to tell of."""
    leap = _leap_day(span)
    ordinary: dict[str, object] = {
        "timezone": "Europe/Warsaw",
        "company": None,
        "opted_out": False,
        "consent": "yes",
        "is_test": False,
        "buys_at_once": True,
        "hurt_on": None,
        "lapses_on": None,
        "dead_mailbox": False,
        "pace": 0.03,
    }
    told: list[dict[str, object]] = [
        {  # Born on a leap day, customer since a leap day.
            **_named("Zofia", "Lutowska", "PL", "pl"),
            "birthday": date(1992, 2, 29),
            "created_on": leap,
            "created_at": span.at(leap, 10 * 3600),
            "terms": (),
        },
        # Ordered every other week, and then hardly ever.
        {**_named("Hans", "Größler", "DE", "de"), "pace": 0.07, "lapses_on": span.until - timedelta(days=170)},
        # Would tell everybody.
        {**_named("Camille", "Moreau", "FR", "fr"), "satisfaction": 0.98, "pace": 0.05},
        # Was delighted until a parcel got lost.
        {**_named("Erik", "Åkesson", "SE", "sv"), "satisfaction": 0.9, "hurt_on": span.until - timedelta(days=100)},
        # Has an account, but the shop's old system lost the address.
        {**_named("Maria", "da Silva", "BR", "pt"), "email": None},
        # The CRM's time zone is nonsense.
        {**_named("Øyvind", "Strand", "NO", "nb"), "timezone": "Mars/Olympus_Mons"},
    ]
    return [ordinary | one for one in told]


def _named(first_name: str, last_name: str, country: str, language: str) -> dict[str, object]:
    return {
        "first_name": first_name,
        "last_name": last_name,
        "country": country,
        "language": language,
        "email": f"{mailbox(first_name, last_name)}@home.example.org",
    }


def _leap_day(span: Span) -> date:
    """The last 29 February before the data begin."""
    year = span.until.year
    while not isleap(year) or date(year, 2, 29) >= span.start:
        year -= 1
    return date(year, 2, 29)
