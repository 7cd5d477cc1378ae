"""Whose a message is: topics, shared topics, strangers, garbage."""

import pytest

from edgegw.links.mqtt_routes import Dispatch, matches, routes
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary

EVENT = "access_device/v2/event/access"


@pytest.fixture(scope="module")
def terminals():
    profile = ProfileLibrary().get("vguang/vf105")
    return {name: compile_profile(profile, name.upper()) for name in ("aa", "bb")}


@pytest.fixture
def shared(terminals):
    return Dispatch(routes((d, c.topics()) for d, c in terminals.items()), matches(terminals.items()))


def test_a_shared_topic_gives_each_device_its_own(shared):
    assert shared.devices(EVENT, b'{"uuid":"AA"}') == ("aa",)
    assert shared.devices(EVENT, b'{"uuid":"BB","data":[]}') == ("bb",)


@pytest.mark.parametrize("payload", [b'{"uuid":"CC"}', b"{}", b'{"uuid":null}', b"[1]", b"7", b""])
def test_a_stranger_s_message_is_nobody_s(shared, payload):
    assert shared.devices(EVENT, payload) == ()


def test_garbage_goes_to_one_device_so_that_it_is_kept(shared):
    assert shared.devices(EVENT, b"{garbage") == ("aa",)


def test_a_topic_nobody_has(shared):
    assert shared.devices("other", b"{}") is None


def test_devices_that_read_all_of_a_shared_topic_get_all_of_it():
    both = Dispatch({"t": ("all", "one")}, {"t": {"one": (("id",), "1")}})
    assert both.devices("t", b'{"id":1}') == ("all", "one")
    assert both.devices("t", b'{"id":2}') == ("all",)
    assert both.devices("t", b"garbage") == ("all",)


def test_live_topics_are_not_among_the_kept_ones(terminals):
    one = terminals["aa"]
    assert one.live_topics() == ("access_device/v2/event/access_online",)
    assert not set(one.live_topics()) & set(one.topics())
