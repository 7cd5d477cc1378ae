"""The course of a demo, as far as it needs no process: its folder, and what the command line refuses."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edgegw.cli.demo import demo
from edgegw.demo.children import DemoError
from edgegw.demo.play import folder_for
from edgegw.demo.site import Addresses, Cast, site_text
from edgegw.demo.words import ZH, Words


def test_a_temporary_folder_is_removed_whatever_happens() -> None:
    made: list[Path] = []

    def use() -> None:
        with folder_for(None) as folder:
            made.append(folder)
            (folder / "x").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert not made[0].exists()


def test_a_folder_to_keep_is_made_and_kept(tmp_path: Path) -> None:
    with folder_for(tmp_path / "a" / "b") as folder:
        (folder / "x").touch()
    assert (folder / "x").exists()
    with pytest.raises(DemoError, match="is not empty"), folder_for(folder):
        pass


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoError) as raised, folder_for(tmp_path / "file" / "below"):
        pass
    assert raised.value.detail == f"cannot write to {tmp_path}/file/below: not a directory"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--for", "30"], "not a duration"),
        (["--for", "0s"], "longer than 0"),
        (["--json"], "--json needs --for"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--language", "fr"], "'fr' is not one of"),
    ],
)
def test_bad_usage_is_exit_code_2(args: list[str], text: str) -> None:
    result = CliRunner().invoke(demo, args)
    assert result.exit_code == 2
    assert text in result.output


def test_the_site_file_says_what_the_community_said() -> None:
    cast = Cast(
        links={"zigbee": {"kind": "mqtt", "port": 1883}},
        devices={"leak": {"link": "zigbee", "profile": "a/b", "labels": {"building": "3号楼", "room": "0801"}}},
    )
    text = site_text(cast, Addresses(desk=1, control=3), language="zh-CN")
    site = yaml.safe_load(text)
    assert site["links"] == cast.links
    assert site["devices"] == cast.devices
    assert "3号楼" in text  # readable, not escaped
    assert 'room: "0801"' in text  # what some readers take for octal
    assert site["upstream"]["desk"]["url"] == "http://127.0.0.1:1/events"
    assert site["upstream"]["desk"]["tickets"] == {"poll": "http://127.0.0.1:1/api/ticket-updates", "every": "1s"}
    assert site["control"] == {"host": "127.0.0.1", "port": 3}


def test_words_fall_back_to_english() -> None:
    assert Words("zh-CN")("tickets") == ZH["tickets"]
    assert Words("zh-CN")("a text nobody translated") == "a text nobody translated"
    assert Words("en")("tickets") == "tickets"
