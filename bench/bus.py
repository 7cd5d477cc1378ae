"""An RTU line at 9600 baud with 30 units: polls per second against the wire's own limit, and what a dead unit costs the others.

Owns: the load and the arithmetic of the limit. Must not know: how the gateway polls.

The line is a pty on which simulated slaves answer at the wire's pace, in this same process: the simulator's own work counts
against the gateway. Every unit is due far more often than the line allows. The limit is the sum, per poll, of the characters of
request and reply, the 3.5 characters of silence before each, and the slaves' thinking beyond that (none here).
"""

import asyncio
import itertools
from collections.abc import Callable

from bench.figure import Figure, at_least, at_most
from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuLink
from edgegw.links.modbus import ModbusLink
from edgegw.links.schedule import Poll, UnitPlan
from edgegw.model import Instant, Raw
from edgegw.ports import AckFn
from simulators.modbus import RtuBus
from simulators.slave import Fault, Slave

BAUD = 9600
UNITS = 30
REGISTERS = 10
CHARS = 8 + 5 + 2 * REGISTERS + 2 * 3.5
"""Of one poll: request, reply, silence before each."""

CHAR_S = 10 / BAUD
TIMEOUT_S = 0.3
LATE_S = 0.2
RATIO = 0.9
WARM_UP_S = 2.0


class _Sink:
    """Takes everything; remembers when which unit answered."""

    full = False

    def __init__(self) -> None:
        self.answers: dict[str, list[float]] = {}
        self.silences = 0

    def offer(self, device: str, raw: Raw, at: Instant, ack: AckFn | None = None, token: int = 0) -> None:  # noqa: ARG002  (Sink)
        self.answers.setdefault(device, []).append(at.mono_ns / 1e9)

    async def drain(self) -> None:
        """Nothing is kept, so nothing is waited for (Sink)."""

    def when_room(self, callback: Callable[[], None]) -> None:
        callback()

    def silent(self, device: str, reason: str, at: Instant) -> None:  # noqa: ARG002  (Sink)
        self.silences += 1

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        """Not looked at."""


async def _poll(seconds: float, dead: int | None) -> tuple[float, float, RtuBus, ModbusLink]:
    """Answered polls per second after warming up, the longest a unit waited for its next poll, the line, the link."""
    slaves = [Slave(unit, {"holding": dict.fromkeys(range(REGISTERS), unit)}) for unit in range(1, UNITS + 1)]
    if dead is not None:
        slaves[dead].fault = Fault("silent")
    bus = RtuBus(slaves, baud=BAUD)
    await bus.start()
    sink = _Sink()
    plans = [UnitPlan(f"d{s.unit}", s.unit, (Poll("holding", 0, REGISTERS, 0.1),), TIMEOUT_S) for s in slaves]
    port = ModbusRtuLink.model_validate({"kind": "modbus-rtu", "port": bus.path, "baud": BAUD, "late": f"{LATE_S}s"})
    link = ModbusLink("bus", port, plans, sink=sink, clock=SystemClock())
    task = asyncio.create_task(link.run(lambda: None))
    await asyncio.sleep(WARM_UP_S + seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await bus.stop()
    times = sorted(itertools.chain.from_iterable(sink.answers.values()))
    counted = [at for at in times if at >= times[0] + WARM_UP_S]
    rate = (len(counted) - 1) / (counted[-1] - counted[0])
    worst = max(b - a for one in sink.answers.values() for a, b in itertools.pairwise(one))
    return rate, worst, bus, link


async def _measure(seconds: float) -> list[Figure]:
    limit = 1 / (CHARS * CHAR_S)
    rate, usual_s, bus, link = await _poll(seconds, dead=None)
    _, worst_s, _, sick = await _poll(seconds, dead=UNITS // 2)
    # what one unanswered request takes: its own wire time, the wait, the guard against a late reply
    bound_s = CHARS * CHAR_S + TIMEOUT_S + LATE_S
    return [
        at_least(
            "bus.ratio",
            rate / limit,
            RATIO,
            baud=BAUD,
            units=UNITS,
            registers=REGISTERS,
            seconds=seconds,
            polls_per_s=round(rate, 2),
            limit_per_s=round(limit, 2),
            unanswered=link.errors,
            collisions=bus.line.collisions,
            short_gaps=bus.line.short_gaps,
        ),
        at_most(
            "bus.dead_unit_delay",
            max(0.0, worst_s - usual_s),
            bound_s,
            "s",
            units=UNITS,
            dead=1,
            probes_unanswered=sick.errors,
            longest_wait_s=round(worst_s, 3),
            without_s=round(usual_s, 3),
        ),
    ]


def run(*, quick: bool = False) -> list[Figure]:
    """20 s each (5 s quick): all units alive, then one dead."""
    return asyncio.run(_measure(5.0 if quick else 20.0))
