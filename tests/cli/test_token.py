"""`edgegw token`."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from edgegw.api.tokens import hashed, read
from edgegw.cli.main import main


@pytest.fixture
def file(tmp_path):
    return tmp_path / "edgegw.tokens"


@pytest.fixture
def run(file, capsys):
    """Run a subcommand on the file; returns code, stdout, stderr."""

    def call(*args):
        code = main(["token", args[0], "site.yaml", *args[1:], "--tokens", str(file)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_create_prints_the_token_once_and_keeps_its_hash(run, file):
    code, out, err = run(
        "create", "--name", "desk", "--scope", "read", "--scope", "door:lobby:unlock", "--expires", "90d"
    )
    assert code == 0
    secret = out.strip()
    assert secret.startswith("egw_")
    assert secret not in err
    found = read(file).tokens[0]
    assert (found.hash, found.scopes) == (hashed(secret), ("read", "door:lobby:unlock"))
    assert found.expires - found.created == timedelta(days=90)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, out, _ = run("list")
    assert code == 0
    assert secret not in out
    assert "desk" in out
    assert "door:lobby:unlock" in out


def test_json(run):
    _, out, _ = run("create", "--name", "desk", "--scope", "read", "--json")
    made = json.loads(out)
    assert made["expires"] is None
    _, out, _ = run("list", "--json")
    assert json.loads(out) == [{name: made[name] for name in ("id", "name", "scopes", "created", "expires", "rotated")}]


def test_rotate_and_revoke(run, file):
    _, first, _ = run("create", "--name", "desk", "--scope", "read")
    _, other, _ = run("create", "--name", "other", "--scope", "events")
    code, second, _ = run("rotate", "desk")
    assert code == 0
    assert first != second
    desk, _ = read(file).tokens
    assert desk.hash == hashed(second.strip())
    assert desk.rotated >= desk.created
    assert run("revoke", desk.id)[0] == 0
    assert [one.hash for one in read(file).tokens] == [hashed(other.strip())]
    code, _, err = run("revoke", "desk")
    assert code == 2
    assert "no token" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--name", "x", "--scope", "door:lobby:open"], "unlock, release, relock"),
        (["--name", "x", "--scope", "everything"], "is no scope"),
        (["--name", "x"], "--scope"),
        (["--scope", "read"], "--name"),
        (["--name", "a\nb", "--scope", "read"], "printable"),
        (["--name", "x", "--scope", "read", "--expires", "soon"], "not a duration"),
        (["--name", "x", "--scope", "read", "--expires", "0d"], "more than nothing"),
        (["--name", "x", "--scope", "read", "--expires", "9999d"], "at most 3650d"),
    ],
)
def test_what_is_refused(run, file, args, says):
    code, out, err = run("create", *args)
    assert code == 2
    assert out == ""
    assert says in err
    assert not file.exists()


def test_a_name_is_unique(run, file):
    run("create", "--name", "desk", "--scope", "read")
    code, _, err = run("create", "--name", "desk", "--scope", "read")
    assert code == 2
    assert "there is a token" in err
    assert len(read(file).tokens) == 1


def test_an_open_file_is_not_added_to(run, file):
    run("create", "--name", "desk", "--scope", "read")
    file.chmod(0o644)
    code, _, err = run("create", "--name", "other", "--scope", "read")
    assert code == 2
    assert "chmod 600" in err


def test_an_expired_token_is_shown_as_such(run, file):
    import msgspec

    from edgegw.api.tokens import Tokens, write

    run("create", "--name", "desk", "--scope", "read", "--expires", "1h")
    old = msgspec.structs.replace(read(file).tokens[0], expires=datetime(2020, 1, 1, tzinfo=UTC))
    write(file, Tokens((old,)))
    assert "EXPIRED 2020-01-01" in run("list")[1]


def test_the_site_file_says_where_the_tokens_are(tmp_path, monkeypatch, capsys):
    from tests.cli.test_main import EXAMPLE

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert main(["token", "create", EXAMPLE, "--name", "desk", "--scope", "read"]) == 0
    assert len(read(tmp_path / "edgegw.tokens").tokens) == 1
    capsys.readouterr()
