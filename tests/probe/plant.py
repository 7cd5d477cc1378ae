"""Simulated lines in a thread of their own, for commands that run an event loop themselves."""

import asyncio
import threading
from contextlib import contextmanager


@contextmanager
def in_thread(make):
    """`make()` gives a simulator with `start` and `stop`; it runs while the block does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    async def made():
        thing = make()
        await thing.start()
        return thing

    try:
        thing = call(made())
        try:
            yield thing
        finally:
            call(thing.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
