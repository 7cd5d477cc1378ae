"""TLS with verification, user name and password, on a real mosquitto: the right authority works, a wrong one is named."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.plant import Plant, eventually, fetch

pytestmark = pytest.mark.skipif(
    not (shutil.which("mosquitto_passwd") and shutil.which("openssl")), reason="needs mosquitto and openssl"
)

USER, PASSWORD = "edgegw", "not-a-default"


def certificate(folder: Path, name: str) -> None:
    """A self-signed certificate for 127.0.0.1 and its key, as <name>.pem and <name>.key."""
    subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")),
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def secure(plant: Plant) -> Plant:
    """The plant's broker behind TLS and a password; the site file with the references it needs."""
    folder = plant.folder
    certificate(folder, "broker")
    certificate(folder, "stranger")
    passwords = folder / "passwords"
    subprocess.run(("mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    config = folder / "tls.conf"
    config.write_text(
        f"listener {plant.ports['broker']} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"certfile {folder}/broker.pem\nkeyfile {folder}/broker.key\nuser root\n"
    )
    plant._spawn("broker", shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(config))
    plant.tree["links"]["broker"] |= {
        "host": "127.0.0.1",
        "username": USER,
        "password": {"env": "BROKER_PASSWORD"},
        "tls": {"ca": "broker.pem"},
        "will_topic": "edgegw/gw/state",
    }
    return plant


def subscribe(plant: Plant, topic: str) -> str:
    """One message of a topic, by mosquitto's own client over TLS."""
    done = subprocess.run(
        ("mosquitto_sub", "-h", "127.0.0.1", "-p", str(plant.ports["broker"]), "--cafile", str(plant.folder / "broker.pem"),
         "-u", USER, "-P", PASSWORD, "-t", topic, "-C", "1", "-W", "5"),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def reason(plant: Plant) -> str:
    answer = fetch(f"http://127.0.0.1:{plant.ports['control']}/readyz")
    return str(answer["parts"]["links"]["down"].get("broker", "")) if answer else ""


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_tls_with_password_and_will(secure: Plant, version: str) -> None:
    secure.tree["links"]["broker"]["version"] = version
    secure.start_desk()
    secure.start_gateway(BROKER_PASSWORD=PASSWORD)
    subprocess.run(
        ("mosquitto_pub", "-h", "127.0.0.1", "-p", str(secure.ports["broker"]), "--cafile", str(secure.folder / "broker.pem"),
         "-u", USER, "-P", PASSWORD, "-q", "1", "-t", "dev/counter-1", "-m", json.dumps({"n": 5})),
        check=True,
    )  # fmt: skip
    eventually("the reading", lambda: secure.numbers() == [5])
    assert subscribe(secure, "edgegw/gw/state") == "online"
    secure.kill("gateway")
    eventually("the will", lambda: subscribe(secure, "edgegw/gw/state") == "offline")
    assert PASSWORD not in secure.log("gateway")


def test_a_broker_with_another_authority_is_refused(secure: Plant) -> None:
    secure.tree["links"]["broker"]["tls"] = {"ca": "stranger.pem"}
    secure.start_gateway(ready=False, BROKER_PASSWORD=PASSWORD)
    eventually("the reason", lambda: reason(secure) == "tls")


def test_a_wrong_password_is_a_clear_reason(secure: Plant) -> None:
    secure.start_gateway(ready=False, BROKER_PASSWORD="wrong")
    eventually("the reason", lambda: reason(secure) == "not-authorized")
    assert "wrong" not in secure.log("gateway")


def test_a_missing_secret_names_the_variable(secure: Plant) -> None:
    secure.start_gateway(ready=False)
    assert secure.children["gateway"].wait(20) == 2
    assert "BROKER_PASSWORD" in secure.log("gateway")
    assert "Traceback" not in secure.log("gateway")
