"""Children: ready lines, answers, restarts, ends. Real processes, no sockets."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from edgegw.demo.children import Child, DemoError

ECHO = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps({"heard": line.strip()}), flush=True)
"""
STUBBORN = (
    "import signal, time, json; signal.signal(15, signal.SIG_IGN); print(json.dumps({}), flush=True); time.sleep(60)"
)


def child(folder: Path, code: str, **more: object) -> Child:
    return Child("echo", [sys.executable, "-c", code], folder=folder, **more)  # type: ignore[arg-type]


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_a_child_gets_ready_answers_and_ends(tmp_path: Path) -> None:
    echo = child(tmp_path, ECHO)
    await echo.start()
    assert echo.ready == {"ready": True}
    assert await echo.ask("leak") == {"heard": "leak"}
    assert await echo.stop() == -signal.SIGTERM
    assert not echo.alive
    assert await echo.ask("leak") is None


async def test_a_child_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DemoError) as raised:
        await child(tmp_path, "import sys; sys.exit('error: port 5 is in use')").start()
    assert raised.value.detail == "echo did not start: port 5 is in use"


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = child(tmp_path, STUBBORN, stop_within_s=0.1)
    await stubborn.start()
    assert await stubborn.stop() == -signal.SIGKILL


async def test_a_child_that_dies_is_started_again_and_a_pulled_plug_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    echo = child(tmp_path, ECHO, on_change=lambda _name, what: told.append(what))
    await echo.start()
    keeper = asyncio.create_task(echo.keep())
    first = echo.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: echo.restarts == 1 and told[-1] == "started again")
    assert echo.alive
    assert echo.pid != first
    for _ in range(3):
        await echo.stop(now=True)
        await echo.start()
    await echo.stop(now=True)
    assert (echo.alive, echo.restarts, told) == (False, 1, ["died (-9)", "started again"])
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, pathlib, time
from edgegw.demo.children import Child
async def main():
    child = Child("x", ["sleep", "60"], folder=pathlib.Path({str(tmp_path)!r}), speaks=False)
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        grandchild = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait(10)
    gone, _ = psutil.wait_procs([grandchild], timeout=10)
    assert gone or grandchild.status() == psutil.STATUS_ZOMBIE
