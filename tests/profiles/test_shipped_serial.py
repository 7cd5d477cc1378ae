"""Serial devices that talk by themselves: published frames are samples; what a fire panel prints raises and clears alarms."""

import pytest

from edgegw.clock import ManualClock
from edgegw.codec.framing import make_framer
from edgegw.model import Frame
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.rules.engine import DeviceSpec, RuleEngine

PANEL = [
    "1B3630382F31322F3032202031373A32340A20203030342D3030340A1B39CAD7B4CEBBF0BEAF0AC8B9C2A5D2BBB2E3C9CFBFD50AB8D0D1CCCCBDB2E2C6F70A0A",
    "1B3630382F31322F3032202031373A32310A20203030362D3030370A1B39BBF0BEAFBAF3D0F80AD6D0D1CCC1F9B2E3BCC6BBAED6B2BF0AB8D0D1CCCCBDB2E2C6F70A0A",
    "1B3630382F31322F3032202031373A32350A20200A1B39CFB5CDB3B8B4CEBB0A0A",
]
PUBLISHED = {
    "gst/gst9000": PANEL,
    "generic/wiegand-serial": [b"00101101000000001010001000\r\n".hex().upper()],
}
FAULT = "\x1b608/12/02  17:26\n  004-009\n\x1b9故障\n地下一层车库\n感烟探测器\n\n".encode("gb2312")


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_frames_are_samples(name):
    used = {sample.hex.hex().upper() for sample in ProfileLibrary().get(name).samples if sample.hex}
    assert set(PUBLISHED[name]) <= used


class Panel:
    """A fire panel's line, from bytes to alarms."""

    def __init__(self):
        profile = ProfileLibrary().get("gst/gst9000")
        self.clock = ManualClock()
        self.framer = make_framer(profile.serial.framing)
        self.decoder = compile_profile(profile, None)
        spec = DeviceSpec(
            "p", "消防主机", "A座", {}, profile.alarms, profile.report, {}, profile.offline_after, "gst/gst9000"
        )
        self.engine = RuleEngine(
            gateway="g", language="zh-CN", devices=[spec], alarms={}, presence={}, now=self.clock.now()
        )

    def prints(self, data):
        """Returns the names of the alarms that are active a minute later."""
        self.clock.advance(60)
        for frame in self.framer.feed(data, self.clock.now().mono_ns):
            self.engine.decoded("p", self.decoder.decode(Frame(frame)), self.clock.now())
        self.clock.advance(60)
        self.engine.tick(self.clock.now())
        return {view.dedup_key.rsplit("/", 1)[1] for view in self.engine.active_alarms()}


def test_a_fire_lasts_until_the_reset_whatever_else_is_printed():
    panel = Panel()
    first, later, reset = map(bytes.fromhex, PANEL)
    assert panel.prints(first) == {"fire"}
    assert panel.prints(later) == {"fire"}
    assert panel.prints(FAULT) == {"fire", "fault"}
    assert panel.prints("\x1b6\x1b9故障恢复\n\n".encode("gb2312")) == {"fire"}
    assert panel.prints(reset) == set()


def test_a_torn_record_still_raises_the_fire():
    first = bytes.fromhex(PANEL[0])
    assert Panel().prints(first[20:]) == {"fire"}
    panel = Panel()
    assert panel.prints(first[:-1]) == set()  # its last byte is lost: the record ends with the next one
    assert panel.prints(FAULT) == {"fire", "fault"}


def test_priorities_and_category():
    alarms = ProfileLibrary().get("gst/gst9000").alarms
    assert (alarms["fire"].priority, alarms["fault"].priority, alarms["supervisory"].priority) == ("P1", "P2", "P2")
    assert {alarm.category for alarm in alarms.values()} == {"fire"}
