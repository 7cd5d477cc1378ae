"""Which MQTT profile fits what was heard on a topic tree, at which address, and why.

Owns: topics to addresses by the profiles' templates, and weighing what each profile reads of the messages.
Must not know: sessions, how long was listened.

A profile of a family (Zigbee2MQTT's share a topic) is told by the points that few others of it have: `water_leak` says more than
`battery`. Values of secret points are masked; payloads never leave this module.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from edgegw.access.blot import blotted
from edgegw.errors import DecodeError
from edgegw.model import MqttPayload, Value
from edgegw.probe.found import Fit, Found, judged
from edgegw.profiles.convert import as_text
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.decode_mqtt import parse_json, walk
from edgegw.profiles.schema import Profile

ADDRESS = "{address}"

OWN_BITS, COMMON_BITS = 3.0, 0.5
"""For a point that was read: one that few profiles of its topic have, one that many have."""

UNSEEN_BITS = -1.0
"""For an own point that was not: partial updates leave some out."""

LEVEL_BITS, LEVELS_MOST = 0.5, 3
"""For each level that the topic has in common with the template, and how many count."""

ONLINE_BITS = 0.5
"""For a message on the availability topic that says it."""

REFUSED_BITS = -3.0
"""For each topic with a message that the profile refuses."""

DEEP_BITS = -2.0
"""For an address of several levels: names may hold ``/``, but a topic below the device's is more likely."""

COMMON_SHARE = 0.5
FAMILY_LEAST = 3
"""A point is common if more than this share of at least so many profiles with its topic read it."""

MOST_DEVICES = 500
"""Devices told of one tree; a community's broker has a few hundred."""

TOLD = 4

Messages = Mapping[str, Sequence[MqttPayload]]
"""Topic → messages heard, in order."""


class Template(Struct, frozen=True):
    """A topic of a profile, ready to find addresses in."""

    text: str
    pattern: re.Pattern[str]
    levels: int
    path: tuple[str, ...] = ()

    def address(self, topic: str, payloads: Iterable[bytes]) -> list[str]:
        """The addresses for which the topic is this one; of a shared topic those its messages name."""
        if not self.pattern.groups:
            if topic != self.text or not self.path:
                return []
            return list(dict.fromkeys(named for payload in payloads if (named := self._named(payload))))
        found = self.pattern.fullmatch(topic)
        return [found[1]] if found else []

    def _named(self, payload: bytes) -> str | None:
        try:
            return as_text(walk(parse_json(payload), self.path))
        except DecodeError:
            return None


def templates(profile: Profile) -> tuple[Template, ...]:
    """The topics of an MQTT profile, those of its points and of its availability."""
    decoder = compile_profile(profile, ADDRESS)
    match = profile.mqtt.match
    path = tuple(match.path.split(".")) if match is not None else ()
    made = []
    for text in (*decoder.topics(), *decoder.live_topics()):
        parts = [re.escape(part) for part in text.split(ADDRESS)]
        pattern = parts[0] + "".join(("(.+)" if n == 0 else r"\1") + part for n, part in enumerate(parts[1:]))
        levels = sum(bool(level) and ADDRESS not in level for level in text.split("/"))
        made.append(Template(text, re.compile(pattern, re.DOTALL), levels, path if ADDRESS not in text else ()))
    return tuple(made)


class Heard(Struct, frozen=True):
    """What a topic tree holds.

    Attributes:
        found: the devices that some profile fits, by address; at most `MOST_DEVICES`.
        unread: what none reads, as (first two levels of the topic, topics, messages), most messages first.
    """

    found: tuple[Found, ...]
    unread: tuple[tuple[str, int, int], ...]


def identify(messages: Messages, profiles: Mapping[str, Profile]) -> Heard:
    """The devices behind what was heard. The order of the topics does not matter, that of a topic's messages does."""
    messages = dict(sorted(messages.items()))
    ours = {name: profile for name, profile in profiles.items() if profile.link == "mqtt"}
    common = _common(ours)
    fits: dict[str, list[Fit]] = {}
    topics: dict[str, dict[str, None]] = {}
    for name, profile in ours.items():
        known = templates(profile)
        heard: dict[str, dict[str, Template]] = {}
        for topic, said in messages.items():
            for template in known:
                for address in template.address(topic, [message.payload for message in said]):
                    if address in heard or len(heard) < MOST_DEVICES:
                        heard.setdefault(address, {})[topic] = template
        for address, own in heard.items():
            fit = _fit(name, profile, address, own, messages=messages, common=common)
            if fit is not None:
                fits.setdefault(address, []).append(fit)
                topics.setdefault(address, {}).update(dict.fromkeys(own))
    made = [Found("mqtt", address, next(iter(topics[address])), judged(of)) for address, of in sorted(fits.items())]
    found = _without_shadows([one for one in made if one.fits])[:MOST_DEVICES]
    read = {topic for one in found for topic in topics[str(one.address)]}
    return Heard(found, _unread({topic: said for topic, said in messages.items() if topic not in read}))


def _without_shadows(found: Sequence[Found]) -> tuple[Found, ...]:
    """Without addresses that are only topics below a device that fits at least as well: ``lamp/availability`` beside ``lamp``."""
    bits = {str(one.address): one.fits[0].bits for one in found}

    def shadow(address: str, own: float) -> bool:
        above = address.rpartition("/")[0]
        while above:
            if bits.get(above, 0.0) >= own:
                return True
            above = above.rpartition("/")[0]
        return False

    return tuple(one for one in found if not shadow(str(one.address), one.fits[0].bits))


def _places(profile: Profile) -> dict[str, tuple[str, str]]:
    """Point → (topic template, path)."""
    return {
        name: (point.mqtt.topic or profile.mqtt.topic, point.mqtt.path)
        for name, point in profile.points.items()
        if point.mqtt is not None
    }


def _common(profiles: Mapping[str, Profile]) -> frozenset[tuple[str, str]]:
    """The places that many profiles of a topic read."""
    sharing: Counter[tuple[str, str]] = Counter()
    family: Counter[str] = Counter()
    for profile in profiles.values():
        places = set(_places(profile).values())
        sharing.update(places)
        family.update({topic for topic, _ in places})
    return frozenset(
        place
        for place, n in sharing.items()
        if family[place[0]] >= FAMILY_LEAST and n > COMMON_SHARE * family[place[0]]
    )


def _fit(
    name: str,
    profile: Profile,
    address: str,
    own: Mapping[str, Template],
    *,
    messages: Messages,
    common: frozenset[tuple[str, str]],
) -> Fit | None:
    """How well one profile fits an address; None if it reads nothing of it."""
    decoder = compile_profile(profile, address)
    secret = frozenset(point for point, spec in profile.points.items() if spec.secret)
    readings: dict[str, Value] = {}
    online: bool | None = None
    refused: dict[str, str] = {}
    for topic in own:
        for message in messages[topic]:
            try:
                decoded = decoder.decode(message)
            except DecodeError as error:
                refused[topic] = f"{topic}: {error.reason}"
                continue
            readings |= {reading.point: reading.value for reading in blotted(decoded, secret).readings}
            online = decoded.online if decoded.online is not None else online
    if not readings:
        return None
    places = _places(profile)
    special = [point for point in places if places[point] not in common]
    seen = [point for point in special if point in readings]
    bits = OWN_BITS * min(len(seen), 3) + COMMON_BITS * (len(readings) - len(seen))
    bits += UNSEEN_BITS * min(len(special) - len(seen), 3) + REFUSED_BITS * len(refused)
    bits += LEVEL_BITS * min(max(template.levels for template in own.values()), LEVELS_MOST)
    bits += (ONLINE_BITS if online is not None else 0.0) + (DEEP_BITS if "/" in address else 0.0)
    why = [f"{len(readings)} of {len(places)} points read from {len(own)} {'topic' if len(own) == 1 else 'topics'}"]
    if seen:
        why.append(", ".join(_told(profile, point, readings[point], point in secret) for point in seen[:TOLD]))
    why += [f"refused {reason}" for reason in list(refused.values())[:TOLD]]
    hindered = (
        f"refused {next(iter(refused.values()))}" if refused else "" if seen else "only points that many devices have"
    )
    return Fit(name, round(bits, 3), tuple(why), readings, hindered)


def _told(profile: Profile, point: str, value: Value, secret: bool) -> str:  # noqa: FBT001 - a property of the point
    if secret:
        return f"{point} can be read"
    shown = str(value) if len(str(value)) <= 30 else str(value)[:29] + "…"
    unit = profile.points[point].unit
    return f"{point} {shown} {unit}" if unit else f"{point} {shown}"


def _unread(messages: Messages) -> tuple[tuple[str, int, int], ...]:
    topics: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for topic, said in messages.items():
        levels = topic.split("/")
        prefix = "/".join(levels[:2]) + ("/…" if len(levels) > 2 else "")
        topics[prefix] += 1
        counted[prefix] += len(said)
    return tuple((prefix, topics[prefix], n) for prefix, n in counted.most_common())
