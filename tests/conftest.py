"""What holds for every test: how many examples Hypothesis tries, who may open sockets, who runs beside whom.

Files named test_*_io.py, and everything under tests/e2e, may use the network (loopback); all other tests run without it: a
unit test that connects somewhere fails. Unix sockets stay allowed, asyncio's event loop wakes itself through one.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

settings.register_profile("quick", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def _may_use_network(item: pytest.Item) -> bool:
    return item.path.stem.endswith("_io") or "e2e" in item.path.parts or item.path.stem.endswith("_e2e")


HARDWARE = frozenset({"gate", "lobby"})
"""Fixtures with simulated hardware that answers in milliseconds: one at a time, or two of them keep each other waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes (`make test`): all hardware in one, file by file in the other, which helps out when it is done."""
    for item in items:
        path = item.path.as_posix()
        used = set(getattr(item, "fixturenames", ()))
        hardware = used & HARDWARE or ("/links/" in path and item.path.stem.endswith("_io"))
        item.add_marker(pytest.mark.xdist_group("hardware" if hardware else path))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if not _may_use_network(item):
        disable_socket(allow_unix_socket=True)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    enable_socket()
