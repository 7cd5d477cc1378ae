"""Card frames against real ones."""

from edgegw.codec.framing import StxEtx
from simulators.serial_devices import em_frame, rdm6300_frame


def test_frames_are_those_of_real_readers():
    assert rdm6300_frame(8844356).hex() == "0231303030383646343434323603"
    assert em_frame(9334109).hex().upper() == "020A0206008E6D5DB003"


def test_the_gateways_framer_takes_them():
    stream = rdm6300_frame(1) + rdm6300_frame(0xFFFFFFFF, facility=0xAB)
    assert StxEtx(b"\x02", b"\x03", 32, 0.1).feed(stream, 0) == [stream[:14], stream[14:]]
