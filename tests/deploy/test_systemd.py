"""The shipped unit, judged by systemd's own tools, offline."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgegw.control.notify import DEFAULT_PERIOD_S

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = SYSTEMD / "edgegw.service"
EXECUTABLE = "/opt/edgegw/bin/edgegw"
THRESHOLD = 20
"""Exposure in tenths: 2.0 of 10."""


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


class Values(dict):
    """Keys of a unit may repeat; the values are joined with newlines."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.fixture
def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(dict_type=Values, strict=False, delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(UNIT)
    return parser["Service"]


@needs("systemd-analyze")
def test_verify_has_no_complaint(tmp_path):
    text = UNIT.read_text()
    assert text.count(f"ExecStart={EXECUTABLE} run ") == 1
    copy = tmp_path / UNIT.name  # the same unit, with an executable that is there
    copy.write_text(text.replace(EXECUTABLE, sys.executable))
    done = run("systemd-analyze", "verify", "--man=no", copy)
    assert (done.returncode, done.stdout) == (0, "")


@needs("systemd-analyze")
def test_verify_would_complain(tmp_path):
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(EXECUTABLE, sys.executable).replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in run("systemd-analyze", "verify", "--man=no", copy).stdout


@needs("systemd-analyze")
def test_security_is_within_the_threshold():
    done = run("systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", "--no-pager", UNIT)
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_it_announces_itself_and_is_watched(service):
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "main"
    assert float(service["WatchdogSec"]) == DEFAULT_PERIOD_S
    assert service["Restart"] == "always"
    assert "StartLimitIntervalSec=0" in UNIT.read_text()
    assert "ExecReload" not in service


def test_it_runs_as_a_static_user_with_serial_ports_by_group(service):
    assert (service["User"], service["Group"]) == ("edgegw", "edgegw")
    assert service["SupplementaryGroups"] == "dialout"
    assert service["DevicePolicy"] == "closed"
    assert set(service["DeviceAllow"].split("\n")) == {
        f"char-{driver} rw" for driver in ("ttyS", "ttyUSB", "ttyACM", "ttyAMA")
    }
    assert service["LoadCredential"].startswith("edgegw:/")


def test_what_the_daemon_needs_of_proc_is_left_visible(service):
    assert "ProcSubset" not in service


@needs("systemd-sysusers")
@pytest.mark.skipif(os.geteuid() != 0, reason="systemd-sysusers gives its files to root")
def test_sysusers_makes_the_user(tmp_path):
    (tmp_path / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "edgegw.sysusers.conf")
    assert done.returncode == 0, done.stdout
    fields = (tmp_path / "etc/passwd").read_text().strip().split(":")
    assert (fields[0], fields[5], fields[6]) == ("edgegw", "/var/lib/edgegw", "/usr/sbin/nologin")


def test_tmpfiles_keeps_secrets_to_root_and_configuration_read_only():
    rows = [r.split() for r in (SYSTEMD / "edgegw.tmpfiles.conf").read_text().splitlines() if r.startswith("d")]
    modes = {path: (mode, user, group) for _, path, mode, user, group, _ in rows}
    assert modes["/etc/edgegw/credentials"] == ("0700", "root", "root")
    assert modes["/etc/edgegw"] == ("0750", "root", "edgegw")


def test_libraries_live_with_memory_deny_write_execute(service):
    assert service["MemoryDenyWriteExecute"] == "yes"
    code = (
        "import ctypes, mmap, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(3)\n"  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
        "try: mmap.mmap(-1, 4096, prot=7)\n"
        "except OSError: pass\n"
        "else: sys.exit(4)\n"
        "import aiohttp.web, msgspec, paho.mqtt.client, prometheus_client, pydantic, pymodbus.client, sdnotify, serialx\n"
        "import sqlalchemy, sqlite3, ssl, yaml\n"
        "ssl.create_default_context()\n"
        "sqlalchemy.create_engine('sqlite://').connect().close()\n"
        "from edgegw.config.schema import Site\n"
    )
    done = run(sys.executable, "-c", code)
    if done.returncode == 3:
        pytest.skip("the kernel has no PR_SET_MDWE (before 6.3)")
    assert done.returncode == 0, done.stdout
