"""Checks of the feeds that a site declares: that their members and causes are there.

Owns: what must hold of them. Must not know: what becomes of alarms in a feed (service.troubles).
"""

from collections.abc import Collection, Mapping

from edgegw.config.catalogue import Catalogue
from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.service import FeedCause, FeedSection
from edgegw.config.service_specs import door_conditions, feed_members


class FeedChecks:
    """Goes through the feeds once. `links`: all links of the file."""

    def __init__(self, findings: Findings, there: Catalogue, links: Collection[str]) -> None:
        self._findings = findings
        self._there = there
        self._links = links

    def all(self, feeds: Mapping[str, FeedSection]) -> None:
        """Check all of them."""
        for name, feed in feeds.items():
            self._feed(("service", "feeds", name), feed)

    def _feed(self, at: Loc, feed: FeedSection) -> None:
        there = self._there
        for i, name in enumerate(feed.devices):
            if not there.known(name):
                hint = suggest(name, [*there.devices, *there.doors], "devices and doors")
                self._findings.error((*at, "devices", i), f"there is no device or door {name!r}; {hint}")
        for i, name in enumerate(feed.links):
            self._link((*at, "links", i), name)
        for i, cause in enumerate(feed.causes):
            self._cause((*at, "causes", i), cause)
        members = feed_members(feed, there.devices, there.doors)
        if there.incomplete:
            return
        if feed.labels and not members - {*feed.devices, *(f"link/{link}" for link in feed.links)} - self._on(
            feed.links
        ):
            given = ", ".join(f"{name}: {value!r}" for name, value in feed.labels.items())
            self._findings.warn((*at, "labels"), f"no further device or door has the labels {given}")
        if not members:
            self._findings.error(at, "nothing is on this feed; give devices, links or labels", key=True)

    def _on(self, links: Collection[str]) -> set[str]:
        return {device.id for device in self._there.devices.values() if device.link in links}

    def _link(self, loc: Loc, name: str) -> None:
        if name not in self._links:
            self._findings.error(loc, f"there is no link {name!r}; {suggest(name, self._links, 'links')}")

    def _cause(self, at: Loc, cause: FeedCause) -> None:
        given = [key for key in ("device", "door", "link") if getattr(cause, key) is not None]
        if len(given) != 1:
            self._findings.error(at, "a cause is an alarm of exactly one device, door or link")
        elif cause.link is not None:
            self._link((*at, "link"), cause.link)
            if cause.alarm is not None:
                self._findings.error((*at, "alarm"), "a link has one alarm, that it is down; leave this out", key=True)
        elif cause.alarm is None:
            self._findings.error(at, "say which alarm is the cause: add alarm")
        elif cause.device is not None:
            self._device(at, cause.device, cause.alarm)
        elif cause.door is not None:
            self._door(at, cause.door, cause.alarm)

    def _device(self, at: Loc, device: str, alarm: str) -> None:
        profile = self._there.profile((*at, "device"), device)
        if profile is None or alarm in (alarms := self._there.devices[device].alarms):
            return
        if alarm in profile.alarms:
            message = f"{alarm} of {device} is switched off (enabled: false), so this is never raised"
        else:
            message = f"{device} has no alarm {alarm!r}; {suggest(alarm, alarms, f'alarms of {device}')}"
        self._findings.error((*at, "alarm"), message)

    def _door(self, at: Loc, door: str, alarm: str) -> None:
        spec = self._there.doors.get(door)
        if spec is None:
            if not self._there.known(door):
                hint = suggest(door, self._there.doors, "doors")
                self._findings.error((*at, "door"), f"there is no door {door!r}; {hint}")
            return
        known = {f"{kind}-{reader}" if reader else kind for kind, reader in door_conditions(spec)}
        if alarm not in known:
            hint = suggest(alarm, known, f"conditions of {door}")
            self._findings.error((*at, "alarm"), f"{door} has no condition {alarm!r}; {hint}")
