"""Card readers' and scanners' frames to fields.

Owns: RDM6300 (ASCII), EM binary, VGuang TLV: lengths, checksums, the card number as it is printed.
Must not know: framing, which point a field becomes, whose card it is.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import reduce
from operator import xor

from edgegw.errors import DecodeError

Fields = dict[str, str | int]

_STX, _ETX = 0x02, 0x03


def _xor(data: Iterable[int]) -> int:
    return reduce(xor, data, 0)


def _card(ident: bytes) -> Fields:
    """Fields of a 5-byte EM4100 identity: version byte, then the 32-bit number, printed with ten digits or as facility,number."""
    number = int.from_bytes(ident[1:])
    return {
        "card": f"{number:010d}",
        "wiegand": f"{ident[2]:03d},{number & 0xFFFF:05d}",
        "hex": ident.hex().upper(),
        "version": ident[0],
    }


def rdm6300(frame: bytes) -> Fields:
    """STX, 10 hex digits (version, number), 2 hex digits XOR of the five bytes, ETX. 9600 8N1, repeats while a card stays.

    Source: RDM6300 data sheet; ``0231303030383646343434323603`` is card 0008844356.
    """
    if len(frame) != 14 or frame[0] != _STX or frame[-1] != _ETX:
        raise DecodeError("bad-frame", f"{len(frame)} bytes, or not from STX to ETX")
    try:
        data = bytes.fromhex(frame[1:13].decode("ascii"))
    except ValueError as error:
        raise DecodeError("bad-frame", "not hex digits between STX and ETX") from error
    if len(data) != 6:  # fromhex skips blanks
        raise DecodeError("bad-frame", "blanks between the hex digits")
    if _xor(data[:5]) != data[5]:
        raise DecodeError("bad-checksum", f"XOR is {_xor(data[:5]):02X}, the frame says {data[5]:02X}")
    return _card(data[:5])


def em_binary(frame: bytes) -> Fields:
    """STX, length (of all), card type, 5 bytes identity, XOR from length to identity, ETX.

    Source: ``020A0206008E6D5DB003`` is card 0009334109.
    """
    if len(frame) != 10 or frame[0] != _STX or frame[1] != len(frame) or frame[-1] != _ETX:
        raise DecodeError("bad-frame", f"{len(frame)} bytes, or not from STX to ETX")
    if _xor(frame[1:8]) != frame[8]:
        raise DecodeError("bad-checksum", f"BCC is {_xor(frame[1:8]):02X}, the frame says {frame[8]:02X}")
    return {**_card(frame[3:8]), "type": frame[2]}


def vguang(frame: bytes) -> Fields:
    """55 AA, command, length (2 bytes, low first), data, XOR of all before it. Data that is text is also given as text."""
    if len(frame) < 6 or frame[:2] != b"\x55\xaa":
        raise DecodeError("bad-frame", "does not begin with 55 AA, or too short")
    size = int.from_bytes(frame[3:5], "little")
    if len(frame) != size + 6:
        raise DecodeError("bad-frame", f"the length field says {size} bytes of data, there are {len(frame) - 6}")
    if _xor(frame[:-1]) != frame[-1]:
        raise DecodeError("bad-checksum", f"XOR is {_xor(frame[:-1]):02X}, the frame says {frame[-1]:02X}")
    data = frame[5:-1]
    fields: Fields = {"cmd": frame[2], "hex": data.hex().upper()}
    with suppress(UnicodeDecodeError):  # card numbers come as plain bytes; `hex` has them
        fields["text"] = data.decode("utf-8")
    return fields
