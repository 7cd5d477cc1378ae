"""Single key presses from a terminal, without Enter and without echo, given back as it was.

Owns: the terminal's mode.
Must not know: what a key does.
"""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pressed(take: Callable[[str], None]) -> Iterator[None]:
    """While open, `take` is called on the running event loop for every key. Does nothing where stdin is no terminal.

    Ctrl-C stays a signal; the mode is restored however the block ends.
    """
    if not sys.stdin.isatty():
        yield
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(fd, 64)
        if not data:  # the terminal is gone
            loop.remove_reader(fd)
        for key in data.decode("ascii", "ignore"):
            take(key)

    try:
        tty.setcbreak(fd)
        loop.add_reader(fd, read)
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
