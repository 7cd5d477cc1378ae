"""What happens in the community: scenes in a loop, the first within two seconds of the start.

Owns: what happens when, and the slow life in between.
Must not know: protocols. It speaks to a `Town`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

LOOP_S = 45.0
"""Length of the story; every alarm of it has cleared before it comes again."""

LIFE_EVERY_S = 2.0
"""How often sensors report and meters move in between."""


class Town(Protocol):
    """What can happen. Every method returns when the world has changed, not when anybody noticed."""

    async def leak(self) -> None:
        """Water on the floor for a second, reported as true, true, false, false (a captured bounce)."""
        ...

    async def dry(self) -> None:
        """The floor is dry, and the sensor says so: a story may end in the middle of a leak."""
        ...

    async def door(self, *, is_open: bool) -> None:
        """The unit door's contact."""
        ...

    async def smoke(self, *, present: bool) -> None:
        """The corridor's smoke detector."""
        ...

    async def heat(self, *, hot: bool) -> None:
        """The power room's temperature."""
        ...

    async def flood(self, *, high: bool) -> None:
        """The sump's level."""
        ...

    async def lift(self, *, fault: bool) -> None:
        """The lift controller's dry contact on the input module."""
        ...

    async def card(self) -> None:
        """A resident holds a card at the reader for half a second."""
        ...

    async def code(self) -> None:
        """A visitor shows a QR code."""
        ...

    async def mute(self, *, silent: bool) -> None:
        """A meter stops answering."""
        ...

    async def life(self) -> None:
        """Two seconds of ordinary life: small changes everywhere."""
        ...


class Scene(Struct, frozen=True):
    """What happens `at_s` after the loop's beginning."""

    at_s: float
    name: str
    act: Callable[[Town], Awaitable[None]]


SCENES: tuple[Scene, ...] = (
    Scene(1.0, "leak", lambda town: town.leak()),
    Scene(3.0, "card", lambda town: town.card()),
    Scene(4.0, "door-opens", lambda town: town.door(is_open=True)),
    Scene(5.0, "power-room-hot", lambda town: town.heat(hot=True)),
    Scene(6.0, "code", lambda town: town.code()),
    Scene(8.0, "meter-silent", lambda town: town.mute(silent=True)),
    Scene(12.0, "door-closes", lambda town: town.door(is_open=False)),
    Scene(14.0, "sump-high", lambda town: town.flood(high=True)),
    Scene(16.0, "power-room-cool", lambda town: town.heat(hot=False)),
    Scene(18.0, "smoke", lambda town: town.smoke(present=True)),
    Scene(19.0, "meter-answers", lambda town: town.mute(silent=False)),
    Scene(20.0, "lift-fault", lambda town: town.lift(fault=True)),
    Scene(22.0, "smoke-gone", lambda town: town.smoke(present=False)),
    Scene(23.0, "sump-low", lambda town: town.flood(high=False)),
    Scene(25.0, "lift-well", lambda town: town.lift(fault=False)),
    Scene(30.0, "card", lambda town: town.card()),
    Scene(33.0, "leak", lambda town: town.leak()),
)
"""One loop, in order of time."""


async def calm(town: Town) -> None:
    """Everything as it should be."""
    await town.dry()
    await town.door(is_open=False)
    await town.smoke(present=False)
    await town.heat(hot=False)
    await town.flood(high=False)
    await town.lift(fault=False)
    await town.mute(silent=False)


async def play(town: Town, told: Callable[[str], None]) -> None:
    """Play the loop until cancelled. `told`: called with the name of every scene that was played."""
    while True:
        began = time.monotonic()
        for scene in SCENES:
            await asyncio.sleep(began + scene.at_s - time.monotonic())
            await scene.act(town)
            told(scene.name)
        await asyncio.sleep(began + LOOP_S - time.monotonic())


async def live(town: Town) -> None:
    """Ordinary life until cancelled."""
    while True:
        await town.life()
        await asyncio.sleep(LIFE_EVERY_S)
