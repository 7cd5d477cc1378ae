"""Entries put into the text of a site file."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from edgegw.errors import ConfigError
from edgegw.probe.adding import Entry, added, make_id, named
from edgegw.profiles.fields import Slug
from edgegw.yamlpos import parse

SITE = """# The community's gateway.
gateway: {id: gw-1, language: en}
links:
  bus1: {kind: modbus-rtu, port: /dev/ttyUSB0}   # the roof

devices:
    # the meters
    meter-1:   # main
        link: bus1
        profile: eastron/sdm120
        address: 1

    # below the last one, still the devices'

# What goes out.
upstream: {}
"""

METER = Entry("bus1", "eastron/sdm120", 7, "found by probe: 3 of 3 blocks answered")


def test_an_entry_goes_behind_the_last_device_and_nothing_else_moves():
    text = added(SITE, {"sdm120-7": METER})
    assert text == SITE.replace(
        "    # below the last one, still the devices'\n",
        "    # below the last one, still the devices'\n"
        "    sdm120-7:  # found by probe: 3 of 3 blocks answered\n"
        "      link: bus1\n"
        "      profile: eastron/sdm120\n"
        "      address: 7\n",
    )
    assert parse(text, "x").data["devices"]["sdm120-7"] == {"link": "bus1", "profile": "eastron/sdm120", "address": 7}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\n\ndevices:\n  x-7:\n"),
        ("a: 1\ndevices:\n", "a: 1\ndevices:\n  x-7:\n"),
        ("a: 1\ndevices:   # none yet\n\nb: 2\n", "a: 1\ndevices:   # none yet\n  x-7:\n"),
        ("a: 1\ndevices:\n  y: {link: l}", "a: 1\ndevices:\n  y: {link: l}\n  x-7:\n"),
    ],
    ids=["no section", "an empty one", "an empty one with a comment", "no line end"],
)
def test_sections_of_any_form(before, after):
    assert added(before, {"x-7": Entry("l", "v/x", 7)}).startswith(after)


def test_line_ends_stay_as_they_are():
    text = added(SITE.replace("\n", "\r\n"), {"sdm120-7": METER})
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize(
    "devices", ["devices: {}", "devices: {a: {link: l}}", "devices: []", "devices: x", "devices:\n  - a"]
)
def test_what_lines_cannot_be_put_into_is_refused_and_says_where(devices):
    with pytest.raises(ConfigError, match="line 2: write `devices:`"):
        added(f"a: 1\n{devices}\n", {"x-7": Entry("l", "v/x", 7)})


@pytest.mark.parametrize("text", ["a: [", "- a", "", "a: 1\n...\n"])
def test_a_file_that_is_none_is_refused(text):
    with pytest.raises(ConfigError):
        added(text, {"x-7": Entry("l", "v/x", 7)})


def test_an_id_that_is_there_is_never_overwritten():
    with pytest.raises(ConfigError):
        added(SITE, {"meter-1": METER})


def test_ids_are_free_and_of_the_models_name():
    entries = named([METER, METER, Entry("mqtt", "zigbee2mqtt/leak", "厨房 leak/1")], {"sdm120-7"})
    assert list(entries) == ["sdm120-7-2", "sdm120-7-3", "leak-leak-1"]
    assert make_id(Entry("l", "v/x", "厨房"), ()) == "x"


SLUG = TypeAdapter(Slug)
names = st.from_regex(re.compile(r"[a-z0-9][a-z0-9_.-]{0,20}", re.ASCII), fullmatch=True)
addresses = st.integers(0, 255) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20
)
entries = st.builds(Entry, names, st.just("v/model-1"), addresses, st.text(max_size=20))


@given(st.lists(entries, max_size=4), st.sets(names, max_size=4))
def test_whatever_is_added_is_read_back_beside_what_was_there(found, taken):
    devices = "".join(f'  "{name}": {{link: l}}\n' for name in sorted(taken))
    text = f"# top\na: 1\ndevices:\n{devices}\n# end\nb: 2\n"
    made = named(found, taken)
    assert len(made) == len(found)
    assert not set(made) & taken
    for id_ in made:
        SLUG.validate_python(id_)
    data = parse(added(text, made), "x").data
    assert data["a"] == 1
    assert data["b"] == 2
    assert {k: (v["link"], v.get("address")) for k, v in (data["devices"] or {}).items()} == {
        **dict.fromkeys(taken, ("l", None)),
        **{id_: (entry.link, entry.address) for id_, entry in made.items()},
    }
