"""Real mosquitto with the shipped configuration: who may connect, who may say what, what is kept."""

import queue
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

pytestmark = pytest.mark.enable_socket

CONFIG = Path(__file__).parents[2] / "deploy" / "mosquitto"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
ACCOUNTS = {"edgegw": "gateway-secret", "zigbee2mqtt": "bridge-secret", "meter1": "one", "meter2": "two"}

DEBIAN = """user {user}
persistence true
persistence_location {folder}/
log_dest stderr
log_type information
include_dir {folder}/conf.d
"""
"""What Debian 12's mosquitto.conf says, with a folder of the test's and the log where it can be read."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a running broker."""
    if MOSQUITTO is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto is not installed")
    port = free_port()
    shipped = (CONFIG / "edgegw.conf").read_text()
    assert shipped.count("\nlistener 1883 127.0.0.1\n") == 1
    text = shipped.replace("\nlistener 1883 ", f"\nlistener {port} ").replace(
        "/etc/mosquitto/edgegw.", f"{tmp_path}/edgegw."
    )
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "edgegw.conf").write_text(text)
    shutil.copy(CONFIG / "edgegw.acl", tmp_path / "edgegw.acl")
    passwords = tmp_path / "edgegw.passwd"
    passwords.touch(mode=0o600)
    for name, secret in ACCOUNTS.items():
        subprocess.run(["mosquitto_passwd", "-b", passwords, name, secret], check=True, capture_output=True, timeout=30)
    main = tmp_path / "mosquitto.conf"
    main.write_text(DEBIAN.format(user=tmp_path.owner(), folder=tmp_path))
    with subprocess.Popen([MOSQUITTO, "-c", str(main)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = ""
            for line in process.stderr:
                said += line
                if line.rstrip().endswith("running"):
                    break
            else:
                pytest.fail(f"mosquitto did not start: {said}")
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=10)


NOT_AUTHORIZED = 0x87
NO_SUBSCRIBERS = 0x10
WAIT_S = 10
MANY = 3000
"""More than the 1,000 messages mosquitto keeps by default for a session that is away."""


class Client:
    """A paho client whose callbacks end up in queues."""

    def __init__(self, name: str | None, *, client_id: str = "", keep: bool = False) -> None:
        self.connacks: queue.Queue[int] = queue.Queue()
        self.pubacks: queue.Queue[int] = queue.Queue()
        self.subacks: queue.Queue[int] = queue.Queue()
        self.messages: queue.Queue[str] = queue.Queue()
        self.ends: queue.Queue[int] = queue.Queue()
        self.keep = keep
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        if name is not None:
            self.paho.username_pw_set(name, ACCOUNTS.get(name, "wrong"))
        self.paho.on_connect = lambda _c, _u, _f, code, _p: self.connacks.put(code.value)
        self.paho.on_publish = lambda _c, _u, _m, code, _p: self.pubacks.put(code.value)
        self.paho.on_subscribe = lambda _c, _u, _m, codes, _p: self.subacks.put(codes[0].value)
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message.topic)
        self.paho.on_disconnect = lambda _c, _u, _f, code, _p: self.ends.put(code.value)
        self.paho.max_queued_messages_set(0)

    def connect(self, port: int) -> int:
        """The CONNACK's reason code."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600 if self.keep else 0
        self.paho.connect("127.0.0.1", port, clean_start=not self.keep, properties=properties)
        self.paho.loop_start()
        return self.connacks.get(timeout=WAIT_S)

    def publish(self, topic: str) -> int:
        """The PUBACK's reason code."""
        self.paho.publish(topic, b"1", qos=1)
        return self.pubacks.get(timeout=WAIT_S)

    def subscribe(self, topic: str) -> int:
        """The SUBACK's reason code."""
        self.paho.subscribe(topic, options=SubscribeOptions(qos=1))
        return self.subacks.get(timeout=WAIT_S)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


@contextmanager
def connected(port: int, name: str, **options: Any) -> Iterator[Client]:
    client = Client(name, **options)
    assert client.connect(port) == 0
    try:
        yield client
    finally:
        client.close()


@pytest.mark.parametrize("name", [None, "stranger"], ids=["anonymous", "unknown account"])
def test_without_an_account_nobody_connects(broker, name):
    client = Client(name, client_id="edgegw")
    assert client.connect(broker) == NOT_AUTHORIZED
    client.close()


def test_a_device_writes_its_own_subtree_and_no_other(broker):
    with connected(broker, "edgegw") as gateway, connected(broker, "meter1") as meter:
        assert gateway.subscribe("#") == 1
        assert meter.publish("dev/meter2/state") == NOT_AUTHORIZED
        assert meter.publish("zigbee2mqtt/leak") == NOT_AUTHORIZED
        assert meter.publish("edgegw/gw1/alarm") == NOT_AUTHORIZED
        assert meter.publish("dev/meter1/state") == 0
        assert gateway.messages.get(timeout=WAIT_S) == "dev/meter1/state"
        assert gateway.messages.empty()


def test_a_device_does_not_hear_the_others(broker):
    with connected(broker, "meter1") as one, connected(broker, "meter2") as two:
        one.subscribe("#")
        assert two.publish("dev/meter2/state") == 0
        assert one.subscribe("dev/meter1/cmd/#") == 1
        assert one.messages.empty()


def test_a_client_id_does_not_take_over_the_gateway_s_session(broker):
    with connected(broker, "edgegw", client_id="edgegw") as gateway:
        with connected(broker, "meter1", client_id="edgegw") as meter:
            assert meter.publish("dev/meter1/state") == NO_SUBSCRIBERS
        assert gateway.subscribe("dev/#") == 1
        assert gateway.ends.empty()


def test_messages_for_a_gateway_that_is_away_are_kept(broker):
    with connected(broker, "edgegw", keep=True) as gateway:
        assert gateway.subscribe("dev/#") == 1
    with connected(broker, "meter1") as meter:
        for i in range(MANY):
            meter.paho.publish(f"dev/meter1/{i}", b"1", qos=1)
        assert {meter.pubacks.get(timeout=WAIT_S) for _ in range(MANY)} == {0}
    with connected(broker, "edgegw", keep=True) as gateway:
        kept = [gateway.messages.get(timeout=WAIT_S) for _ in range(MANY)]
    assert kept == [f"dev/meter1/{i}" for i in range(MANY)]


def test_every_listener_says_that_the_account_is_the_client_id():
    # mosquitto takes the option for the listener above it; before the first listener it does nothing
    lines = (CONFIG / "edgegw.conf").read_text().splitlines()
    after = [lines[i + 1] for i, line in enumerate(lines) if re.match(r"(# )?listener ", line)]
    assert len(after) == 3
    assert {line.removeprefix("# ") for line in after} == {"use_username_as_clientid true"}


def test_the_configuration_repeats_nothing_of_debian_s():
    keys = set(re.findall(r"^(\w+)", (CONFIG / "edgegw.conf").read_text(), re.M))
    assert not keys & {"persistence", "persistence_location", "pid_file", "log_dest", "include_dir"}
