"""What a door's devices say, as calls into the core.

Owns: which reading is a card, a contact, a button, a fire input, a tamper contact; what counts as a press.
Must not know: what follows from a step (service).

Stale readings (retained, or of a device that stopped answering) never open anything, and null says nothing: no contact is closed
and no fire is out by it. An exit button opens on a change that was seen: the first reading after a start, a lost link, a silence
or a null only tells how the button stands (promise 8).
"""

from collections.abc import Callable, Iterable, Mapping

from edgegw.access.core import DoorCore
from edgegw.access.decision import Step, presented
from edgegw.doors.wiring import DoorWiring, PointWiring, ReaderWiring
from edgegw.errors import DecodeError
from edgegw.model import Decoded, Instant, Quality, Reading
from edgegw.rules.condition import same

STALE = Quality.STALE

Follow = Callable[[str, Step, Instant, Decoded], object]
"""(door, step, when, the message it comes from): what the service does with a step."""

Use = Callable[[Reading, Decoded, Instant], None]


class Inputs:
    """The readings that matter, by device and point.

    Args:
        key: the site's access key.
        trusted: whether wall time may be believed at that moment.
        follow: carries a step on.
    """

    def __init__(
        self,
        core: DoorCore,
        wirings: Mapping[str, DoorWiring],
        *,
        key: bytes,
        trusted: Callable[[Instant], bool],
        follow: Follow,
    ) -> None:
        self._core = core
        self._wirings = wirings
        self._key = key
        self._trusted = trusted
        self._follow = follow
        self._uses: dict[tuple[str, str], list[Use]] = {}
        self._pressed: dict[str, bool] = {}
        self.ignored = 0
        """Credentials not looked at: stale, or no text."""
        for wiring in wirings.values():
            self._wire(wiring)

    def devices(self) -> frozenset[str]:
        """Every device that matters."""
        return frozenset(device for device, _ in self._uses)

    def heard(self, device: str, decoded: Decoded, at: Instant) -> None:
        """A device's message (`ports.Heard`)."""
        for reading in decoded.readings:
            for use in self._uses.get((device, reading.point), ()):
                use(reading, decoded, at)

    def interrupted(self, devices: Iterable[str]) -> None:
        """These devices were not heard for a while: what their buttons say next is how they stand, not a press."""
        gone = frozenset(devices)
        for door, wiring in self._wirings.items():
            if wiring.exit is not None and wiring.exit.device in gone:
                self._pressed.pop(door, None)

    def _wire(self, wiring: DoorWiring) -> None:
        door = wiring.door
        for reader in wiring.readers:
            self._use(reader.device, reader.point, self._reader(door, reader))
            if reader.tamper is not None:
                self._use(reader.tamper.device, reader.tamper.point, self._tamper(door, reader.device, reader.tamper))
        if wiring.contact is not None:
            self._use(wiring.contact.device, wiring.contact.point, self._contact(door, wiring.contact))
        if wiring.exit is not None:
            self._use(wiring.exit.device, wiring.exit.point, self._exit(door, wiring.exit))
        if wiring.fire is not None:
            self._use(wiring.fire.device, wiring.fire.point, self._fire(door, wiring.fire))

    def _use(self, device: str, point: str, use: Use) -> None:
        self._uses.setdefault((device, point), []).append(use)

    def _reader(self, door: str, reader: ReaderWiring) -> Use:
        def shown(reading: Reading, decoded: Decoded, at: Instant) -> None:
            number = reading.value
            if reading.quality is STALE or isinstance(number, bool | float) or number is None or number == "":
                self.ignored += 1
                return
            try:
                what = presented(self._key, reader.kind, str(number), reader=reader.device, direction=reader.direction)
            except DecodeError:
                self.ignored += 1
                return
            self._follow(door, self._core.present(door, what, at, clock_trusted=self._trusted(at)), at, decoded)

        return shown

    def _contact(self, door: str, point: PointWiring) -> Use:
        def told(reading: Reading, decoded: Decoded, at: Instant) -> None:
            if reading.value is None:
                return
            fresh = reading.quality is not STALE
            step = self._core.contact(door, at, is_open=same(reading.value, point.equals), fresh=fresh)
            self._follow(door, step, at, decoded)

        return told

    def _exit(self, door: str, point: PointWiring) -> Use:
        momentary = isinstance(point.equals, str)  # ``single_push``: a word, not a state; each one is a press

        def told(reading: Reading, decoded: Decoded, at: Instant) -> None:
            if reading.quality is STALE or reading.value is None:
                self._pressed.pop(door, None)
                return
            now = same(reading.value, point.equals)
            before = False if momentary else self._pressed.get(door)
            self._pressed[door] = now
            if now and before is False:
                self._follow(door, self._core.exit_button(door, at), at, decoded)

        return told

    def _fire(self, door: str, point: PointWiring) -> Use:
        def told(reading: Reading, decoded: Decoded, at: Instant) -> None:
            if reading.value is None:
                return
            fresh = reading.quality is not STALE
            step = self._core.fire(door, at, active=same(reading.value, point.equals), fresh=fresh)
            self._follow(door, step, at, decoded)

        return told

    def _tamper(self, door: str, reader: str, point: PointWiring) -> Use:
        def told(reading: Reading, decoded: Decoded, at: Instant) -> None:
            if reading.quality is not STALE and reading.value is not None:
                tamper = same(reading.value, point.equals)
                self._follow(door, self._core.reader(door, reader, at, tamper=tamper), at, decoded)

        return told
