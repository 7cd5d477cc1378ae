"""Credentials: 100,000 of them imported by the command, imported again changed, and applied by a full synchronisation.

Memory is the growth of a process's highest RSS: of the command against one that imports a single credential; of the
synchronisation against the same process before it. The upstream of the synchronisation is another process.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, at_most, told
from bench.rig import folder, free_port, listening, process, site, wait_until

MOST_S = 10.0
MOST_MIB = 60.0
MIB = 1024 * 1024
PAGE = 1000
NAMES = ("张伟", "王芳", "李娜", "欧阳锋")


def credential(n: int, version: int = 1) -> dict[str, object]:
    """The nth; every tenth has a PIN, every fifth an end. Another version: other groups."""
    return {
        "kind": "card",
        "number": f"{0x04A1B2C3D4 + n * 7919:014X}",
        "holder": f"resident-{n:06d}",
        "name": NAMES[n % len(NAMES)],
        "groups": ["residents", f"building-{n % 20 + version}"],
        "valid_until": "2027-12-31" if n % 5 == 0 else None,
        "pin": f"{n % 10_000:04d}" if n % 10 == 0 else None,
    }


def write_csv(path: Path, count: int, version: int = 1) -> None:
    """As a property management's system exports it."""
    with path.open("w", encoding="utf-8") as out:
        out.write("kind,number,holder,name,groups,valid_until,pin\n")
        for n in range(count):
            one = credential(n, version)
            out.write(
                f"card,{one['number']},{one['holder']},{one['name']},{'|'.join(one['groups'])},"  # type: ignore[arg-type]
                f"{one['valid_until'] or ''},{one['pin'] or ''}\n"
            )


def imported(site_file: Path, file: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds and highest RSS (MiB) of `edgegw access import`, and what it said."""
    began = time.monotonic()
    child = subprocess.Popen(
        (sys.executable, "-m", "edgegw", "access", "import", str(site_file), str(file), "--json"),
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, said
    return time.monotonic() - began, usage.ru_maxrss / 1024, json.loads(said)


def peak_mib() -> float:
    """This process's highest RSS."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def synchronised(at: Path, url: str, count: int) -> dict[str, float]:
    """In this process: an empty store takes a full list, then a changed one, then a delta."""
    from edgegw.access.credentials import CredentialBook
    from edgegw.clock import SystemClock
    from edgegw.config.schema import StoreSection
    from edgegw.doors.keeper import Keeper
    from edgegw.doors.sync import AccessSync
    from edgegw.store.store import Store

    clock = SystemClock()
    store = await Store.open(at / "sync.db", section=StoreSection(), gateway="bench", upstreams={}, clock=clock)
    keeper = Keeper(store, CredentialBook(), b"k" * 32, clock=clock)
    sync = AccessSync(url, store=store, keeper=keeper, clock=clock)
    await sync.sync_once()  # version 1 is one credential: everything is loaded
    lag = asyncio.create_task(_longest_lag())
    before, began = peak_mib(), time.monotonic()
    await sync.sync_once()
    first_s, first_mib = time.monotonic() - began, peak_mib() - before
    assert (len(keeper.book), keeper.book.version) == (count, 2)
    began = time.monotonic()
    await sync.sync_once()
    assert (len(keeper.book), keeper.book.version) == (count, 3)
    again_s, again_mib = time.monotonic() - began, peak_mib() - before
    lag.cancel()
    longest_s = (await asyncio.gather(lag, return_exceptions=True))[0]
    await store.close()
    assert isinstance(longest_s, float)
    return {
        "first_s": first_s,
        "first_mib": first_mib,
        "again_s": again_s,
        "again_mib": again_mib,
        "longest_lag_s": longest_s,
    }


async def _longest_lag() -> float:
    longest = 0.0
    try:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began - 0.005)
    except asyncio.CancelledError:
        return longest


def serve(port: int, count: int) -> None:
    """The upstream: version 1 is one credential, 2 and 3 are `count` of them."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        version = int(request.query["after"]) + 1
        most = 1 if version == 1 else count
        begin = int(request.query.get("cursor", "0"))
        end = min(begin + PAGE, most)
        items = [{"op": "put", **credential(n, version)} for n in range(begin, end)]
        return web.json_response(
            {"version": version, "full": True, "items": items, "next": str(end) if end < most else None}
        )

    app = web.Application()
    app.router.add_get("/", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def run(*, quick: bool = False) -> list[Figure]:
    """See the module's text."""
    count = 20_000 if quick else 100_000
    with folder() as at:
        site_file, _ = site(at, broker=free_port(), devices=1)
        tree = json.loads(site_file.read_text())
        tree["access"] = {"key": {"file": "access.key"}}
        site_file.write_text(json.dumps(tree))
        (at / "access.key").touch(0o600)
        (at / "access.key").write_text("ab" * 32)
        write_csv(at / "one.csv", 1)
        write_csv(at / "all.csv", count)
        write_csv(at / "changed.csv", count, 2)
        _, empty, _ = imported(site_file, at / "one.csv")
        first_s, first_mib, said = imported(site_file, at / "all.csv")
        assert said["added"] == count - 1
        again_s, again_mib, said = imported(site_file, at / "changed.csv")
        assert said["changed"] == count
        port = free_port()
        with process(sys.executable, "-m", "bench.credentials", "serve", str(port), str(count)):
            wait_until(lambda: listening(port), "the upstream")
            synced: dict[str, float] = json.loads(
                subprocess.check_output(
                    (
                        sys.executable,
                        "-m",
                        "bench.credentials",
                        "sync",
                        str(at),
                        f"http://127.0.0.1:{port}/",
                        str(count),
                    )
                )
            )
    c = {"credentials": count}
    lag = round(synced["longest_lag_s"], 3)
    return [
        at_most("credentials.import", first_s, MOST_S, "s", **c, measured="command, wall"),
        at_most("credentials.import_rss", first_mib - empty, MOST_MIB, "MiB", **c, base_mib=round(empty, 1)),
        at_most("credentials.import_changed", again_s, MOST_S, "s", **c, measured="every one differs"),
        told("credentials.import_changed_rss", again_mib - empty, "MiB", **c, measured="the old and the new at once"),
        at_most("credentials.sync", synced["first_s"], MOST_S, "s", **c, page=PAGE, loop_lag_most_s=lag),
        at_most("credentials.sync_rss", synced["first_mib"], MOST_MIB, "MiB", **c),
        at_most("credentials.sync_changed", synced["again_s"], MOST_S, "s", **c, measured="every one differs"),
        told("credentials.sync_changed_rss", synced["again_mib"], "MiB", **c, measured="the old and the new at once"),
    ]


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(asyncio.run(synchronised(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))))
