"""The course of a demo: set up, shown or waited for, drained, summed up, cleared away.

Owns: the folder, signals, keys, the order of the end, what is printed.
Must not know: how processes are started (stage), looked at (watch) or judged (sums).
"""

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from edgegw.demo import sums
from edgegw.demo.children import DemoError
from edgegw.demo.keys import pressed
from edgegw.demo.stage import PLUGS, Stage
from edgegw.demo.view import View
from edgegw.demo.watch import Watch
from edgegw.demo.words import Words

LOOK_EVERY_S = 0.5
"""How often everyone is asked and the screen drawn: often enough to see a plug pulled, a percent of a core."""

LINES_EVERY_S = 5.0
"""How often plain lines are printed where stdout is no terminal."""

READY_WITHIN_S = 30.0
"""Start of the gateway to /readyz; a second and a half by its own promise, more on a busy machine."""

LINKS_WITHIN_S = 5.0
"""Ready to all links up; then the story begins, so that nothing is said before anybody listens."""

CALM_WITHIN_S = 12.0
"""After the sources fell quiet: until no alarm is active (debounce 5 s, a poll group 5 s)."""

STAFF_WITHIN_S = 10.0
"""Until the desk's staff, told to hurry, has closed every ticket; those of alarms that went on stay open."""

HEARD_WITHIN_S = 5.0
"""Until the gateway has kept what became of its tickets; it asks every second."""

DRAIN_WITHIN_S = 15.0
"""Until nothing waits for the upstreams; then the gateway gets its SIGTERM and drains under its own deadline."""

Print = Callable[[str], None]
"""Takes a line (or several) for stdout or stderr."""

EXIT_OK, EXIT_LOST, EXIT_FORCED = 0, 1, 130

TICKET_SUMS = {
    "opened": "opened",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "closed": "closed",
    "missed": "unacknowledged",
}
"""The summary's words → the desk's. At the end, what nobody has acknowledged is missed, be it due already or not."""

TALE = {
    "m": ("mute", "a meter falls silent"),
    "l": ("leak", "water on the floor"),
}
"""Keys of what the community can be asked to do, and what is said."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says. `seconds`: None to run until told to end; `keep`: a folder to keep everything in."""

    seconds: float | None = None
    as_json: bool = False
    keep: Path | None = None
    port: int = 0
    language: str = "zh-CN"
    broker: str = "auto"


@contextlib.contextmanager
def folder_for(keep: Path | None) -> Iterator[Path]:
    """The demo's folder: a temporary one that is removed, or the one to keep. Raises DemoError if it cannot be written."""
    if keep is None:
        try:
            made = Path(tempfile.mkdtemp(prefix="edgegw-demo-"))
        except OSError as error:
            raise DemoError("folder", f"no temporary folder: {error.strerror}") from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise DemoError("folder", f"{keep} is not empty; --keep wants a new or empty folder")
        (keep / ".write").touch()
        (keep / ".write").unlink()
    except OSError as error:
        raise DemoError("folder", f"cannot write to {keep}: {str(error.strerror).lower()}") from error
    yield keep.resolve()


class Play:
    """One demo. `out`, `err`: where lines for a person go."""

    def __init__(self, options: Options, folder: Path, *, out: Print, err: Print) -> None:
        self._out = out
        self._err = err
        self._main: asyncio.Task[object] | None = None
        self._options = options
        self._folder = folder
        self._words = Words(options.language)
        self.stage = Stage(folder, language=options.language, port=options.port, broker=options.broker, say=self._say)
        self.watch = Watch(self.stage)
        self._end = asyncio.Event()
        self._pulls: set[asyncio.Task[None]] = set()
        self._forced = False

    def _say(self, name: str, text: str) -> None:
        line = f"{self._words(name)}: {self._words(text)}"
        self.watch.notices.append((time.monotonic() - self.watch.began_s, line))
        if not self._live:
            self._err(line)

    @property
    def _live(self) -> bool:
        return not self._options.as_json and self._options.seconds is None and sys.stdout.isatty()

    def _signal(self) -> None:
        if self._end.is_set():  # the second Ctrl-C: no more manners
            self.stage.kill()
            if self._options.keep is None:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._forced = True
            if self._main is not None:
                self._main.cancel()
        self._end.set()

    async def run(self) -> int:
        """From the first process to the last. Returns the exit code; raises DemoError when it cannot start."""
        self._main = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signal)
        try:
            opened = asyncio.create_task(self._open(), name="open")
            ended = asyncio.create_task(self._end.wait(), name="wait for the end")
            await asyncio.wait({opened, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not opened.done():
                self.stage.kill()
                opened.cancel()
                await asyncio.gather(opened, return_exceptions=True)
                return EXIT_FORCED
            await opened
            await self._show()
            return await self._finish()
        except asyncio.CancelledError:
            if not self._forced:
                raise
            return EXIT_FORCED
        except DemoError:
            self.stage.kill()
            raise
        finally:
            for pull in self._pulls:
                pull.cancel()
            await self.stage.close()
            await self.watch.stop()

    async def _open(self) -> None:
        await self.stage.open()
        self.watch.begin()
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self.watch.ready():
            if not self.stage.gateway.alive and self.stage.gateway.restarts == 0:
                raise DemoError(
                    "child", f"gateway did not start: {self.stage.gateway.last_words() or 'it ended at once'}"
                )
            if time.monotonic() > deadline:
                raise DemoError(
                    "child", f"gateway is not ready after {READY_WITHIN_S:g} s: {self.stage.gateway.last_words()}"
                )
            await asyncio.sleep(0.05)
        await self._until(lambda: all(link.up for link in self.watch.links()), LINKS_WITHIN_S)
        self.watch.began_s = time.monotonic()
        await self.stage.begin()

    # --- while it plays -------------------------------------------------------------------------------------------------

    async def _show(self) -> None:
        if not self._live:
            await self._lines()
            return
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second that only a person's screen needs
        from rich.live import Live  # noqa: PLC0415

        from edgegw.demo.screen import draw  # noqa: PLC0415

        console = Console()
        with pressed(self._key), Live(console=console, screen=True, auto_refresh=False) as live:
            while not self._end.is_set():
                await self.watch.look()
                live.update(
                    draw(self.watch.view(), self._words, width=console.width, height=console.height), refresh=True
                )
                await self._pause(LOOK_EVERY_S)

    async def _lines(self) -> None:
        options = self._options
        until = time.monotonic() + options.seconds if options.seconds is not None else float("inf")
        if not options.as_json:
            for name, address in self.watch.view().addresses:
                self._out(f"{self._words(name)}: {address}")
        printed = time.monotonic()
        while not self._end.is_set() and (left := until - time.monotonic()) > 0:
            await self.watch.look()
            if not options.as_json and time.monotonic() - printed >= LINES_EVERY_S:
                printed = time.monotonic()
                self._out(line(self.watch.view(), self._words))
            await self._pause(min(LOOK_EVERY_S, left))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()

    def _key(self, key: str) -> None:
        if key in {"q", "\x04"}:
            self._end.set()
        elif key in PLUGS or key in TALE:
            task = asyncio.get_running_loop().create_task(self._act(key), name=f"key {key}")
            self._pulls.add(task)
            task.add_done_callback(self._pulls.discard)

    async def _act(self, key: str) -> None:
        if key in PLUGS:
            try:
                await self.stage.pull(key)
            except DemoError as error:
                self._say(PLUGS[key], error.detail)
            return
        command, text = TALE[key]
        answer = await self.stage.community.ask(command)
        if answer is None:
            text = "the community does not answer"
        elif answer.get("mute") is False:
            text = "the meter answers again"
        self._say("community", text)

    # --- the end --------------------------------------------------------------------------------------------------------

    async def _finish(self) -> int:
        duration_s = time.monotonic() - self.watch.began_s
        if not self._options.as_json:
            self._out(self._words("sources first: the community falls quiet, the gateway delivers what it holds …"))
        await self.stage.plug_in()
        report = await self.stage.community.ask("finish")
        await self._until(lambda: not self.watch.observer.active, CALM_WITHIN_S)
        await self._until(
            lambda: not any(n for lanes in self.watch.depth().values() for n in lanes.values()), DRAIN_WITHIN_S
        )
        await self.watch.hurry()
        await self._until(lambda: not self.watch.stat("at_work"), STAFF_WITHIN_S)
        await self._until(lambda: not self.watch.stat("unheard"), HEARD_WITHIN_S)
        summary = await self._sum_up(report, duration_s)
        if self._options.as_json:
            self._out(json.dumps(msgspec.to_builtins(summary), ensure_ascii=False))
        else:
            self._out("\n".join(sums.plain(summary, self._words)))
            lost = "records were lost" if summary.records.lost else "nothing was lost"
            self._out(self._words(lost if summary.records.committed else "nothing moved"))
        return EXIT_OK if summary.ok else EXIT_LOST

    async def _until(self, done: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            await self.watch.look()
            if done():
                return
            await asyncio.sleep(LOOK_EVERY_S / 2)

    async def _sum_up(self, report: dict[str, object] | None, duration_s: float) -> sums.Summary:
        watch, stage = self.watch, self.stage
        mqtt = [name for name, link in stage.cast.links.items() if link.get("kind") == "mqtt"]
        await watch.look()
        links = {x.name: sums.LinkSum(x.kind, x.messages, x.readings) for x in watch.links()}
        await stage.gateway.stop()
        store = await watch.store_stats()
        await self._until(lambda: watch.observer.arrivals.unique >= (watch.stat("events") or 0), DRAIN_WITHIN_S)
        sent = report.get("sent") if report else None
        records, problems = sums.judge(
            sums.Witnesses(
                committed=None if store is None else store.committed,
                waiting=0 if store is None else store.waiting,
                refused=int(watch.counters.total("edgegw_upstream_rejected_total", upstream="desk")),
                shed=0 if store is None else store.shed,
                desk=watch.stat("events"),
                seen=watch.observer.arrivals.unique,
                sent={str(k): int(v) for k, v in sent.items()} if isinstance(sent, dict) else None,
                mqtt_taken=sum(links[name].messages for name in mqtt) if watch.counters.exact else None,
            )
        )
        seen = watch.observer
        return sums.Summary(
            links=links,
            alarms={"raised": seen.by_type["edgegw.alarm.raised"], "cleared": seen.by_type["edgegw.alarm.cleared"]},
            tickets={name: watch.stat(said) or 0 for name, said in TICKET_SUMS.items()},
            responses=watch.responses(),
            records=msgspec.structs.replace(records, repeated=watch.stat("duplicates") or 0),
            sent={str(k): int(v) for k, v in sent.items()} if isinstance(sent, dict) else {},
            restarts={child.name: child.restarts for child in stage.children},
            duration_s=round(duration_s, 1),
            ok=not problems,
            problems=problems,
        )


def line(view: View, words: Words) -> str:
    """One plain line for a log."""
    event = view.responses.get("event")
    p99 = f" p99 {event.p99_ms:.1f} ms" if event and event.p99_ms is not None else ""
    waiting = sum(n for lanes in view.depth.values() for n in lanes.values())
    up = sum(link.up for link in view.links)
    return (
        f"{view.elapsed_s:6.1f} {words('s')}  {words('link')} {up}/{len(view.links)}  "
        f"{words('active alarms')} {len(view.alarms)}  {words('tickets')} {view.opened}/{view.acknowledged}/{view.closed}  "
        f"{words('committed')} {view.committed}  {words('accepted')} {view.accepted}  {words('waiting')} {waiting}"
        f"  {words('response')}{p99}"
    )


def run(options: Options, *, out: Print, err: Print) -> int:
    """Play one demo and clear it away. Returns the exit code; raises DemoError when it cannot start."""
    with folder_for(options.keep) as folder:
        return asyncio.run(_run(options, folder, out, err))


async def _run(options: Options, folder: Path, out: Print, err: Print) -> int:
    return await Play(options, folder, out=out, err=err).run()
