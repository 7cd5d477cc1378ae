"""Imports that cost too much for the start or the event loop, done in a thread when they are needed.

Owns: that it is one at a time. Must not know: what is imported, and why.

Two threads that import the same package of circularly dependent modules (aiohttp is one) may each hold a module the other waits
for. Python then breaks the knot by handing out a half-made module, and one of them fails with an ImportError or KeyError.
"""

import asyncio
import importlib
import threading

_one_at_a_time = threading.Lock()


async def load(*modules: str) -> None:
    """Import modules by their full names; the loop goes on meanwhile. Raises ImportError."""
    await asyncio.to_thread(_load, modules)


def _load(modules: tuple[str, ...]) -> None:
    with _one_at_a_time:
        for module in modules:
            importlib.import_module(module)
