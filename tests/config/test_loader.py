import os
import string
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgegw.config.check import plan_site
from edgegw.config.loader import load_site, read_site
from edgegw.config.site import LocalFiles, open_site, secret_problems
from edgegw.errors import ConfigError
from edgegw.profiles.loader import ProfileLibrary
from edgegw.yamlpos import MAX_BYTES

EXAMPLE = Path(__file__).parents[2] / "deploy" / "edgegw.example.yaml"
LIBRARY = ProfileLibrary([Path(__file__).parent / "profiles"])


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert caught.value.reason in {"file", "site"}
    return caught.value.detail


def test_missing_file_is_one_line(tmp_path):
    assert (
        refused(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: no such file; deploy/edgegw.example.yaml is a start"
    )


def test_a_folder_is_no_site_file(tmp_path):
    assert refused(tmp_path) == f"{tmp_path}: not a file; name the site file itself"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_one_line(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("gateway: {}")
    path.chmod(0)
    assert refused(path) == f"{path}: cannot be read: Permission denied"


def test_fifo_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in refused(tmp_path / "pipe")


def test_not_utf8_says_where(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_bytes("gateway:\n  id: g1\n  location: 三号楼\n".encode("gb2312"))
    assert refused(path) == f"{path}:3:13: not UTF-8; save the file as UTF-8"


def test_too_big_is_one_line(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert refused(path) == f"{path}: larger than 4 MiB; is it the site file?"


def test_a_byte_order_mark_is_fine(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.read_bytes())
    assert load_site(path).site.gateway.id == "riverside-3"


def test_what_is_right_in_a_file_with_errors_is_still_there(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("gateway: {id: G}\nlinks: {a: {kind: mqtt}, b: {kind: x}}\ndevices: {d: {link: a, profile: p/q}}\n")
    loaded = read_site(path)
    assert list(loaded.site.links) == ["a"]
    assert loaded.broken == {("gateway",), ("links", "b")}
    assert len(loaded.problems) == 2


def plan_or_error(path: Path) -> None:
    """Anything but ConfigError is a defect."""
    with suppress(ConfigError):
        plan_site(read_site(path), LIBRARY, files=LocalFiles())


FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(
    data=st.one_of(st.binary(max_size=300), st.text(alphabet=string.printable + "é三", max_size=300).map(str.encode))
)
def test_any_bytes_give_a_config_error(tmp_path, data):
    path = tmp_path / "site.yaml"
    path.write_bytes(data)
    plan_or_error(path)


BASE = EXAMPLE.read_text(encoding="utf-8")
WORDS = sorted({w for w in BASE.replace(":", " ").split() if len(w) < 30})
SPICE = [
    "{}",
    "[]",
    "null",
    "~",
    "true",
    "-1",
    "1e400",
    ".nan",
    "0x7fffffffffffffff",
    "'",
    '"',
    "&a",
    "*a",
    "!!set",
    "<<",
    "\t",
    "- ",
    "? ",
    "|",
    ">",
    "%",
    "99999999999999999999999",
    '"\\0"',
    '"\\ud800"',
    "{address}",
    "+",
    "#",
    "",
    "\n",
    ": ",
]


@FUZZ
@given(st.data())
def test_any_change_of_the_example_gives_a_plan_or_a_config_error(tmp_path, data):
    text = BASE
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        end = min(len(text), at + data.draw(st.integers(0, 40)))
        text = text[:at] + data.draw(st.sampled_from(SPICE + WORDS)) + text[end:]
    path = tmp_path / "site.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    plan_or_error(path)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(WORDS))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)


@FUZZ
@given(st.data())
def test_any_value_in_any_place_gives_a_plan_or_a_config_error(tmp_path, data):
    """Values of any type at any key of the example, written as JSON, which YAML reads."""
    import json

    import yaml

    site = yaml.safe_load(BASE)
    here = site
    while True:
        key = data.draw(st.sampled_from(sorted(here)))
        if not isinstance(here[key], dict) or not here[key] or data.draw(st.booleans()):
            here[key] = data.draw(VALUES)
            break
        here = here[key]
    path = tmp_path / "site.yaml"
    path.write_text(json.dumps(site), encoding="utf-8")
    plan_or_error(path)


PARTS = """\
gateway: {{id: g}}
profiles: [{folder}]
store: {{path: {store}}}
links:
  z: {{kind: mqtt, host: {host}, username: u, password: {{file: {file}}}, tls: {{ca: {ca}}}}}
  s: {{kind: serial, port: {port}}}
devices: {{d: {{link: z, profile: {profile}, address: {address}}}}}
upstream: {{u: {{kind: http, url: {url}}}}}
"""
GOOD = {
    "folder": f'"{Path(__file__).parent / "profiles"}"',
    "store": "x.db",
    "host": "h",
    "file": "f",
    "ca": "/etc/passwd",
    "port": "/dev/x",
    "profile": "acme/leak",
    "address": "a",
    "url": '"https://h/"',
}
ODD = [
    "a\\0b",
    "~nobody/x",
    "/" + "a" * 5000,
    "a/" + "b" * 5000,
    "[",
    "https://[::1",
    "/.." * 3000,
    "/" + "é" * 300,
    "\\uFFFF",
    " ",
    "",
]


@pytest.mark.parametrize("part", GOOD)
def test_odd_text_where_the_system_is_asked_is_no_traceback(tmp_path, part):
    path = tmp_path / "site.yaml"
    for odd in ODD:
        path.write_text(PARTS.format(**(GOOD | {part: f'"{odd}"'})), encoding="utf-8")
        with suppress(ConfigError):
            secret_problems(open_site(path, {}), {})
