"""`edgegw probe` as a person runs it: simulated lines, a real broker, docs/probing.md, Ctrl-C."""

import asyncio
import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from edgegw.cli.main import main
from edgegw.config.site import open_site
from edgegw.mqttio import MqttOptions, MqttSession
from edgegw.store.lock import Lock
from simulators.devices import LevelSensor, Sdm120, XyMd02
from simulators.modbus import RtuBus, RtuTcpServer
from tests.mqttio.broker import MOSQUITTO, broker, free_port, listening
from tests.probe.asking import few, shipped
from tests.probe.plant import in_thread
from tests.probe.test_identify_mqtt import CLIMATE

DOCS = (Path(__file__).parents[2] / "docs" / "probing.md").read_text(encoding="utf-8")
KIND = "mosquitto" if MOSQUITTO else "iotcore"


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run the command; returns code, stdout, stderr. The terminal is wide, so that nothing is cut."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*args):
        code = main(["probe", *args])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def quick(monkeypatch):
    """Without reading the shipped profiles anew each time."""
    monkeypatch.setattr(
        "edgegw.cli.probe._profiles", lambda *_: {**few(), "zigbee2mqtt/climate": shipped()["zigbee2mqtt/climate"]}
    )


def bus(*slaves, baud=115200):
    return in_thread(lambda: RtuBus(slaves, baud=baud))


def site(path, port, devices="devices:\n", kind="modbus-rtu, baud: 115200"):
    path.write_text(
        f"# ours\ngateway: {{id: gw-1}}\nlinks:\n  bus1: {{kind: {kind}, port: {port}}}  # the roof\n{devices}"
    )
    return path


QUICK = ("--timeout", "0.04", "--format", "8N1", "--baud", "115200")


def test_the_example_of_the_docs(run, tmp_path, monkeypatch, capsys):
    """The commands of docs/probing.md give what the page says, and its site file becomes what it shows."""
    before, after = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)[:2]
    console = re.search(r"```console\n(.*?)```", DOCS, re.DOTALL)[1]
    with bus(Sdm120(1), XyMd02(3, temperature=21.5, humidity=48.2), LevelSensor(4)) as line:
        path = tmp_path / "edgegw.yaml"
        path.write_text(before.replace("/dev/ttyUSB0", line.path))
        for part in filter(None, console.split("$ edgegw ")):
            command, _, wanted = part.partition("\n")
            main(shlex.split(command))
            told = capsys.readouterr()
            said = told.out + told.err
            assert said.rstrip().splitlines() == wanted.rstrip().splitlines()
        assert path.read_text().replace(line.path, "/dev/ttyUSB0") == after


@pytest.mark.usefixtures("quick")
def test_found_is_added_with_a_backup_and_not_twice(run, tmp_path):
    with bus(Sdm120(1), XyMd02(2)) as line:
        path = site(tmp_path / "edgegw.yaml", line.path)
        path.chmod(0o640)
        before = path.read_bytes()
        code, out, _ = run("bus1", "--units", "1-2", *QUICK, "--add", "--yes", "--json")
        told = json.loads(out)
        assert code == 0
        assert told["added"] == {"sdm120-1": "eastron/sdm120", "xy-md02-2": "generic/xy-md02"}
        assert (tmp_path / "edgegw.yaml.bak").read_bytes() == before
        assert path.read_bytes().startswith(before)
        assert path.stat().st_mode & 0o777 == 0o640
        assert set(open_site(path, {}).devices) == {"sdm120-1", "xy-md02-2"}
        assert sorted(p.name for p in tmp_path.iterdir()) == ["edgegw.yaml", "edgegw.yaml.bak"]
        code, out, _ = run("bus1", "--units", "1-2", *QUICK, "--add", "--yes", "--json")
        told = json.loads(out)
        assert told["added"] == {}
        assert [one["device"] for one in told["found"]] == ["sdm120-1", "xy-md02-2"]
        assert "1 is not added: it is sdm120-1 already" in told["notes"]


@pytest.mark.usefixtures("quick")
def test_what_is_not_clear_or_elsewhere_is_not_added(run, tmp_path):
    with bus(Sdm120(1), LevelSensor(2)) as line:
        path = site(tmp_path / "edgegw.yaml", line.path, kind="modbus-rtu, baud: 9600")
        before = path.read_bytes()
        code, out, _ = run("bus1", "--units", "1-2", *QUICK, "--add", "--yes", "--json")
        told = json.loads(out)
        assert (code, told["added"]) == (0, {})
        assert path.read_bytes() == before
        said = " ".join(told["notes"])
        assert "1 is not added: it was found at 115200 8N1, and link bus1 is set to 9600 8N1" in said
        assert "2 is not added: no profile fits clearly" in said


@pytest.mark.usefixtures("quick")
def test_a_site_that_would_not_be_right_stays_as_it_is(run, tmp_path):
    with bus(Sdm120(1)) as line:
        path = site(tmp_path / "edgegw.yaml", line.path, devices="devices:\n\nupstrem: {}\n")
        before = path.read_bytes()
        code, _, err = run("bus1", "--units", "1", *QUICK, "--add", "--yes")
        assert code == 2
        assert "it stays as it is" in err
        assert "edgegw.yaml:" in err
        assert "upstrem" in err
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["edgegw.yaml"]


@pytest.mark.usefixtures("quick")
def test_asked_and_declined_nothing_is_added(run, tmp_path, monkeypatch):
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    with bus(Sdm120(1)) as line:
        path = site(tmp_path / "edgegw.yaml", line.path)
        before = path.read_bytes()
        code, out, err = run("bus1", "--units", "1", *QUICK, "--add")
        assert code == 0
        assert "eastron/sdm120" in out
        assert "nothing was added" in err
        assert path.read_bytes() == before


@pytest.mark.usefixtures("quick")
def test_nothing_is_one_and_a_busy_port_is_two(run, tmp_path):
    with bus() as line:
        code, out, _ = run(line.path, "--units", "1-2", "--only", "modbus", *QUICK)
        assert (code, out) == (1, f"{line.path}: nothing found\n")
        import fcntl

        with Path(line.path).open("rb+", buffering=0) as port:
            fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
            code, _, err = run(line.path, "--units", "1", *QUICK)
        assert code == 2
        assert "in use by another program (a running gateway?)" in err


@pytest.mark.usefixtures("quick")
def test_a_serial_server_that_a_running_gateway_polls_is_left_alone(run, tmp_path):
    with in_thread(lambda: RtuTcpServer([Sdm120(1)])) as server:
        path = tmp_path / "edgegw.yaml"
        path.write_text(
            "gateway: {id: gw-1}\n"
            f"links:\n  far: {{kind: modbus-rtu-tcp, host: 127.0.0.1, port: {server.port}, baud: 115200}}\n"
        )
        lock = Lock(tmp_path / "edgegw.db")
        try:
            code, _, err = run("far", "--site", str(path), "--units", "1")
            assert code == 2
            assert "is running, and two masters on one line disturb each other" in err
        finally:
            lock.release()
        code, out, _ = run("far", "--site", str(path), "--units", "1", "--timeout", "0.1", "--json")
        assert (code, json.loads(out)["found"][0]["fits"][0]["profile"]) == (0, "eastron/sdm120")


@pytest.mark.usefixtures("quick")
def test_ctrl_c_shows_what_was_found_so_far(run):
    class Rude(LevelSensor):
        def answer(self, request):
            os.kill(os.getpid(), signal.SIGINT)

    with bus(Sdm120(1), Rude(3)) as line:
        code, out, err = run(line.path, "--only", "modbus", *QUICK)
    assert code == 130
    assert "eastron/sdm120" in out
    assert "interrupted: this is what was found so far" in err


@pytest.mark.usefixtures("quick")
def test_a_broker_by_its_url(run, tmp_path):
    port = free_port()

    async def said():
        await listening(port)
        session = MqttSession(MqttOptions(host="127.0.0.1", port=port))
        await session.connect()
        session.publish("zigbee2mqtt/cellar", CLIMATE.encode(), retain=True)
        session.publish("other/box/1", b"hello", retain=True)
        async with asyncio.timeout(10):
            while (
                session.in_flight
            ):  # a connection closed before its acknowledgements were read may take messages with it
                await asyncio.sleep(0.005)
        await session.close()

    with broker(KIND, port, tmp_path):
        asyncio.run(said())
        code, out, _ = run(f"mqtt://127.0.0.1:{port}", "--seconds", "0.5", "--json")
    told = json.loads(out)
    assert code == 0
    (one,) = told["found"]
    assert (one["protocol"], one["address"], one["where"]) == ("mqtt", "cellar", "zigbee2mqtt/cellar")
    assert one["fits"][0]["profile"] == "zigbee2mqtt/climate"
    assert one["fits"][0]["readings"]["temperature"] == 21.5
    assert told["unread"] == [{"topics": "other/box/…", "count": 1, "messages": 1}]
    assert "hello" not in out
