"""SurveyMonkey on this machine, as its documentation has it: pages, filters, limits of the minute and of the day.

with LoopbackSurveyMonkey() as monkey:
    monkey.answer("r-1", "9", email="ada@example.org", at="2026-03-01T10:00:00+00:00")
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SURVEY = "1234"
SCORE, WHY = "51", "52"
#: As in the survey's details: an NPS question's choices carry words, and weights that are no scores.
CHOICES = [
    {"id": f"c{score}", "text": f"{score} - Extremely likely" if score == 10 else str(score), "weight": 0}
    for score in range(11)
]


class LoopbackSurveyMonkey:
    """Answers on 127.0.0.1; the minute may be shortened."""

    token = "sm-token"

    def __init__(self, *, per_minute: int = 120, per_day: int = 500, minute: float = 60.0) -> None:
        self.per_minute, self.per_day, self.minute = per_minute, per_day, minute
        self.responses: dict[str, dict[str, Any]] = {}
        #: Paths asked for, with their query; those that were refused too.
        self.asked: list[str] = []
        self.refused = 0
        #: For the next requests, in turn: a status.
        self.failing: list[int] = []
        self._moments: deque[float] = deque()
        self._today = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
        self._server.daemon_threads = True
        self._server.monkey = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LoopbackSurveyMonkey:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, id: str, score: str | None, *, at: str, email: str | None = None, **told: Any) -> None:
        questions = [{"id": SCORE, "answers": [{"choice_id": f"c{score}"}]}] if score is not None else []
        if "why" in told:
            questions.append({"id": WHY, "answers": [{"text": told.pop("why")}]})
        contact = {"contact": {"email": {"type": "string", "value": email}}} if email else {}
        self.responses[id] = {
            "id": id,
            "survey_id": SURVEY,
            "response_status": "completed",
            "date_created": at,
            "date_modified": at,
            "metadata": contact,
            "custom_variables": {},
            "pages": [{"id": "1", "questions": questions}],
        } | told

    def take(self, path: str, query: dict[str, str], token: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and document."""
        self.asked.append(path)
        if self.failing:
            return self._error(self.failing.pop(0), "1050", "Internal Server Error", {})
        if token != f"Bearer {self.token}":
            return self._error(401, "1011", "Authorization Error", {})
        limits = self._counted()
        for span in ("minute", "day"):
            if int(limits[f"X-Ratelimit-App-Global-{span.title()}-Remaining"]) < 0:
                limits[f"X-Ratelimit-App-Global-{span.title()}-Remaining"] = "0"
                self.refused += 1
                return self._error(429, "1040", "Rate limit reached", limits)
        if path == f"/v3/surveys/{SURVEY}/details":
            question = {"id": SCORE, "family": "matrix", "subtype": "rating", "answers": {"choices": CHOICES}}
            return 200, limits, {"id": SURVEY, "pages": [{"id": "1", "questions": [question]}]}
        if path == f"/v3/surveys/{SURVEY}/responses/bulk":
            return 200, limits, self._bulk(query)
        return self._error(404, "1020", "Resource Not Found", limits)

    def _bulk(self, query: dict[str, str]) -> dict[str, Any]:
        size, page = int(query.get("per_page", "50")), int(query.get("page", "1"))
        if size > 100 or query.get("sort_by") not in (None, "date_modified"):
            raise ValueError("what the documentation forbids")
        since = time.strptime(query.get("start_modified_at", "1970-01-01T00:00:00"), "%Y-%m-%dT%H:%M:%S")
        found = [one for one in self.responses.values() if _parsed(one["date_modified"]) >= since]
        found.sort(key=lambda one: one["date_modified"], reverse=query.get("sort_order") != "ASC")
        return {"data": found[(page - 1) * size : page * size], "per_page": size, "page": page, "total": len(found)}

    def _counted(self) -> dict[str, str]:
        now = time.monotonic()
        while self._moments and now - self._moments[0] >= self.minute:
            self._moments.popleft()
        self._moments.append(now)
        self._today += 1
        return {
            "X-Ratelimit-App-Global-Minute-Limit": str(self.per_minute),
            "X-Ratelimit-App-Global-Minute-Remaining": str(self.per_minute - len(self._moments)),
            "X-Ratelimit-App-Global-Minute-Reset": str(max(1, round(self._moments[0] + self.minute - now))),
            "X-Ratelimit-App-Global-Day-Limit": str(self.per_day),
            "X-Ratelimit-App-Global-Day-Remaining": str(self.per_day - self._today),
            "X-Ratelimit-App-Global-Day-Reset": "43200",
        }

    def _error(self, status: int, id: str, name: str, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        return status, headers, {"error": {"id": id, "name": name, "message": name, "http_status_code": status}}


def _parsed(text: str) -> time.struct_time:
    return time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        monkey: LoopbackSurveyMonkey = self.server.monkey  # type: ignore[attr-defined]
        status, headers, document = monkey.take(parts.path, query, self.headers.get("Authorization", ""))
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `asked`."""
