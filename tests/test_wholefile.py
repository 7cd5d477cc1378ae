"""Files put in place whole."""

import os
from pathlib import Path

import pytest

from edgegw.wholefile import put


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_and_one_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    put(path, b"one")
    assert (path.read_bytes(), mode(path)) == (b"one", 0o644)
    path.chmod(0o640)
    put(path, b"two", backup=True)
    backup = tmp_path / "site.yaml.bak"
    assert (path.read_bytes(), mode(path)) == (b"two", 0o640)
    assert (backup.read_bytes(), mode(backup)) == (b"one", 0o640)
    put(tmp_path / "other", b"x", like=path)
    put(tmp_path / "tokens", b"x", mode=0o600)
    assert (mode(tmp_path / "other"), mode(tmp_path / "tokens")) == (0o640, 0o600)
    assert len(list(tmp_path.iterdir())) == 4, "nothing is left beside them"


def test_what_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.yaml"
    put(path, b"one")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        put(path, b"two")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("site.yaml", b"one")]
