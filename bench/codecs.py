"""What each codec costs: from a frame's bytes to values, microseconds per message. Told, without a target."""

import time
from collections.abc import Callable, Mapping

from bench.figure import Figure, told
from edgegw.codec import cards, cjt188, dlt645, gst9000, modbus, osdp, wiegand

MESSAGES = 20_000


def _dlt645(frame: bytes) -> object:
    return dlt645.value(dlt645.read_reply(dlt645.parse(frame), "558890213594", "00010000"), "XXXXXX.XX")


def _cjt188(frame: bytes) -> object:
    return cjt188.volume(cjt188.read_reply(cjt188.parse(frame), "78330011223344", "901F", 0).data)


def _modbus(frame: bytes) -> object:
    return modbus.parse_pair(bytes.fromhex("01040000000271CB"), frame)


def _osdp(frame: bytes) -> object:
    return osdp.reply_fields(osdp.plain_reply(frame), parity=True)


CODECS: Mapping[str, tuple[Callable[[bytes], object], str]] = {
    "modbus": (_modbus, "010404436633341B38"),
    "dlt645": (_dlt645, "6894352190885568910833333433593533338116"),
    "cjt188": (_cjt188, "68104433221100337881161F9000007766552C007766552C3101221105152021841316"),
    "rdm6300": (cards.rdm6300, "0231303030383646343434323603"),
    "em-binary": (cards.em_binary, "020A0206008E6D5DB003"),
    "vguang": (cards.vguang, "55AA300800733334353436333483"),
    "wiegand": (wiegand.from_bits, b"00101101000000001010001000".hex()),
    "osdp": (_osdp, "53801000055000011A002D00A2007517"),
    "gst9000": (
        gst9000.parse,
        "1B3630382F31322F3032202031373A32340A20203030342D3030340A1B39CAD7B4CEBBF0BEAF0AC8B9C2A5D2BBB2E3C9CFBFD50AB8D0D1CCCCBDB2E2C6F7",
    ),
}
"""Name to what turns a frame into values, and a frame; published ones, see tests/codec."""


def run(*, quick: bool = False) -> list[Figure]:
    """Best of three, to leave out what the machine did meanwhile."""
    count = MESSAGES // 10 if quick else MESSAGES
    return [_one(name, parse, bytes.fromhex(frame), count) for name, (parse, frame) in CODECS.items()]


def _one(name: str, parse: Callable[[bytes], object], frame: bytes, count: int) -> Figure:
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(count):
            parse(frame)
        best = min(best, (time.perf_counter() - began) / count * 1e6)
    return told(f"codec.{name}", best, "µs/message", messages=count, bytes=len(frame))
