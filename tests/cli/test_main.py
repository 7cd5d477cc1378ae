import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from edgegw import __version__
from edgegw.cli import main as frame
from edgegw.cli.main import COMMANDS, Lazy, main
from edgegw.errors import ConfigError, StoreError

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "config" / "cases"
EXAMPLE = str(ROOT / "deploy" / "edgegw.example.yaml")


@pytest.fixture
def command(monkeypatch):
    """Put a command in the table that does what it is told."""

    def put(does):
        @click.command()
        def probe():
            return does()

        monkeypatch.setattr(sys.modules[__name__], "probe", probe, raising=False)
        monkeypatch.setattr(Lazy, "load", lambda self: probe)
        monkeypatch.setitem(frame.COMMANDS, "probe", Lazy("tests:probe", "x"))

    return put


def raising(error):
    def does():
        raise error

    return does


def test_help_lists_every_command_and_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out and lazy.help in out for name, lazy in COMMANDS.items())
    assert "130  interrupted" in out


def test_help_imports_no_command_and_nothing_heavy():
    code = "import sys; from edgegw.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    loaded = set(done.stderr.split())
    assert {m for m in loaded if m.startswith("edgegw.")} == {"edgegw.cli", "edgegw.cli.main", "edgegw.errors"}
    assert not loaded & {"pydantic", "yaml", "aiohttp", "pymodbus", "sqlalchemy", "rich", "asyncio", "paho"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists(name):
    module = COMMANDS[name].target.partition(":")[0]
    assert find_spec(module) is not None, f"{module} is in the table and not there"
    assert isinstance(COMMANDS[name].load(), click.Command)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"edgegw, version {__version__}\n"


def test_no_command_shows_help_and_is_a_usage_error(capsys):
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_mistyped_command_gets_a_hint(capsys):
    assert main(["chekc"]) == 2
    assert "'check'" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ConfigError("site", "a.yaml:1:2: x\na.yaml:3:4: y"), StoreError("locked", "in use")])
def test_our_errors_are_lines_on_stderr_and_exit_2(command, capsys, error):
    command(raising(error))
    assert main(["probe"]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [f"error: {line}" for line in error.detail.splitlines()]
    assert captured.out == ""


def test_an_error_without_detail_still_says_something(command, capsys):
    command(raising(ConfigError("site")))
    assert main(["probe"]) == 2
    assert capsys.readouterr().err == "error: site\n"


@pytest.mark.parametrize("result", [0, 1, 2])
def test_a_commands_number_is_the_exit_code(command, result):
    command(lambda: result)
    assert main(["probe"]) == result


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_130_without_a_traceback(command, capsys, error):
    command(raising(error))
    assert main(["probe"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), BrokenPipeError("a socket's, not stdout's"), OSError("disk")]
)
def test_unexpected_errors_keep_their_traceback(command, error):
    command(raising(error))
    with pytest.raises(type(error)):
        main(["probe"])


def test_a_reader_that_went_away_is_141_and_silent():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "edgegw.cli.main", "schema", "site"],
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


# --- check and schema -------------------------------------------------------------------------------------------------


def test_check_says_what_would_run(capsys, monkeypatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert main(["check", EXAMPLE]) == 0
    out = capsys.readouterr().out
    for piece in (
        "gateway riverside-3",
        "4 devices  9 topics",
        "of the line",
        "1 x eastron/sdm120",
        "alarm, access, command",
        "at most 512 MiB",
        "http://127.0.0.1:9464",
        "systemd credentials",
    ):
        assert piece in out


def test_check_as_json(capsys):
    assert main(["check", "--json", EXAMPLE]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["gateway"]) == (True, "riverside-3")
    riser = next(link for link in told["links"] if link["name"] == "riser")
    assert 0 < riser["busy"] < 1
    assert [d["address"] for d in riser["devices"]] == [1, 2, 3]


def test_check_refuses_with_every_line(capsys, monkeypatch):
    monkeypatch.chdir(CASES / "several-at-once")
    assert main(["check", "site.yaml"]) == 2
    captured = capsys.readouterr()
    expected = Path("expected.txt").read_text(encoding="utf-8").splitlines()
    assert captured.err.splitlines() == [f"error: {line}" for line in expected]
    assert main(["check", "site.yaml", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {"ok": False, "site": "site.yaml", "errors": expected}


def test_check_warns_of_a_line_that_is_too_busy(capsys, tmp_path):
    devices = "".join(f"  m{i}: {{link: bus, profile: acme/meter, address: {i}}}\n" for i in range(1, 121))
    site = tmp_path / "site.yaml"
    site.write_text(
        f"gateway: {{id: g}}\nprofiles: [{CASES.parent / 'profiles'}]\n"
        f"links: {{bus: {{kind: modbus-rtu, port: /dev/ttyS9, baud: 2400}}}}\ndevices:\n{devices}"
    )
    assert main(["check", str(site)]) == 0
    assert "link bus: polls take 1" in capsys.readouterr().out


def test_check_warns_of_a_secret_and_never_shows_it(capsys, tmp_path, monkeypatch):
    (tmp_path / "pw").write_text("hunter2")
    (tmp_path / "pw").chmod(0o644)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"gateway: {{id: g}}\nprofiles: [{CASES.parent / 'profiles'}]\n"
        "links: {z: {kind: mqtt, username: u, password: {file: pw}}}\ndevices: {d: {link: z, profile: acme/leak, address: a}}\n"
    )
    assert main(["check", str(site)]) == 0
    out = capsys.readouterr().out
    assert f"chmod o-rwx {tmp_path}/pw (needed to run)" in out
    assert "hunter2" not in out


def test_schema_to_a_file(tmp_path, capsys):
    path = tmp_path / "site.schema.json"
    assert main(["schema", "site", "--output", str(path)]) == 0
    assert json.loads(path.read_text())["$id"] == "urn:edgegw:schema:site:1"
    assert main(["schema", "site", "--output", str(tmp_path / "no" / "where")]) == 2
    assert "cannot be written" in capsys.readouterr().err
