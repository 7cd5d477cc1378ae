"""`edgegw record` on a real broker, simulated lines and a port that somebody else has: samples that pass, nothing else."""

import asyncio
import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import aiomqtt
import yaml

from edgegw.cli.main import main
from edgegw.cli.record_io import holder_of
from edgegw.profiles.loader import ProfileLibrary, load_profile
from simulators.devices import Sdm120
from simulators.meters import MeterBus, electric
from simulators.modbus import RtuBus
from simulators.serial_devices import Rdm6300
from tests.cli.lines import running
from tests.mqttio.broker import broker, free_port, listening

LIBRARY = ProfileLibrary()
BAUD = 38400


def site(folder, link, device):
    path = folder / "site.yaml"
    data = {
        "gateway": {"id": "g"},
        "control": {"enabled": False},
        "links": {"l": link},
        "devices": {"d": {"link": "l", **device}},
    }
    path.write_text(yaml.safe_dump(data))
    return str(path)


def told(capsys, *args):
    code = main(["record", "d", *args])
    out, err = capsys.readouterr()
    return code, out, err


def passes(name, samples, folder):
    """Put into the device's profile in place of its own samples, the loader takes them."""
    text = LIBRARY.path(name).read_text()
    path = folder / "p.yaml"
    path.write_text(text[: text.index("\nsamples:")] + "\nsamples:\n" + samples)
    return load_profile(path, library=LIBRARY).samples


@contextmanager
def publishing(port, *messages):
    """Publishes again and again until it is over: nobody knows when the recorder has subscribed."""
    over = threading.Event()

    async def publish():
        async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            while not over.is_set():
                for topic, payload in messages:
                    await client.publish(topic, payload, qos=1)
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(publish()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def test_mqtt_beside_the_gateway(tmp_path, capsys):
    port = free_port()
    where = site(tmp_path, {"kind": "mqtt", "port": port}, {"profile": "zigbee2mqtt/leak", "address": "k1"})
    file = tmp_path / "samples.yaml"
    messages = [
        ("zigbee2mqtt/k1", '{"water_leak":true,"battery":80}'),
        ("zigbee2mqtt/k1", '{"water_leak":false}'),
        ("zigbee2mqtt/k2", '{"water_leak":true}'),
        ("zigbee2mqtt/k1/availability", '{"state":"offline"}'),
    ]
    with broker("iotcore", port, tmp_path):
        asyncio.run(listening(port))
        with publishing(port, *messages):
            code, _, err = told(capsys, "--site", where, "--for", "8s", "--count", "3", "-o", str(file))
    assert code == 0, err
    assert "3 kept as samples" in err
    samples = passes("zigbee2mqtt/leak", file.read_text(), tmp_path)
    assert sorted(str(sample.readings or sample.online) for sample in samples) == [
        "False",
        "{'leak': False}",
        "{'leak': True, 'battery': 80.0}",
    ]
    assert "k2" not in file.read_text()


def test_modbus_in_place_of_the_gateway(tmp_path, capsys):
    with running(lambda: RtuBus([Sdm120(7)], baud=BAUD)) as bus:
        where = site(
            tmp_path,
            {"kind": "modbus-rtu", "port": bus.path, "baud": BAUD},
            {"profile": "eastron/sdm120", "address": 7},
        )
        code, out, err = told(capsys, "--site", where, "--for", "5s", "--count", "3")
        assert (code, err.count("3 kept as samples")) == (0, 1)
    assert {tuple(sample.request[:6]) for sample in passes("eastron/sdm120", out, tmp_path)} == {
        (7, 4, 0, 0, 0, 14),
        (7, 4, 0, 0x46, 0, 6),
        (7, 4, 1, 0x56, 0, 2),
    }
    assert re.findall("source: (.*)", out)[0].startswith("captured 20")


def test_a_meter_s_own_bytes(tmp_path, capsys):
    number = "558890213594"
    with running(lambda: MeterBus([electric(number, 226)], baud=115200)) as bus:
        where = site(
            tmp_path,
            {"kind": "meter", "port": bus.path, "baud": 115200},
            {"profile": "generic/dlt645-single-phase", "address": number},
        )
        code, out, _ = told(capsys, "--site", where, "--for", "5s", "--count", "2")
    assert code == 0
    assert all(
        sample.hex.hex().startswith("68943521908855689")
        for sample in passes("generic/dlt645-single-phase", out, tmp_path)
    )


def test_a_card_reader_s_cards_are_blotted_out(tmp_path, capsys):
    with running(lambda: Rdm6300(baud=BAUD)) as reader:
        where = site(tmp_path, {"kind": "serial", "port": reader.path, "baud": BAUD}, {"profile": "generic/rdm6300"})
        reader.loop.call_soon_threadsafe(reader.device.present, 8844356)
        code, out, err = told(capsys, "--site", where, "--for", "5s", "--count", "1", "--json")
    assert code == 0
    (sample,) = json.loads(out)["samples"]
    assert re.fullmatch("[0-9]{10}", sample["readings"]["card"])
    assert sample["readings"]["card"] != "0008844356"
    assert "1 secrets replaced" in err


def test_a_port_that_somebody_has_is_left_alone(tmp_path, capsys):
    with running(lambda: RtuBus([Sdm120(7)], baud=BAUD)) as bus:
        where = site(
            tmp_path,
            {"kind": "modbus-rtu", "port": bus.path, "baud": BAUD},
            {"profile": "eastron/sdm120", "address": 7},
        )
        program = "import sys; f = open(sys.argv[1], 'rb+', buffering=0); print('open', flush=True); sys.stdin.read()"
        holder = subprocess.Popen(
            [sys.executable, "-c", program, bus.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert holder.stdout.readline() == b"open\n"
            code, out, err = told(capsys, "--site", where)
        finally:
            holder.stdin.close()
            holder.stdout.close()
            holder.wait(10)
        assert (code, out) == (2, "")
        assert f"({holder.pid}); stop it first" in err
        assert holder_of(Path(bus.path)) is None


def test_a_device_that_says_nothing(tmp_path, capsys):
    with running(lambda: RtuBus([], baud=BAUD)) as bus:
        where = site(
            tmp_path,
            {"kind": "modbus-rtu", "port": bus.path, "baud": BAUD},
            {"profile": "eastron/sdm120", "address": 7},
        )
        code, out, err = told(capsys, "--site", where, "--for", "500ms")
    assert (code, out) == (1, "")
    assert "no valid answer (timeout)" in err


def test_command_lines_that_are_wrong(tmp_path, capsys):
    where = site(
        tmp_path, {"kind": "modbus-rtu", "port": str(tmp_path / "none")}, {"profile": "eastron/sdm120", "address": 7}
    )
    taken = tmp_path / "taken"
    taken.write_text("kept")
    cases = [
        (["--site", where], "is not there"),
        (["--site", where, "--topic", "a/#"], "--topic is for MQTT"),
        (["--site", where, "--for", "soon"], "not a duration"),
        (["--site", where, "--for", "0s"], "more than 0"),
        (["--site", where, "-o", str(taken)], "--force overwrites"),
        (["--site", str(tmp_path / "no.yaml")], "no.yaml"),
    ]
    for args, why in cases:
        code, out, err = told(capsys, *args)
        assert (code, out) == (2, ""), args
        assert why in err
    assert main(["record", "x", "--site", where]) == 2
    assert "it has d" in capsys.readouterr().err
    assert taken.read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site.yaml", "taken"]
