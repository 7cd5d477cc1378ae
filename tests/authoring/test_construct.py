"""Constructed samples pass for every shipped profile: what is made up is what the profile reads."""

import pytest

from edgegw.authoring import construct
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.samples import SAMPLE_ADDRESS, run
from edgegw.profiles.schema import Sample

LIBRARY = ProfileLibrary()


REGISTERS = [name for name in LIBRARY.names() if "link: modbus" in LIBRARY.path(name).read_text()]


@pytest.mark.parametrize("name", REGISTERS)
def test_every_block_of_every_shipped_profile(name):
    profile = LIBRARY.get(name)
    made = [Sample.model_validate(one) for one in construct.samples(profile, "constructed")]
    assert len(made) == len(poll_plan(profile))
    for sample in made:
        assert sample.error is None
        assert run(profile, compile_profile(profile, SAMPLE_ADDRESS), sample) == ""
    scaled = {name for name, point in profile.points.items() if point.modbus is not None and point.modbus.others}
    assert set(profile.points) - scaled <= {name for sample in made for name in sample.readings or {}}


@pytest.mark.parametrize("name", ["zigbee2mqtt/leak", "tasmota/relay", "shelly/plug-s-gen3"])
def test_topics(name):
    profile = LIBRARY.get(name)
    made = [Sample.model_validate(one) for one in construct.samples(profile, "constructed")]
    assert made
    for sample in made:
        assert run(profile, compile_profile(profile, SAMPLE_ADDRESS), sample) == ""


def test_other_links_have_none():
    assert construct.samples(LIBRARY.get("generic/rdm6300"), "constructed") == []
