import logging
import os
import traceback

import pytest

from edgegw.config.secret import Secret
from edgegw.config.secrets import MAX_SECRET_BYTES, resolve
from edgegw.errors import ConfigError

VALUE = "s3cr3t-Wert"


def put(path, data=b"s3cr3t-Wert", mode=0o600):
    path.write_bytes(data)
    path.chmod(mode)
    return path


def refused(secret, base, env=None):
    with pytest.raises(ConfigError) as caught:
        resolve(secret, base, env or {})
    assert caught.value.reason == "secret"
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert "s3cr3t" not in told
    return caught.value.detail


def test_file_relative_to_the_site_and_without_its_newline(tmp_path):
    put(tmp_path / "token", VALUE.encode() + b"\r\n")
    assert resolve(Secret(file="token"), tmp_path, {}).get_secret_value() == VALUE


def test_the_value_never_shows_itself(tmp_path, caplog):
    value = resolve(Secret(env="TOKEN"), tmp_path, {"TOKEN": VALUE})
    logging.getLogger("test").warning("%s %r", value, [value])
    assert VALUE not in f"{value} {value!r} {caplog.text}"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
def test_file_open_to_everyone_is_refused_with_the_way_out(tmp_path, mode):
    path = put(tmp_path / "token", mode=mode)
    assert refused(Secret(file="token"), tmp_path).endswith(f"(mode {mode:04o}); run: chmod o-rwx {path}")


def test_group_may_read(tmp_path):
    put(tmp_path / "token", mode=0o640)
    assert resolve(Secret(file="token"), tmp_path, {}).get_secret_value() == VALUE


def test_missing_empty_big_binary_and_many_lines_are_refused(tmp_path):
    base = tmp_path
    assert "No such file" in refused(Secret(file="none"), base)
    put(base / "a", b"\n")
    assert "is empty" in refused(Secret(file="a"), base)
    put(base / "b", b"s3cr3t" * MAX_SECRET_BYTES)
    assert "more than 16 KiB" in refused(Secret(file="b"), base)
    put(base / "c", b"s3cr3t\xff")
    assert "not UTF-8" in refused(Secret(file="c"), base)
    put(base / "d", b"s3cr3t\nmore")
    assert "more than one line" in refused(Secret(file="d"), base)
    assert "not a path" in refused(Secret(file="a\0b"), base)


def test_folder_and_fifo_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refused(Secret(file="pipe"), tmp_path)
    assert "not a regular file" in refused(Secret(file="."), tmp_path)


def test_environment_variable_that_is_not_there(tmp_path):
    assert "TOKEN is not set" in refused(Secret(env="TOKEN"), tmp_path, {"TOKEN": ""})


def test_systemd_credential(tmp_path):
    put(tmp_path / "broker", mode=0o444)  # the folder protects it
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert resolve(Secret(credential="broker"), tmp_path, env).get_secret_value() == VALUE


def test_credential_without_systemd_and_outside_its_folder(tmp_path):
    assert "LoadCredential=broker:" in refused(Secret(credential="broker"), tmp_path)
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert "is not a name" in refused(Secret(credential="../x"), tmp_path, env)
