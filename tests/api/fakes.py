"""A gateway that the API can stand before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import aiohttp

from edgegw.api import tokens, types, types_service
from edgegw.api.server import ApiServer
from edgegw.api.tokens import Token, Tokens
from edgegw.clock import ManualClock
from edgegw.errors import CommandError, EdgegwError, StoreError
from edgegw.model import Command, Event, Lane, Outcome, OutcomeStatus, Quality, Record
from edgegw.service.patrol_state import CheckResult, PatrolView, PlanRef, PointView, Summary
from edgegw.service.ticket import TicketState, TicketUpdate, TroubleView, Window

CREATED = types.moment(1_767_225_600_000_000_000)


class FakeBackend:
    """Two devices, a door, and whatever a test puts into it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.commands: list[Command] = []
        self.outcome = Outcome(OutcomeStatus.DONE, values={"relay": True})
        self.used: set[str] = set()
        self.hold: asyncio.Event | None = None
        self.finished = asyncio.Event()
        self.fault: Exception | None = None
        self.credentials: dict[tuple[str, str], types.CredentialPut] = {}
        self.imports: list[tuple[bytes, str, str, bool]] = []
        self.store_down = False
        self.audited: list[Event] = []
        self.records: list[Record] = []
        self.heard: list[Callable[[Sequence[Record]], None]] = []
        self.fetches = 0
        self.service = FakeService(clock)

    def devices(self) -> list[types.Device]:
        pulse = types.Argument(type="float", required=False, min=0.5, max=60, default=5.0)
        relay = types.DeviceCommand("pulse", "closes the relay", {"seconds": pulse})
        return [
            types.Device(
                id="relay-1", name="Relay", link="riser", profile="kit/relay", presence="online", since=CREATED, commands=(relay,)
            ),
            types.Device(id="meter-1", name="表", link="riser", profile="kit/meter", labels={"floor": "3"}, presence="unknown"),
        ]  # fmt: skip

    def device(self, device: str) -> types.Device | None:
        return next((one for one in self.devices() if one.id == device), None)

    def points(self, device: str) -> list[types.Point] | None:
        if self.device(device) is None:
            return None
        return [types.Point(name="relay", value=False, quality=Quality.FRESH, at=CREATED, age=1.5)]

    def alarms(self) -> list[types.Alarm]:
        return [
            types.Alarm(
                dedup_key="g/meter-1/offline", rule="offline", subject="meter-1", title="表离线", priority="P3",
                category="device", state="active", raised_at=CREATED, count=1,
            )
        ]  # fmt: skip

    def doors(self) -> list[types.Door]:
        return [types.Door(id="lobby", name="Lobby", groups=("public",), state="locked")]

    def door(self, door: str) -> types.Door | None:
        return next((one for one in self.doors() if one.id == door), None)

    async def command(self, command: Command) -> Outcome:
        self.commands.append(command)
        if self.fault is not None:
            raise self.fault
        if self.hold is not None:
            await self.hold.wait()
        self.finished.set()
        if command.id in self.used:
            return Outcome(OutcomeStatus.REJECTED, "used-id", "used before")
        self.used.add(command.id)
        return self.outcome

    def _commit(self) -> None:
        if self.store_down:
            raise StoreError("full", "no room on the disk")

    async def import_credentials(self, body: bytes, content_type: str, mode: str, *, dry_run: bool) -> dict[str, int]:
        self._commit()
        if not body.startswith((b"[", b"number,")):
            raise CommandError("bad-import", "line 1: not a list")
        self.imports.append((body, content_type, mode, dry_run))
        return {"added": 2, "revoked": 0}

    async def put_credential(self, credential: types.CredentialPut) -> bool:
        self._commit()
        key = (credential.kind, credential.number)
        new = key not in self.credentials
        self.credentials[key] = credential
        return new

    async def revoke(self, kind: str, number: str) -> bool:
        self._commit()
        return self.credentials.pop((kind, number), None) is not None

    def credentials_summary(self) -> types.CredentialSummary:
        return types.CredentialSummary(len(self.credentials), 7)

    async def events(self, after_seq: int, lanes: object, limit: int) -> list[Record]:
        self.fetches += 1
        return [one for one in self.records if one.seq > after_seq and one.lane in lanes][:limit]  # type: ignore[operator]

    def subscribe(self, heard: Callable[[Sequence[Record]], None]) -> Callable[[], None]:
        self.heard.append(heard)
        return lambda: self.heard.remove(heard)

    def audit(self, event: Event) -> None:
        self.audited.append(event)

    def commit(self, *records: Record) -> None:
        """As if the store had just committed these."""
        self.records += records
        for heard in self.heard:
            heard(records)


MINUTE_NS = 60_000_000_000
CREATED_NS = 1_767_225_600_000_000_000


def trouble(name: str = "meter-1/offline", **changes: object) -> TroubleView:
    """A trouble; its ticket is asked for, to be acknowledged within 15 minutes of the clock's beginning."""
    about: dict[str, object] = {
        "dedup_key": f"g/{name}", "ticket_id": "01234567-89ab-7def-8123-456789abcdef", "ref": "EG-7K2M9QXA", "title": "表离线",
        "category": "device", "priority": "P2", "team": "maintenance", "subject": name.partition("/")[0], "active": True,
        "state": TicketState.REQUESTED, "raised_ns": CREATED_NS, "requested_ns": CREATED_NS,
        "respond_by_ns": CREATED_NS + 15 * MINUTE_NS, "resolve_by_ns": CREATED_NS + 120 * MINUTE_NS,
    }  # fmt: skip
    return TroubleView(**{**about, **changes})  # type: ignore[arg-type]


class FakeService:
    """The service side as its contract says, in memory: one trouble, a plan of two points, whatever a test puts into it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.views: dict[str, TroubleView] = {"g/meter-1/offline": trouble()}
        self.said: list[TicketUpdate] = []
        self.kept: dict[str, Window] = {}
        self.requests: dict[str, types_service.ServiceRequest] = {}
        self.checkins: dict[str, types_service.PatrolCheckin] = {}
        self.over: set[str] = set()
        self.results: list[tuple[str, tuple[str, ...]]] = [("out-of-order", ("late",))]
        self.by: list[str] = []
        self.store_down = False

    def _commit(self, by: str = "") -> None:
        if self.store_down:
            raise StoreError("full", "no room on the disk")
        self.by.append(by)

    def troubles(self) -> list[TroubleView]:
        return list(self.views.values())

    async def answered(self, updates: Sequence[TicketUpdate]) -> int:
        self._commit()
        self.said += updates
        return sum(update.dedup_key in self.views for update in updates)

    def windows(self) -> list[Window]:
        return list(self.kept.values())

    async def declare(self, scope: str, target: str, reason: str, *, by: str, until_ns: int) -> Window:
        if target == "none":
            raise EdgegwError("unknown-target", f"no {scope} {target}")
        self._commit(by)
        id_ = f"w-{scope}-{len(self.kept) + 1}"
        at = self.clock.now()
        target = target or "gateway"
        window = Window(id=id_, scope=scope, target=target, reason=reason, by=by, began=at, until_ns=until_ns)
        self.kept[id_] = window
        return window

    async def end_window(self, window: str, *, by: str) -> bool:
        self._commit(by)
        return self.kept.pop(window, None) is not None

    async def request(self, request: types_service.ServiceRequest, *, by: str) -> TroubleView:
        if request.category == "none":
            raise EdgegwError("unknown-category", "no category none")
        if request.id in self.over:
            raise EdgegwError("used-id", "that is over")
        self._commit(by)
        self.requests.setdefault(request.id, request)
        key = f"service/request-{request.id}"
        return self.views.setdefault(
            key, trouble(key, title=request.title, category=request.category, ref="EG-REQ2EST7", ticket_id=f"t-{key}")
        )

    async def withdraw(self, request: str, *, by: str) -> bool:
        self._commit(by)
        self.over.add(request)
        return self.requests.pop(request, None) is not None

    async def check_in(self, checkin: types_service.PatrolCheckin, *, by: str) -> list[CheckResult]:
        if checkin.point not in {"gate", "roof"}:
            raise EdgegwError("unknown-point", f"no point {checkin.point}")
        self._commit(by)
        self.checkins[checkin.id] = checkin
        return [CheckResult("night", "night/r1", checkin.point, word, also) for word, also in self.results]

    def patrols(self) -> list[PatrolView]:
        due = CREATED_NS + 30 * MINUTE_NS
        gate = PointView(
            id="gate", name="大门", result="late", overdue=True, due_ns=due, by_ns=due + MINUTE_NS, who="王"
        )
        roof = PointView(id="roof", name="屋顶", result="", overdue=False, due_ns=0, by_ns=due)
        last = Summary(
            plan=PlanRef("night", "夜巡"), round="night/r0", planned="2025-12-31T00:00:00.000Z", at="2025-12-31T01:00:00.000Z",
            reason="complete", total=2, checked=2, on_time=1, early=0, late=1, missed=0, ratio=1.0, results={}, points=(),
        )  # fmt: skip
        return [
            PatrolView(plan="day", name="日巡", next_ns=due, missed=True),
            PatrolView(
                plan="night", name="夜巡", round="night/r1", start_ns=CREATED_NS, points=(gate, roof), last=last
            ),
        ]


def record(seq: int, lane: Lane = Lane.ALARM, data: bytes = b'{"a":1}') -> Record:
    """A stored record."""
    uid = f"00000000-0000-7000-8000-{seq:012d}"
    return Record(
        seq, uid, 1, lane, "edgegw.alarm.raised", "meter-1", 1_767_225_600_000_000_000, None, 0, True, True, data
    )


def make_token(path: Path, *scopes: str, name: str = "desk", **changes: object) -> str:
    """Add a token to the file; returns the secret."""
    secret = tokens.new_secret()
    token = Token(
        id=tokens.new_id(), name=name, hash=tokens.hashed(secret), scopes=scopes, created=CREATED, **changes  # type: ignore[arg-type]
    )  # fmt: skip
    tokens.write(path, Tokens((*tokens.read(path).tokens, token)))
    return secret


@contextlib.asynccontextmanager
async def serving(backend: FakeBackend, path: Path, **options: object) -> AsyncIterator[ApiServer]:
    """A running API."""
    options.setdefault("service", backend.service)
    server = ApiServer("127.0.0.1", 0, backend=backend, tokens=path, clock=backend.clock, **options)  # type: ignore[arg-type]
    await server.bind()
    task = asyncio.create_task(server.run())
    try:
        await server.serving.wait()
        yield server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def client(server: ApiServer, secret: str | None = None) -> aiohttp.ClientSession:
    """A client with a token, or a stranger."""
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return aiohttp.ClientSession(server.url, headers=headers)
