"""An fsync that fails: the commit is not acknowledged, and none after it until the store was opened anew."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgegw.store import inspect

CHILD = Path(__file__).with_name("commit_loop.py")


def test_a_failed_fsync_is_never_acknowledged(path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    command = ["strace", "-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=25+"]
    child = subprocess.run(
        [*command, sys.executable, str(CHILD), str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    if "PTRACE" in child.stderr or "ptrace" in child.stderr:
        pytest.skip("ptrace is not permitted here")
    assert child.returncode == 1
    assert "StoreError: io" in child.stderr
    reported = [int(line.split()[1]) for line in child.stdout.splitlines()]
    assert reported
    assert inspect.verify(path) == []
    assert inspect.stats(path)["seq"] >= reported[-1]
