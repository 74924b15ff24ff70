"""SurveyMonkey's surveys: what is set, and the answers that are pulled; who answered is known by their address."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.base import ConnectorSettings, Cursor, Page, SetAside, Source
from connectors.feeds.http import client, get
from connectors.limits import Caller, Rate
from connectors.records import Contact, Record, Survey
from connectors.scales import SCALES

SYSTEM = "SurveyMonkey"
#: Of an app that is no public one. 500 calls a day are left to the pauses between two pulls.
LIMITS = {"minute": Rate(120, 60.0)}
PAGE = 100


class Asked(BaseModel):
    """One survey."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: What is asked: nps, csat or ces.
    kind: Literal["nps", "csat", "ces"]
    #: The id of the question that has the score.
    score: str
    #: The id of the question that has the words.
    comment: str | None = None


class SurveyMonkeySettings(ConnectorSettings):
    """`{type: surveymonkey, token: …, surveys: {"1234": {kind: nps, score: "5678"}}}`."""

    type: Literal["surveymonkey"] = "surveymonkey"
    #: The access token of an app that may view surveys and response details.
    token: SecretStr
    #: `https://api.eu.surveymonkey.com` for accounts in the EU, `https://api.surveymonkey.ca` in Canada.
    base_url: str = "https://api.surveymonkey.com"
    #: The surveys by their ids.
    surveys: Mapping[str, Asked] = Field(min_length=1)
    #: Minutes between two pulls: an app that is no public one has 500 calls a day.
    every_minutes: int = Field(30, ge=1)
    #: The custom variable of web links that holds the address.
    email_variable: str = "email"

    @field_validator("base_url")
    @classmethod
    def _no_slash(cls, url: str) -> str:
        if not re.match(r"https://|http://(localhost|127\.|\[::1\])", url):
            raise ValueError(f"must be an https:// address (http:// on this machine only), is {url!r}")
        return url.rstrip("/")


class SurveyMonkey(Source):
    """Answers to SurveyMonkey's surveys, pulled from where they were left, the oldest change first."""

    type = "surveymonkey"
    settings_model = SurveyMonkeySettings
    tells_parts = True

    def __init__(
        self,
        settings: SurveyMonkeySettings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._caller = Caller(LIMITS, sleep=sleep, monotonic=monotonic)

    @classmethod
    def open(cls, settings: SurveyMonkeySettings, **_: object) -> SurveyMonkey:
        return cls(settings)

    def pull(self, cursor: Cursor | None, *, full: bool, now: datetime) -> Iterator[Page]:
        places = {id: dict(place) for id, place in (cursor or {}).get("surveys", {}).items()}
        pause = timedelta(minutes=self._settings.every_minutes)
        for id, asked in self._settings.surveys.items():
            place = places.setdefault(id, {})
            if full or place.get("asked") != asked.model_dump(mode="json"):
                place.clear()
            elif now - datetime.fromisoformat(place["at"]) < pause:
                continue
            # Once all of it is stored: who was killed in between is asked again at once.
            for records, aside, changed in self._survey(id, asked, place.get("changed")):
                place["changed"] = changed
                for table in (Contact.table, Survey.table):
                    of_table = [record for record in records if record.table == table]
                    yield Page(table, of_table, {"surveys": places}, aside if table == Survey.table else ())
            place |= {"at": now.isoformat(), "asked": asked.model_dump(mode="json")}
            yield Page(Survey.table, (), {"surveys": places})

    def close(self) -> None:
        if "_http" in self.__dict__:
            self._http.close()

    @cached_property
    def _http(self) -> Any:
        return client({"Authorization": f"Bearer {self._settings.token.get_secret_value()}"})

    def _survey(
        self, id: str, asked: Asked, since: str | None
    ) -> Iterator[tuple[list[Record], list[SetAside], str | None]]:
        """What was answered or changed since then, a page at a time, with the last change in it."""
        texts: Mapping[str, str] | None = None
        number = 1
        while True:
            listed = self._responses(id, since, number)
            if listed and texts is None:
                texts = self._choices(id, asked.score)
            records, aside = list[Record](), list[SetAside]()
            for response in listed:
                told = self._read(response, asked, texts or {})
                if isinstance(told, SetAside):
                    aside.append(told)
                else:
                    records += told
            last = _moment(listed[-1]["date_modified"]) if listed else since
            yield records, aside, last
            if len(listed) < PAGE:
                return
            # From the last change on, not from page to page: what changes meanwhile moves behind, and none is missed.
            number = number + 1 if last == since else 1
            since = last

    def _responses(self, id: str, since: str | None, page: int) -> list[dict[str, Any]]:
        params = {"per_page": str(PAGE), "page": str(page), "sort_by": "date_modified", "sort_order": "ASC"}
        if since is not None:
            params["start_modified_at"] = since
        listed: list[dict[str, Any]] = self._ask(f"/v3/surveys/{id}/responses/bulk", params).get("data", [])
        return listed

    def _choices(self, id: str, question: str) -> Mapping[str, str]:
        """What each choice of the score's question says: "10", or "10 - Extremely likely"."""
        details = self._ask(f"/v3/surveys/{id}/details", {})
        found = (q for page in details.get("pages", []) for q in page.get("questions", []) if q["id"] == question)
        question_asked: dict[str, Any] = next(found, {})
        return {choice["id"]: _said(choice) for choice in question_asked.get("answers", {}).get("choices", [])}

    def _ask(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        def once() -> bytes:
            self.calls += 1
            url = f"{self._settings.base_url}{path}"
            return get(self._http, url, system=SYSTEM, params=params, pause=_pause)[2]

        answer: dict[str, Any] = json.loads(self._caller.call(once, bucket="minute"))
        return answer

    def _read(self, response: Mapping[str, Any], asked: Asked, texts: Mapping[str, str]) -> list[Record] | SetAside:
        """The answer and who gave it; nothing where the score's question was left out."""
        where = f"{Survey.table}/{response['id']}"
        if response.get("response_status") not in ("completed", "partial"):
            return []
        answers = _answers(response)
        given = next((texts.get(a.get("choice_id", ""), a.get("text", "")) for a in answers.get(asked.score, ())), None)
        if given is None:
            return []
        low, high = SCALES[asked.kind].ends
        score = re.match(r"\s*(\d+)", given)
        if score is None or not low <= int(score[1]) <= high:
            return SetAside(where, "score", given[:100], f"is no score of {asked.kind}, {low} to {high}")
        email = self._email(response)
        if email is None:
            return SetAside(
                where, "email", "", "has no address, so that it is nobody's; send it by mail, or with a variable"
            )
        created = datetime.fromisoformat(_moment(response["date_created"])).replace(tzinfo=UTC)
        at = datetime.fromisoformat(_moment(response["date_modified"])).replace(tzinfo=UTC)
        words = [a["text"] for a in answers.get(asked.comment or "", ()) if a.get("text")]
        return [
            Contact(
                contact_id=email.lower(),
                email=email,
                first_name=_name(response, "first_name"),
                last_name=_name(response, "last_name"),
                created_at=created,
            ),
            Survey(
                response_id=response["id"],
                contact_id=email.lower(),
                kind=asked.kind,
                scale=f"{low}-{high}",
                score=float(score[1]),
                responded_at=at,
                comment=" ".join(words) or None,
            ),
        ]

    def _email(self, response: Mapping[str, Any]) -> str | None:
        told = (
            response.get("metadata", {}).get("contact", {}).get("email", {}).get("value"),
            response.get("email_address"),
            (response.get("custom_variables") or {}).get(self._settings.email_variable),
            response.get("custom_value"),
        )
        return next((value.strip() for value in told if isinstance(value, str) and "@" in value), None)


def _answers(response: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {q["id"]: q.get("answers", []) for page in response.get("pages", []) for q in page.get("questions", [])}


def _name(response: Mapping[str, Any], part: str) -> str | None:
    told = response.get("metadata", {}).get("contact", {}).get(part, {}).get("value") or response.get(part)
    return str(told) if told else None


def _said(choice: Mapping[str, Any]) -> str:
    """The choice's words where a number leads them; of stars, which have none, the weight."""
    text = str(choice.get("text") or "")
    return text if re.match(r"\s*\d", text) else str(choice.get("weight", text))


def _moment(text: str) -> str:
    """A time as the API takes it: in UTC, without saying so."""
    at = datetime.fromisoformat(text)
    return (at.astimezone(UTC) if at.tzinfo else at).strftime("%Y-%m-%dT%H:%M:%S")


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds until the limit that was hit, of the day or of the minute, is there again."""
    for span in ("day", "minute"):
        if headers.get(f"x-ratelimit-app-global-{span}-remaining") == "0":
            return float(headers.get(f"x-ratelimit-app-global-{span}-reset", "60"))
    return None
