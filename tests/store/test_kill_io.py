"""kill -9 of a committing process, twenty times over: every seq it reported is in the store."""

import os
import random
import signal
import sys
from pathlib import Path
from subprocess import PIPE, Popen

from edgegw.model import Lane
from edgegw.store import inspect
from edgegw.store.engine import Db

ROUNDS = 20
CHILD = Path(__file__).with_name("commit_loop.py")


def test_every_reported_commit_survives(path: Path) -> None:
    rng = random.Random(7)
    reported = 0
    for _ in range(ROUNDS):
        child = Popen([sys.executable, str(CHILD), str(path)], stdout=PIPE)
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), True)
        for _ in range(rng.randint(1, 25)):
            line = child.stdout.readline()
            first, last = map(int, line.split())
            assert first > reported, "seq went back"
            reported = last
        child.send_signal(signal.SIGKILL)
        for line in child.stdout.read().splitlines():
            if len(numbers := line.split()) == 2:
                reported = max(reported, int(numbers[1]))
        child.wait()
        child.stdout.close()
        assert inspect.verify(path) == []
        assert inspect.stats(path)["seq"] >= reported
    db = Db(path, readonly=True)
    seqs = {seq for lane in Lane for (seq,) in db.rows(f"SELECT seq FROM {lane.label}")}  # noqa: S608
    gaps = db.value("SELECT count(*) FROM gap")
    db.close()
    assert set(range(1, reported + 1)) <= seqs
    assert gaps == 0
