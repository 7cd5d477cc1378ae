"""A ticket system in memory that speaks as Redmine does, and whose answers get lost, come late, or are errors."""

import json
from collections.abc import Callable
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from edgegw.clock import ManualClock
from edgegw.mappings.answers import Again, Answer
from edgegw.mappings.compiled import Request

Fault = Literal["", "refused", "before", "after", "500-before", "500-after", "429", "late", "page"]
"""What happens to a request: nothing; nobody listens; lost on the way there, on the way back; an error without, with effect; too
many; takes effect later, answer lost; a proxy's page with status 200."""


class Desk:
    """See `work.Asking`. `fault(request)` says what happens to each request; `late_s`: how late is late."""

    def __init__(
        self, clock: ManualClock, fault: Callable[[Request], Fault] = lambda _request: "", late_s: float = 1.9
    ) -> None:
        self.issues: dict[int, dict[str, object]] = {}
        self.requests: list[Request] = []
        self.fault = fault
        self._clock = clock
        self._late_ns = round(late_s * 1e9)
        self._coming: list[tuple[int, Request]] = []

    async def run(self) -> None:
        """Nothing to keep."""

    async def sleep(self, seconds: float) -> None:
        """Time passes; what is late arrives."""
        self._clock.advance(seconds)
        self.arrive()

    def arrive(self) -> None:
        """Let take effect what is due."""
        now_ns = self._clock.now().mono_ns
        due = [request for at_ns, request in self._coming if at_ns <= now_ns]
        self._coming = [(at_ns, request) for at_ns, request in self._coming if at_ns > now_ns]
        for request in due:
            self._do(request)

    async def ask(self, request: Request) -> Answer | Again:  # noqa: PLR0911 - one line for each fault
        """See `Asking`."""
        self.arrive()
        self.requests.append(request)
        match self.fault(request):
            case "refused":
                return Again("unreachable")
            case "before":
                return Again("no-answer", doubt=True)
            case "after":
                self._do(request)
                return Again("timeout", doubt=True)
            case "late":
                self._coming.append((self._clock.now().mono_ns + self._late_ns, request))
                return Again("timeout", doubt=True)
            case "500-before":
                return Answer(502, {}, b"<html>")
            case "500-after":
                self._do(request)
                return Answer(500, {}, b"")
            case "429":
                return Answer(429, {"retry-after": "7"}, b"")
            case "page":
                return Answer(201 if request.method == "POST" else 200, {}, b"<html>Please log in</html>")
        return self._do(request)

    def with_ref(self, ref: str) -> list[int]:
        """Numbers of the issues of a ticket."""
        return [number for number, issue in self.issues.items() if ref in str(issue["subject"])]

    def _do(self, request: Request) -> Answer:
        parts = urlsplit(request.target)
        if request.method == "GET":
            query = parse_qs(parts.query)
            ref = query.get("subject", ["~"])[0].removeprefix("~")
            wanted = query["issue_id"][0].split(",") if "issue_id" in query else None
            found = [
                {"id": number} | issue
                for number, issue in self.issues.items()
                if ref in str(issue["subject"]) and (wanted is None or str(number) in wanted)
            ]
            return _json(200, {"issues": found})
        given = json.loads(request.body or b"{}")["issue"]
        if request.method == "POST":
            number = 100 + len(self.issues)
            self.issues[number] = {"subject": given["subject"], "status": {"name": "New"}, "notes": []}
            return _json(201, {"issue": {"id": number}})
        number = int(parts.path.split("/")[-1].removesuffix(".json"))
        if number not in self.issues:
            return Answer(404, {}, b"")
        self.issues[number]["notes"].append(given["notes"])  # type: ignore[attr-defined] # it is a list
        if "status_id" in given:
            self.issues[number]["status"] = {"name": {1: "New", 3: "Resolved"}[given["status_id"]]}
        return Answer(204, {}, b"")


def _json(status: int, body: object) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())
