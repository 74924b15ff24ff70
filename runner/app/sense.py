"""What the settings say that no key's form can tell: addresses, currencies, fields and targets that cannot be meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from connectors.crm.csv_folder import CsvSettings
from runner import kpis
from runner.app.connections import sources_of
from runner.app.currencies import CURRENCIES
from runner.conditions import Fields
from runner.errors import Fault, WrongUsage
from runner.kpis.measure import Unit
from runner.settings import SettingsFile
from runner.sync.matching import COLUMNS
from runner.yaml_file import closest

#: No share of customers or revenue, growth included, is aimed at beyond it.
LARGEST_SHARE = 2
#: The model that is always there.
USUAL_MODEL = "mbg_nbd"


def faults_of_settings(told: SettingsFile, fields: Fields) -> Iterator[Fault]:
    """Mistakes in what is written; `fields` are those of the store."""
    settings, file = told.settings, told.file
    if settings.currency not in CURRENCIES:
        advice = closest(settings.currency.upper(), CURRENCIES) or "write its three letters: EUR, USD, PLN"
        yield file.fault(("currency",), f"is no currency of ISO 4217: {settings.currency!r}", advice)
    for name, url in settings.reviews.sites.items():
        if not url.startswith(("https://", "http://")):
            advice = "write the address of the page where the review is written: https://…"
            yield file.fault(("reviews", "sites", name), f"is no web address: {url!r}", advice)
    named = {field.removeprefix("contact.") for field in fields.names if fields[field].is_custom}
    known = ["email", "none", *COLUMNS, *sorted(named)]
    for name, keys in settings.connectors.items():
        if fields.complete and (match := str(keys.get("match", "email"))) not in known:
            advice = closest(match, known) or "write email, none, or a field of the contact"
            yield file.fault(("connectors", name, "match"), f"there is no field {match!r} to match by", advice)
    for path, words, advice in kpis.mistakes(settings.kpis):
        yield file.fault(("kpis", *path), words, advice)
    yield from _percents(told)
    if settings.churn.model != USUAL_MODEL:
        yield from _model(told)


def _model(told: SettingsFile) -> Iterator[Fault]:
    """A model that no installed package brings; numpy is loaded for this alone."""
    from runner.churn.models import model_called

    try:
        model_called(told.settings.churn.model)
    except WrongUsage as error:
        words, _, advice = str(error).removeprefix("churn.model: ").partition("; ")
        yield told.file.fault(("churn", "model"), words, advice)


def doubts_of_settings(told: SettingsFile, workspace: Path) -> Iterator[Fault]:
    """What may be so and hardly is meant."""
    for site, why in told.settings.reviews.off.items():
        yield told.file.fault(("reviews", "sites", site), f"is off, and nobody is asked there: {why}", value=False)
    programme = told.settings.referrals
    if programme is not None and programme.coupons and not (workspace / programme.coupons).is_file():
        words, advice = f"there is no file {programme.coupons!r}: rewards would wait", "write one coupon a line into it"
        yield told.file.fault(("referrals", "coupons"), words, advice)
    for name, keys in sources_of(told).items():
        if isinstance(keys, CsvSettings) and not (folder := workspace / keys.path).is_dir():
            advice = f"make {folder} and put contacts.csv there, or write where the files are"
            words = f"there is no folder {keys.path!r}: a sync would fail"
            yield told.file.fault(("connectors", name, "path"), words, advice)


def _percents(told: SettingsFile) -> Iterator[Fault]:
    """Targets of shares are written as shares."""
    shares = {measure.key for measure in kpis.KPIS if measure.unit is Unit.RATIO}
    shares |= {
        f"{measure.key}.{name}"
        for measure in kpis.KPIS
        for name, part in measure.parts.items()
        if part.unit is Unit.RATIO
    }
    for key, bounds in told.settings.kpis.targets.items():
        for bound, value in bounds.items():
            if key in shares and abs(value) > LARGEST_SHARE:
                advice = f"write {value / 100:g} for {value:g} %"
                words = f"is a share and no percentage, is {value:g}"
                yield told.file.fault(("kpis", "targets", key, bound), words, advice)
