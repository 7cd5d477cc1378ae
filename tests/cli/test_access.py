"""`edgegw access` on the store of a gateway that does not run."""

import io
import json
import sqlite3

import pytest

from edgegw.cli.main import main

NUMBER = "86753098675"

SITE = """\
gateway: {id: g}
store: {path: g.db}
links: {z: {kind: mqtt, host: 127.0.0.1}}
devices: {leak: {link: z, profile: zigbee2mqtt/leak, address: leak}}
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = tmp_path / "site.yaml"
    path.write_text(SITE + "access: {key: {file: access.key}}\n")
    key(tmp_path, "ab" * 32)
    return path


def key(folder, text):
    path = folder / "access.key"
    path.write_text(text)
    path.chmod(0o600)


@pytest.fixture
def run(site, capsys, monkeypatch):
    """Run a subcommand; returns code, stdout, stderr. Nothing told repeats the number."""

    def call(name, *args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(["access", name, str(site), *map(str, args)])
        told = capsys.readouterr()
        assert NUMBER not in told.out + told.err
        return code, told.out, told.err

    return call


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        f"kind,number,holder,name,groups,valid_until,pin\ncard,{NUMBER},r-1,张三,residents b3,2026-12-31,1234\nqr,x99,v-1,,,,\n"
    )
    return path


def test_import_dry_run_merge_and_full(run, file, tmp_path):
    code, out, err = run("import", file, "--dry-run")
    assert (code, err) == (0, "")
    assert out == "+ card …8675  r-1 张三\n+ qr   …      v-1\nwould be 2 added, 0 changed, 0 removed; 0 unchanged\n"
    assert run("list", "--json")[1] == ""
    code, out, _ = run("import", file)
    assert out.endswith("\n2 added, 0 changed, 0 removed; 0 unchanged\n")
    assert run("import", file)[1] == "0 added, 0 changed, 0 removed; 2 unchanged\n"
    other = tmp_path / "other.json"
    other.write_text(
        json.dumps([{"number": NUMBER, "holder": "r-1", "name": "李四"}, {"number": "5", "holder": "r-2"}])
    )
    assert run("import", other, "--json", "--full", "--dry-run")[1] == json.dumps(
        {
            "ok": True, "added": 1, "changed": 1, "removed": 1, "unchanged": 0,
            "listed": [
                {"change": "changed", "kind": "card", "holder": "r-1", "name": "李四", "tail": "…8675",
                 "fields": ["name", "groups", "valid_until", "pin"]},
                {"change": "removed", "kind": "qr", "holder": "v-1", "tail": "…"},
                {"change": "added", "kind": "card", "holder": "r-2", "tail": "…"},
            ],
            "version": 0, "dry_run": True,
        },
        ensure_ascii=False,
    ) + "\n"  # fmt: skip
    assert json.loads(run("import", other, "--json")[1])["removed"] == 0
    assert json.loads(run("import", other, "--json", "--full")[1])["removed"] == 1


def test_list_is_masked(run, file, tmp_path):
    run("import", file)
    code, out, err = run("list")
    assert code == 0
    assert out.splitlines()[0].split() == [
        "card",
        "…8675",
        "r-1",
        "张三",
        "residents",
        "b3",
        "2026-12-31T16:00:00Z",
        "pin",
    ]
    assert err == "2 credentials, version 0\n"
    row = json.loads(run("list", "--json")[1].splitlines()[0])
    assert (row["tail"], row["pin"], row["valid_from"]) == ("…8675", True, None)
    assert NUMBER.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("g.db*"))


def test_the_record_says_that_it_was_changed(run, file, tmp_path):
    run("import", file)
    db = sqlite3.connect(tmp_path / "g.db")
    assert [
        json.loads(data) for (data,) in db.execute("SELECT data FROM audit WHERE type = 'edgegw.access.credentials'")
    ] == [{"source": "import", "added": 2, "changed": 0, "removed": 0}]
    db.close()


def test_revoke_reads_the_number_from_stdin(run, file):
    run("import", file)
    assert run("revoke", stdin=f"{NUMBER}\n") == (0, "revoked\n", "")
    assert run("revoke", stdin=f"{NUMBER}\n") == (1, "", "there is no such card\n")
    assert run("revoke", "--json", "--kind", "qr", stdin="X99") == (0, '{"ok": true, "revoked": true}\n', "")
    assert run("revoke", stdin="")[0] == 2


def test_problems_name_file_and_line(run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(f"number,holder,pin\n{NUMBER},,12\n{NUMBER},h,{NUMBER}99\n")
    code, _, err = run("import", path)
    assert code == 2
    assert err == "error: bad.csv:2: holder is missing\nerror: bad.csv:3: pin: 4 to 12 digits\n"
    code, out, _ = run("import", path, "--json")
    assert code == 2
    assert json.loads(out) == {
        "ok": False,
        "reason": "bad-credentials",
        "errors": ["bad.csv:2: holder is missing", "bad.csv:3: pin: 4 to 12 digits"],
    }


def test_a_running_gateway_is_pointed_to(run, file, tmp_path):
    from edgegw.store.lock import Lock

    run("list")
    lock = Lock(tmp_path / "g.db")
    try:
        for args in (("import", file), ("list",), ("revoke",)):
            code, _, err = run(*args, stdin="1")
            assert code == 2
            assert "the gateway is running; use --api URL --token-file FILE" in err
    finally:
        lock.release()


def test_the_key(run, file, site, tmp_path):
    make = "openssl rand -hex 32 > access.key; chmod 600 access.key"
    key(tmp_path, "short")
    code, _, err = run("import", file)
    assert code == 2
    assert "access.key has 5 bytes, 32 are needed" in err
    assert make in err
    (tmp_path / "access.key").unlink()
    code, _, err = run("import", file)
    assert code == 2
    assert "there is no access.key" in err
    assert make in err
    site.write_text(SITE)
    code, _, err = run("import", file)
    assert code == 2
    assert "access.key is missing" in err
    assert make in err
    assert run("list")[0] == 0  # which needs none


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--api", "http://127.0.0.1:1"), "--api needs --token-file"),
        (("--api", "ftp://127.0.0.1", "--token-file"), "not an HTTP URL"),
        (("--api", "http://127.0.0.1:1", "--token-file", "nothing"), "nothing: No such file"),
    ],
)
def test_api_options(run, file, tmp_path, args, said):
    if args[-1] == "--token-file":
        key(tmp_path, "egw_x")
        args = (*args, tmp_path / "access.key")
    code, _, err = run("import", file, *args)
    assert code == 2
    assert said in err
