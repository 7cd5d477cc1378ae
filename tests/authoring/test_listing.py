"""device_profiles/README.md is the table of what there is."""

import os

from edgegw.authoring.listing import counted, markdown
from edgegw.profiles.loader import ProfileLibrary, shipped_profiles

LIBRARY = ProfileLibrary()


def test_the_page_is_up_to_date():
    """EDGEGW_WRITE_DOCS=1 brings it up to date."""
    page = markdown({name: LIBRARY.get(name) for name in LIBRARY.names()})
    path = shipped_profiles() / "README.md"
    if os.environ.get("EDGEGW_WRITE_DOCS"):
        path.write_text(page, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page


def test_what_counts_as_captured():
    assert counted(LIBRARY.get("eastron/sdm120"))[0] == 0
    assert counted(LIBRARY.get("shelly/plug-s-gen3"))[0] == 1
