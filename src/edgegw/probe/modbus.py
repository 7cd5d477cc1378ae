"""Asking a Modbus line who is there, and each unit what tells profiles apart. Only functions 1 to 4 are ever sent.

Owns: the scan on a real connection: settings, units, garbled answers, devices that answer to every unit.
Must not know: what answers mean (identify), in which order units and blocks come (plan), how results look.

What was found so far stays in `found` whenever the scan is cancelled: a unit is identified as soon as it is heard.
"""

import gc
import termios
from collections.abc import Callable, Mapping, Sequence

from edgegw.clock import Clock
from edgegw.codec.modbus import READ_FUNCTIONS
from edgegw.config.lines import ModbusConfig
from edgegw.config.schema import ModbusRtuLink, ModbusTcpLink
from edgegw.errors import LinkError
from edgegw.links.bus import BAD_FRAME, EXCEPTION
from edgegw.links.orders import UNIT_GONE
from edgegw.links.request import ORDER_NO, Request
from edgegw.links.transport import PymodbusTransport
from edgegw.probe.found import Found
from edgegw.probe.identify import Answer, Ask, Reply, answer_to, rank
from edgegw.probe.plan import LIFE, READ_TIMEOUT_S, SECOND_LIFE, SILENT_MOST, Setting, reads
from edgegw.profiles.schema import Profile

Tell = Callable[[str, int, int], None]
"""Progress: what is being done, how many of how many are."""

TRIES = 3
"""How often a unit that answers with garbage is asked."""

STRANGE_UNITS = (247, 246, 201)
"""Who answers to all of these on Modbus TCP has no units behind it."""

CANNOT_SET = frozenset({"settings", "open-failed"})
"""`LinkError.reason` where a port that is there and free refuses a baud or a parity."""

LOST_MOST = 5
"""Lost connections in a row after which a TCP device is left alone."""


class ModbusProbe:
    """One scan of one line.

    Args:
        settings: those of the serial line to be tried, in order; one None where there is nothing to set.
        timeout_s: wait for a unit's first answer to begin, beyond the wire's own time; read_timeout_s: for those after it.
        every: go on to the next setting though units were found.

    Attributes:
        found: in the order they were heard. notes: what else a person should know.
    """

    def __init__(
        self,
        config: ModbusConfig,
        profiles: Mapping[str, Profile],
        *,
        settings: Sequence[Setting | None],
        units: Sequence[int],
        timeout_s: float,
        every: bool,
        read_timeout_s: float = READ_TIMEOUT_S,
        clock: Clock,
        tell: Tell,
    ) -> None:
        self.found: list[Found] = []
        self.notes: list[str] = []
        self._config = config
        self._profiles = profiles
        self._settings = settings
        self._units = tuple(units)
        self._timeout_s = timeout_s
        self._read_timeout_s = read_timeout_s
        self._every = every
        self._clock = clock
        self._tell = tell
        self._reads = reads(profiles)
        self._tcp = isinstance(config, ModbusTcpLink)
        self._lost = 0
        self._cannot: set[Setting] = set()

    async def run(self) -> None:
        """Scan. Raises LinkError when the line cannot be opened, or is lost for good; `found` then holds what came before."""
        for setting in self._settings:
            if await self._scan(setting, LIFE) and not self._every:
                return
        if not self.found:
            for setting in self._settings:
                if await self._scan(setting, SECOND_LIFE) and not self._every:
                    return

    async def _scan(self, setting: Setting | None, life: Ask) -> int:
        """All units at one setting. Returns how many are there."""
        transport = PymodbusTransport(self._set(setting), self._clock)
        before = len(self.found)
        garbled: list[int] = []
        try:
            await self._open(transport)
            units = await self._narrowed(transport)
            silent = await self._pass(transport, setting, units, life, garbled)
            if len(self.found) > before and life == LIFE:
                await self._pass(transport, setting, silent, SECOND_LIFE, garbled)
        except LinkError as error:
            self._refused(setting, error)
        finally:
            await transport.close()
            if setting in self._cannot:
                gc.collect()  # what failed while it was being set up holds the port, and its lock, until then
            self._note(setting, garbled, transport.late_replies)
        return len(self.found) - before

    async def _pass(
        self,
        transport: PymodbusTransport,
        setting: Setting | None,
        units: Sequence[int],
        life: Ask,
        garbled: list[int],
    ) -> list[int]:
        """Ask each unit whether it is there; who is, is identified. Returns the silent ones."""
        silent: list[int] = []
        for number, unit in enumerate(units):
            self._tell(f"{setting or 'unit'}: unit {unit}", number, len(units))
            answer = await self._life(transport, unit, life)
            if answer is Reply.GARBLED:
                if unit not in garbled:
                    garbled.append(unit)
            elif answer is Reply.SILENT:
                silent.append(unit)
            else:
                await self._identify(transport, setting, unit, {life: answer})
        self._tell(f"{setting or 'units'}: all asked", len(units), len(units))
        return silent

    async def _life(self, transport: PymodbusTransport, unit: int, ask: Ask) -> Answer:
        """The answer, a gateway's "nobody there" as silence; garbage is asked again."""
        answer: Answer = Reply.SILENT
        for _ in range(TRIES):
            answer = await self._ask(transport, unit, ask, self._timeout_s)
            if isinstance(answer, int) and answer in UNIT_GONE:
                return Reply.SILENT
            if answer is not Reply.GARBLED:
                break
            await transport.recover(0, ambiguous=True)
        return answer

    async def _identify(
        self, transport: PymodbusTransport, setting: Setting | None, unit: int, answers: dict[Ask, Answer]
    ) -> None:
        left = dict.fromkeys(READ_FUNCTIONS, SILENT_MOST)
        for number, ask in enumerate(self._reads):
            if answer_to(answers, ask) is not None:
                continue
            if left[ask.table] <= 0:
                answers[ask] = Reply.SILENT
                continue
            self._tell(f"unit {unit} is there: what is it?", number, len(self._reads))
            answers[ask] = answer = await self._ask(transport, unit, ask, self._read_timeout_s)
            if isinstance(answer, Reply):
                left[ask.table] -= 1
                # An answer that comes late must not be taken for the next block's.
                await transport.recover(1, ambiguous=True)
        where = "" if setting is None else str(setting)
        self.found.append(Found("modbus", unit, where, rank(answers, self._profiles)))

    async def _narrowed(self, transport: PymodbusTransport) -> Sequence[int]:
        """A TCP device without units behind it answers to any: then one is enough."""
        if not self._tcp or len(self._units) <= len(STRANGE_UNITS):
            return self._units
        for unit in STRANGE_UNITS:
            if isinstance(await self._life(transport, unit, LIFE), Reply):
                return self._units
        self.notes.append(f"the device answers to every unit: only unit {self._units[0]} is looked at")
        return self._units[:1]

    async def _ask(self, transport: PymodbusTransport, unit: int, ask: Ask, timeout_s: float) -> Answer:
        request = Request("", unit, ask.table, ask.address, ask.count, timeout_s, 0.0, 0, ORDER_NO)
        try:
            answer = await transport.ask(request)
            await transport.idle(transport.gap_s)
        except LinkError:
            self._lost += 1
            if isinstance(self._config, ModbusRtuLink) or self._lost >= LOST_MOST:
                raise
            await transport.open()  # gateways hang up rather than say that nobody answered
            return Reply.SILENT
        self._lost = 0
        if answer.words is not None:
            return answer.words
        if answer.reason == EXCEPTION:
            return answer.code
        return Reply.GARBLED if answer.reason == BAD_FRAME else Reply.SILENT

    async def _open(self, transport: PymodbusTransport) -> None:
        """Open it, and let a port that has no such setting be one that cannot be opened with it."""
        try:
            await transport.open()
        except termios.error as error:
            raise LinkError("settings", str(error.args[-1])) from error

    def _refused(self, setting: Setting | None, error: LinkError) -> None:
        """A port may not do one setting; one that does none cannot be opened. Raises what is no such matter."""
        if setting is None or error.reason not in CANNOT_SET:
            raise error
        self._cannot.add(setting)
        if self._cannot >= {*self._settings}:
            raise error
        note = f"the port cannot be set to {setting}"
        if note not in self.notes:
            self.notes.append(note)

    def _set(self, setting: Setting | None) -> ModbusConfig:
        if setting is None or isinstance(self._config, ModbusTcpLink):
            return self._config
        return self._config.model_copy(update={"baud": setting.baud, "format": setting.format})

    def _note(self, setting: Setting | None, garbled: Sequence[int], late: int) -> None:
        at = "" if setting is None else f" at {setting}"
        if garbled:
            named = ", ".join(map(str, garbled[:8])) + (" …" if len(garbled) > 8 else "")
            self.notes.append(
                f"garbage was heard{at} when unit {named} was asked: two devices with one address, another baud or "
                "parity, or a bad line"
            )
        if late:
            self.notes.append(
                f"{late} answers came late{at}, after {self._timeout_s:g} s: a device is slower; give it time with --timeout"
            )
