"""One child process: started, spoken to in JSON lines, kept alive, ended; never left behind.

Owns: process groups, the parent-death signal, the ready line, the log file, restarts.
Must not know: what the program does.

A child dies with the demo even if that is killed: the kernel sends it SIGKILL when our main thread ends (prctl(2), Linux only).
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgegw.errors import EdgegwError

READY_WITHIN_S = 20.0
"""Start to ready line: a tenth of a second each on an idle machine, seconds when two cores compile something else."""

STOP_WITHIN_S = 5.0
"""SIGTERM to exit; then SIGKILL. The gateway gets longer, it drains."""

ANSWER_WITHIN_S = 5.0
"""A child's answer to a line on its stdin."""

RESTART_FIRST_S = 0.3
RESTART_MOST_S = 5.0
"""Pause before a child that died by itself is started again: doubled each time, forgotten once it lived for a minute."""

LINE_LIMIT = 1 << 20
"""Bytes in one line from a child: a report of a hundred devices is 20 KiB."""

LOG_LIMIT = 8 << 20
"""Bytes of a child's log file; beyond, it is begun again. A demo may run for days in a lobby."""

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


class DemoError(EdgegwError):
    """The demo could not start or go on; `detail` is one line for the person who typed the command."""


def _die_with_parent() -> Callable[[], None] | None:
    """What a child runs between fork and exec. The C library is opened here, before the fork; None where there is no prctl."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def run() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call: nothing would ever come
            os._exit(1)

    return run


class Child:
    """A program that is to run. Not started by construction.

    Args:
        name: short, for the screen and the log file's name.
        argv: command line.
        folder: where ``<name>.log`` (its stderr) goes.
        speaks: whether it prints one JSON line when it is ready and answers lines on stdin with JSON lines.
        on_change: told its name and what happened when it died by itself and when it runs again.
        stop_within_s: SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        folder: Path,
        speaks: bool = True,
        env: Mapping[str, str] | None = None,
        on_change: Callable[[str, str], None] = lambda _name, _what: None,
        stop_within_s: float = STOP_WITHIN_S,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = folder / f"{name}.log"
        self.restarts = 0
        """Deaths by itself that were answered with a new start; pulled plugs are not counted."""
        self.wanted = False
        """Whether it should be running; a pulled plug sets it to False."""
        self.ready: dict[str, object] = {}
        """The ready line of the present life."""
        self._speaks = speaks
        self._env = dict(env) if env is not None else None
        self._on_change = on_change
        self._stop_within = stop_within_s
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._asking = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Of the present or last life."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start it and wait for its ready line. Raises DemoError with the last line of its log when it does not come up."""
        async with self._turn:
            if self.alive:
                return
            self.wanted = True
            await self._start()

    async def _start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv,
                stdin=PIPE if self._speaks else DEVNULL,
                stdout=PIPE if self._speaks else log,
                stderr=log,
                env=self._env,
                limit=LINE_LIMIT,
                start_new_session=True,  # a terminal's Ctrl-C must reach only us: we end the others in order
                preexec_fn=_die_with_parent(),
            )
        if not self._speaks:
            return
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                self.ready = await self._line()
        except (EOFError, TimeoutError, ValueError) as error:
            await self._end(signal.SIGKILL)
            if not self.wanted:
                return  # its plug was pulled while it started
            why = self.last_words() or ("did not get ready" if isinstance(error, TimeoutError) else "ended at once")
            raise DemoError("child", f"{self.name} did not start: {why}") from error

    async def _line(self) -> dict[str, object]:
        process = self._process
        if process is None or process.stdout is None:
            raise EOFError
        while line := await process.stdout.readline():
            if line.lstrip().startswith(b"{"):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return answer
        raise EOFError

    async def ask(self, line: str) -> dict[str, object] | None:
        """Write a line to its stdin and return the JSON object it answers with; None if it is down or does not answer."""
        async with self._asking:
            process = self._process
            if not self._speaks or process is None or process.returncode is not None or process.stdin is None:
                return None
            try:
                process.stdin.write(line.encode() + b"\n")
                await process.stdin.drain()
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    return await self._line()
            except (OSError, EOFError, TimeoutError, ValueError):
                return None

    async def stop(self, *, now: bool = False) -> int | None:
        """End it, with SIGTERM and then SIGKILL, or with SIGKILL at once. Returns its exit code (negative: signal)."""
        self.wanted = False
        if now:
            self.kill()  # also one that is just starting, whose turn we would wait for
        async with self._turn:
            return await self._end(signal.SIGKILL if now else signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to its whole group, without waiting."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        try:
            async with asyncio.timeout(self._stop_within):
                await process.wait()
        except TimeoutError:
            self.kill()
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return process.returncode

    async def keep(self) -> None:
        """Start it again whenever it dies by itself, until cancelled. What fails is told to `on_change` and tried again."""
        pause = RESTART_FIRST_S
        while True:
            process = self._process
            if process is None or not self.wanted or self._turn.locked():
                await asyncio.sleep(RESTART_FIRST_S)
                continue
            since = time.monotonic()
            await process.wait()
            if not self.wanted or self._turn.locked() or self._process is not process:
                continue  # somebody ended it, or is starting it, on purpose
            self._trim()
            lived_well = time.monotonic() - since > 60
            pause = RESTART_FIRST_S if lived_well else min(pause * 2, RESTART_MOST_S)
            self._on_change(self.name, f"died ({process.returncode}): {self.last_words()}".rstrip(": "))
            await asyncio.sleep(pause)
            await self._start_again()

    async def _start_again(self) -> None:
        async with self._turn:
            if self.alive or not self.wanted:
                return
            self.restarts += 1
            try:
                await self._start()
            except DemoError as error:
                self._on_change(self.name, error.detail)
            else:
                self._on_change(self.name, "started again")

    def last_words(self) -> str:
        """The last line of its log that says something, without the ``error:`` it may begin with."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 4096))
                tail = log.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return lines[-1].removeprefix("error:").strip()[:300] if lines else ""

    def _trim(self) -> None:
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                os.truncate(self.log, 0)
