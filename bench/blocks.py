"""What a Modbus block costs, from registers to readings, and what loading every shipped profile does; the first is only told."""

import time

from bench.figure import Figure, at_most, told
from edgegw.codec.modbus import parse_pair
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.decode_modbus import ModbusDecoder
from edgegw.profiles.loader import ProfileLibrary

BLOCKS = 20_000
LOAD_MS = 500.0
"""All profiles in half a second: `edgegw profile list`, `check` and a start must not feel them."""

PROFILES = {
    "float32": "eastron/sdm630",
    "scaled-by-ratio": "chint/dtsu666-ct",
    "bits": "advantech/adam-6060",
}
"""What it shows, and the profile whose longest sample is decoded."""


def run(*, quick: bool = False) -> list[Figure]:
    """Best of three, to leave out what the machine did meanwhile."""
    count = BLOCKS // 10 if quick else BLOCKS
    library = ProfileLibrary()
    return [*(_block(kind, name, library, count) for kind, name in PROFILES.items()), _loading()]


def _block(kind: str, name: str, library: ProfileLibrary, count: int) -> Figure:
    profile = library.get(name)
    sample = max((s for s in profile.samples if s.error is None), key=lambda s: len(s.readings or ()))
    raw = parse_pair(sample.request or b"", sample.hex or b"")
    decoder = compile_profile(profile, None)
    if isinstance(decoder, ModbusDecoder):
        decoder.learn(sample.given)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(count):
            decoder.decode(raw)
        best = min(best, (time.perf_counter() - began) / count * 1e6)
    return told(f"block.{kind}", best, "µs/block", blocks=count, points=len(sample.readings or ()))


def _loading() -> Figure:
    """All shipped profiles, samples run, in a library that has read none yet."""
    best = float("inf")
    for _ in range(3):
        library, began = ProfileLibrary(), time.perf_counter()
        names = library.names()
        for name in names:
            library.get(name)
        best = min(best, (time.perf_counter() - began) * 1e3)
    return at_most("profiles.load", best, LOAD_MS, "ms", profiles=len(names))
