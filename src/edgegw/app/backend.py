"""What the local API sees of the gateway (`api.backend.Backend`).

Owns: the translation from parts to the API's words; the last reading of every point.
Must not know: HTTP, tokens.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from edgegw.access.blot import blotted
from edgegw.access.decision import DoorView
from edgegw.api.backend import Heard, ImportMode
from edgegw.api.types import (
    Alarm,
    Argument,
    CredentialPut,
    CredentialSummary,
    Device,
    DeviceCommand,
    Door,
    Point,
    moment,
    wall_ns,
)
from edgegw.app import build
from edgegw.app.acting import Acting
from edgegw.clock import Clock
from edgegw.config.plan import DevicePlan, SitePlan
from edgegw.doors.keeper import Fields
from edgegw.errors import StoreError
from edgegw.model import Changes, Command, Decoded, Event, Instant, Lane, Outcome, Reading, Record, older
from edgegw.pipeline import Pipeline
from edgegw.profiles.schema_commands import Arg, CommandSpec
from edgegw.rules.engine import RuleEngine
from edgegw.rules.presence import PresenceView
from edgegw.store.store import Store

NEWS_MOST = 1_000
"""Records told to subscribers in one go; a commit has no more."""


class ApiBackend:
    """See the module's text. Listens to every device, so it is made only where the API is served."""

    def __init__(
        self, plan: SitePlan, *, store: Store, engine: RuleEngine, pipeline: Pipeline, acting: Acting, clock: Clock
    ) -> None:
        self._plan = plan
        self._store = store
        self._engine = engine
        self._pipeline = pipeline
        self._acting = acting
        self._clock = clock
        self._secret = build.secret_points(plan)
        self._last: dict[str, dict[str, tuple[Reading, Instant]]] = {name: {} for name in plan.devices}
        self._commands = {name: _commands(plan, device) for name, device in plan.devices.items()}
        self._news: dict[object, Heard] = {}
        self._told = 0
        self._telling: asyncio.Task[None] | None = None
        self._again = False
        for name in plan.devices:
            pipeline.listen(name, self._hear)
        for lane in Lane:
            store.wait_for(lane, self._committed)

    # --- looking --------------------------------------------------------------------------------------------------

    def devices(self) -> Sequence[Device]:
        """See `Backend.devices`."""
        return [self._device(view) for view in self._engine.presence()]

    def device(self, device: str) -> Device | None:
        """See `Backend.device`."""
        return next((self._device(view) for view in self._engine.presence() if view.device == device), None)

    def points(self, device: str) -> Sequence[Point] | None:
        """See `Backend.points`."""
        known = self._last.get(device)
        if known is None:
            return None
        now_ns = self._clock.now().mono_ns
        return [
            Point(
                name=name,
                value=reading.value,
                unit=reading.unit,
                quality=reading.quality,
                at=datetime.fromisoformat(reading.time) if reading.time else moment(at.wall_ns),
                age=max(0.0, (now_ns - at.mono_ns) / 1e9),
            )
            for name, (reading, at) in known.items()
        ]

    def alarms(self) -> Sequence[Alarm]:
        """See `Backend.alarms`."""
        return [
            Alarm(
                dedup_key=view.dedup_key,
                rule=view.rule,
                subject=view.subject,
                title=view.title,
                priority=view.priority,
                category=view.category,
                state=view.phase,
                raised_at=moment(view.raised_ns),
                count=view.count,
            )
            for view in self._engine.active_alarms()
        ]

    def doors(self) -> Sequence[Door]:
        """See `Backend.doors`."""
        return [self._door(view) for view in self._acting.door_views()]

    def door(self, door: str) -> Door | None:
        """See `Backend.door`."""
        return next((self._door(view) for view in self._acting.door_views() if view.id == door), None)

    # --- acting ---------------------------------------------------------------------------------------------------

    async def command(self, command: Command) -> Outcome:
        """See `Backend.command`."""
        return await self._acting.desk.submit(command)

    async def import_credentials(
        self, body: bytes, content_type: str, mode: ImportMode, *, dry_run: bool
    ) -> Mapping[str, Any]:
        """See `Backend.import_credentials`."""
        return await self._acting.keeper.import_(body, content_type, full=mode == "full", dry_run=dry_run)

    async def put_credential(self, credential: CredentialPut) -> bool:
        """See `Backend.put_credential`."""
        return await self._acting.keeper.put(
            Fields(
                kind=credential.kind,
                number=credential.number,
                holder=credential.holder,
                name=credential.name,
                groups=credential.groups,
                valid_from_ns=None if credential.valid_from is None else wall_ns(credential.valid_from),
                valid_until_ns=None if credential.valid_until is None else wall_ns(credential.valid_until),
                pin=credential.pin,
                duress_pin=credential.duress_pin,
                duress=credential.duress,
            )
        )

    async def revoke(self, kind: str, number: str) -> bool:
        """See `Backend.revoke`."""
        return await self._acting.keeper.revoke(kind, number)

    def credentials_summary(self) -> CredentialSummary:
        """See `Backend.credentials_summary`."""
        book = self._acting.book
        return CredentialSummary(len(book), book.version)

    def audit(self, event: Event) -> None:
        """See `Backend.audit`."""
        self._pipeline.apply(Changes((event,)))

    # --- records --------------------------------------------------------------------------------------------------

    async def events(self, after_seq: int, lanes: AbstractSet[Lane], limit: int) -> Sequence[Record]:
        """See `Backend.events`."""
        last = self._store.last_seq  # a commit between two lanes must not show its later record without its earlier one
        found: list[Record] = []
        for lane in sorted(lanes):
            found += [record for record in await self._store.fetch(lane, after_seq, limit) if record.seq <= last]
        found.sort(key=lambda record: record.seq)
        return found[:limit]

    def subscribe(self, heard: Heard) -> Callable[[], None]:
        """See `Backend.subscribe`."""
        key = object()
        if not self._news:
            self._told = self._store.last_seq
        self._news[key] = heard

        def end() -> None:
            self._news.pop(key, None)

        return end

    def _committed(self) -> None:
        if not self._news:
            return
        self._again = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell(), name="api-news")

    async def _tell(self) -> None:
        while self._again and self._news:
            self._again = False
            try:
                records = await self.events(self._told, frozenset(Lane), NEWS_MOST)
            except StoreError:
                return  # the store's own trouble is told elsewhere; subscribers see the hole in seq
            if records:
                self._told = records[-1].seq
                self._again = self._again or len(records) == NEWS_MOST
                for heard in tuple(self._news.values()):
                    heard(records)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _hear(self, device: str, decoded: Decoded, at: Instant) -> None:
        if secret := self._secret.get(device):
            decoded = blotted(decoded, secret)
        last = self._last[device]
        for reading in decoded.readings:
            known = last.get(reading.point)
            if known is None or not older(reading, known[0]):
                last[reading.point] = (reading, at)

    def _device(self, view: PresenceView) -> Device:
        plan = self._plan.devices[view.device]
        return Device(
            id=plan.id,
            name=plan.name,
            link=plan.link,
            profile=plan.profile,
            labels=dict(plan.labels),
            presence=view.status,  # type: ignore[arg-type]  # one of the three words, as rules.presence names them
            since=moment(view.since_ns) if view.since_ns else None,
            commands=self._commands[view.device],
        )

    def _door(self, view: DoorView) -> Door:
        plan = self._plan.doors[view.id]
        return Door(
            id=view.id,
            name=view.name,
            labels=dict(plan.labels),
            groups=plan.groups,
            state=view.state,
            is_open=view.is_open,
            released=view.state == "released",
            released_by=view.released_by,
            confirmed=view.confirmed,
            fire=view.fire,
            locked_out=view.locked_out,
            lost=view.lost,
            tampered=view.tampered,
        )


def _commands(plan: SitePlan, device: DevicePlan) -> tuple[DeviceCommand, ...]:
    return tuple(_command(name, spec) for name, spec in plan.profiles[device.profile].commands.items())


def _command(name: str, spec: CommandSpec) -> DeviceCommand:
    return DeviceCommand(name, spec.description, {name: _argument(arg) for name, arg in spec.args.items()})


def _argument(arg: Arg) -> Argument:
    return Argument(
        type=arg.type,
        required=arg.default is None,
        description=arg.description,
        min=arg.min,
        max=arg.max,
        max_length=arg.max_length if arg.type == "str" else None,
        choices=arg.choices,
        default=arg.default,
    )
