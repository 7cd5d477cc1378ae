from pathlib import Path

import pytest

from edgegw.config.check import plan_site
from edgegw.config.loader import read_site
from edgegw.config.plan import SitePlan
from edgegw.config.site import LocalFiles
from edgegw.profiles.loader import ProfileLibrary

PROFILES = Path(__file__).parent / "profiles"


@pytest.fixture
def library():
    return ProfileLibrary([PROFILES])


@pytest.fixture
def plan_of(tmp_path, library):
    """Text of a site file → its plan; sections that are not given are filled in."""

    def make(devices: str, *, more: str = "", links: str = "z: {kind: mqtt}", state: Path | None = None) -> SitePlan:
        path = tmp_path / "site.yaml"
        path.write_text(f"gateway: {{id: g1}}\nlinks: {{{links}}}\ndevices:\n{devices}\n{more}", encoding="utf-8")
        return plan_site(read_site(path), library, files=LocalFiles(), state=state)

    return make
