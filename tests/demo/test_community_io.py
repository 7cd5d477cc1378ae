"""The community as a process: it introduces itself, reaches the broker, answers, and leaves nothing behind."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from edgegw.demo.children import Child
from edgegw.demo.stage import free_port
from simulators.community_cast import devices_of
from simulators.community_story import LOOP_S, SCENES


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[int]:
    port = free_port("127.0.0.1")
    child = Child("broker", [sys.executable, "-m", "simulators.broker", "--port", str(port)], folder=tmp_path)
    await child.start()
    yield port
    await child.stop(now=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ports"
    made.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_it_introduces_itself_plays_and_leaves_no_file(broker: int, folder: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "simulators.community", "--mqtt", f"127.0.0.1:{broker}", "--folder", str(folder)]
    community = Child("community", argv, folder=tmp_path)
    async with aiomqtt.Client("127.0.0.1", broker, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("zigbee2mqtt/#", qos=1)
        await community.start()
        links, devices = community.ready["links"], community.ready["devices"]
        assert isinstance(links, dict)
        assert isinstance(devices, dict)
        assert {str(link["kind"]) for link in links.values()} == {"mqtt", "modbus-rtu", "modbus-tcp", "serial"}
        assert all(device["link"] in links for device in devices.values())
        assert names(folder) == ["card-reader", "rs485", "scanner"]
        await community.ask("leak")
        wet: list[bool] = []
        async with asyncio.timeout(10):
            async for message in client.messages:
                if str(message.topic) == "zigbee2mqtt/leak-1203":
                    assert isinstance(message.payload, bytes)
                    wet.append(json.loads(message.payload)["water_leak"])
                    if len(wet) == 4:
                        break
        assert wet == [True, True, False, False]
    report = await community.ask("finish")
    assert report is not None
    assert report["flushed"] is True
    assert isinstance(report["sent"], dict)
    assert report["sent"]["mqtt"] >= 4 + 7  # a leak, and every sensor's availability
    await community.stop()
    assert names(folder) == []


def test_every_text_is_there_in_both_languages() -> None:
    chinese, english = devices_of("zh-CN"), devices_of("en")
    assert chinese.keys() == english.keys()
    assert chinese["leak-1203"]["labels"] == {"building": "3号楼", "unit": "2单元", "room": "1203"}
    assert str(english).isascii() is False  # titles carry both
    assert all(str(device["name"]).isascii() for device in english.values())


def test_the_story_starts_soon_is_in_order_and_fits_its_loop() -> None:
    times = [scene.at_s for scene in SCENES]
    assert times == sorted(times)
    assert times[0] <= 2
    assert times[-1] + 10 <= LOOP_S
