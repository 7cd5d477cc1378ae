"""Checks of what acts besides doors: linkages, commands from upstream, the API, response targets.

Owns: what must hold between these sections and devices, doors and scopes; the order in which the acting sections are checked.
Must not know: how anything is carried out.
"""

import fnmatch
from pathlib import Path

from edgegw.config.acting import Action, Api, Commands, Linkage, Targets
from edgegw.config.catalogue import Catalogue, protected
from edgegw.config.check_access import AccessChecks
from edgegw.config.check_doors import DoorChecks
from edgegw.config.check_net import Files, NetChecks, is_loopback, plain_host, template_fault
from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.plan import DevicePlan
from edgegw.config.schema import Control, Gateway, Site
from edgegw.errors import CommandError
from edgegw.rights import parse_scope
from edgegw.rules.own import RESERVED_DEVICES


def commands_id(part: Commands, gateway: Gateway) -> str:
    """The MQTT client id of the session that takes upstream commands."""
    return part.client_id or f"edgegw-{gateway.id}-commands"


class ActingChecks:
    """Goes through the acting sections once; links, devices and upstreams are checked before.

    Args:
        there: devices and doors that can be referred to.
        state: the folder of what the gateway keeps.
    """

    def __init__(self, findings: Findings, there: Catalogue, net: NetChecks, files: Files, state: Path) -> None:
        self._findings = findings
        self._there = there
        self._net = net
        self._files = files
        self._state = state
        self._protected = protected(there.doors, there.devices, there.profiles)

    def all(self, site: Site, *, broken: frozenset[str], store: Path) -> None:
        """Check all of them. `broken`: sections that have a schema problem as a whole; they are passed over."""
        for name in site.devices:
            if name in RESERVED_DEVICES:
                self._findings.error(
                    ("devices", name), f"a device cannot be called {name!r}: the gateway's own alarms are", key=True
                )
        access = AccessChecks(self._findings, self._there, self._net)
        access.timezone(site.gateway.timezone)
        DoorChecks(self._findings, self._there).all(site.doors)
        if not {"access", "doors"} & broken:
            access.all(site.access)
        if "doors" not in broken:
            for name, linkage in site.linkages.items():
                self._linkage(name, linkage)
        if site.commands is not None:
            self._commands(site.commands, site.gateway)
        self._api(site.api, site.control, store)
        self._targets(site.targets)

    # --- linkages -------------------------------------------------------------------------------------------------

    def _linkage(self, name: str, linkage: Linkage) -> None:
        at: Loc = ("linkages", name)
        seen: set[tuple[str, str]] = set()
        for i, when in enumerate(linkage.when):
            loc: Loc = (*at, "when", i)
            if (when.device, when.alarm) in seen:
                self._findings.warn(loc, f"{when.alarm} of {when.device} is there twice")
            seen.add((when.device, when.alarm))
            self._alarm(loc, when.device, when.alarm)
        for i, action in enumerate(linkage.do):
            self._action((*at, "do", i), action)

    def _alarm(self, loc: Loc, device: str, alarm: str) -> None:
        profile = self._there.profile((*loc, "device"), device)
        if profile is None:
            return
        plan: DevicePlan = self._there.devices[device]
        if alarm in plan.alarms:
            return
        if alarm in profile.alarms:
            self._findings.error(
                (*loc, "alarm"), f"{alarm} of {device} is switched off (enabled: false), so this is never raised"
            )
            return
        hint = suggest(alarm, plan.alarms, f"alarms of {device}")
        self._findings.error((*loc, "alarm"), f"{device} has no alarm {alarm!r}; {hint}")

    def _action(self, at: Loc, action: Action) -> None:
        for i, name in enumerate(action.release or ()):
            loc = (*at, "release", i)
            for door in self._there.doors_of(loc, name):
                if self._there.doors[door].lock.release is None:
                    self._findings.error(
                        loc, f"the lock of door {door!r} has no release command; add lock.release to the door"
                    )
        if action.release is not None:
            if not action.release:
                self._findings.error((*at, "release"), "release is empty; name at least one door or door group")
            if action.args:
                self._findings.error((*at, "args"), "a release takes no arguments", key=True)
        if action.device is None or action.command is None:
            return
        self._there.profile((*at, "device"), action.device)
        spec = self._there.command(at, action.device, action.command)
        if spec is None:
            return
        self._there.args(at, action.device, action, spec)
        doors = self._protected.get((action.device, action.command))
        if doors and spec.point is not None:
            self._findings.error(
                (*at, "command"),
                f"{action.command} moves the lock of door {doors[0]!r}; write release: [{doors[0]}] instead, which is kept until "
                "somebody relocks",
            )
        elif doors:
            type_ = self._there.devices[action.device].profile
            self._findings.error(
                (*at, "command"),
                f"{type_} does not say what {action.command} moves, so it may be the lock of door {doors[0]!r}; "
                "add `moves` to it there, or write release",
            )

    # --- commands -------------------------------------------------------------------------------------------------

    def _commands(self, commands: Commands, gateway: Gateway) -> None:
        at: Loc = ("commands",)
        self._net.session(at, commands, commands_id(commands, gateway))
        for key in ("topic", "reply_topic"):
            if fault := template_fault(getattr(commands, key), ("{gateway}",)):
                self._findings.error((*at, key), f"{key} {fault}")
        if commands.topic == commands.reply_topic:
            self._findings.error((*at, "reply_topic"), "outcomes cannot go to the topic that commands come from")
        for name, signer in commands.keys.items():
            for i, scope in enumerate(signer.scopes):
                loc: Loc = (*at, "keys", name, "scopes", i)
                try:
                    parse_scope(scope)
                except CommandError as error:
                    self._findings.error(loc, error.detail)
                    continue
                if idle := self._idle(scope):
                    self._findings.warn(loc, idle)

    def _idle(self, scope: str) -> str | None:
        """Why a scope gives its holder nothing, or None."""
        kind, _, rest = scope.partition(":")
        target, _, action = rest.partition(":")
        if not rest:
            return f"{scope} allows no command; it is for tokens of the API"
        if self._there.incomplete:
            return None
        if kind == "door":
            names = [*self._there.doors, *self._there.groups]
            return None if fnmatch.filter(names, target) else f"no door or door group here is {target!r}"
        for device in fnmatch.filter(self._there.devices, target):
            profile = self._there.profile_of(device)
            if profile is not None and fnmatch.filter(profile.commands, action):
                return None
        return f"no device here that is {target!r} has a command {action!r}"

    # --- the API --------------------------------------------------------------------------------------------------

    def _api(self, api: Api, control: Control, store: Path) -> None:
        at: Loc = ("api",)
        self._net.host(at, api.host)
        self._net.file((*at, "tls_cert"), api.tls_cert)
        self._net.file((*at, "tls_key"), api.tls_key)
        if api.tls_key is not None and api.tls_cert is None:
            self._findings.error(
                (*at, "tls_key"), "a key without a certificate; add tls_cert, or remove tls_key", key=True
            )
        if not api.enabled:
            if api.model_fields_set - {"enabled"}:
                self._findings.warn(at, "the API is off; write enabled: true to have it", key=True)
            return
        if not is_loopback(api.host) and api.tls_cert is None:
            self._findings.error(
                (*at, "host"),
                f"tokens and commands would go to {api.host} unencrypted; add tls_cert and tls_key, or leave host out for "
                "loopback",
            )
        if (user := self._net.broker_at(api.host, api.port)) is not None:
            self._findings.error((*at, "port"), f"{api.host}:{api.port} is the broker of {user}; take another port")
        taken = control.enabled and control.port == api.port != 0
        if taken and _one_address(control.host, api.host):
            self._findings.error((*at, "port"), f"port {api.port} is control's; take another")
        tokens = self._state / api.tokens
        if not api.tokens.strip() or not api.tokens.isprintable() or self._files.is_dir(tokens):
            self._findings.error((*at, "tokens"), f"not a file: {api.tokens!r}; leave it out for edgegw.tokens")
        elif self._files.real(tokens) == self._files.real(store):
            self._findings.error((*at, "tokens"), f"{tokens} is the store; the tokens need a file of their own")

    def _targets(self, targets: Targets) -> None:
        for i, name in enumerate(targets.accept):
            if not self._there.known(name):
                names = [*self._there.devices, *self._there.doors]
                hint = suggest(name, names, "devices and doors")
                self._findings.error(("targets", "accept", i), f"there is no device or door {name!r}; {hint}")


def _one_address(one: str, other: str) -> bool:
    """Whether two listeners of one port would meet."""
    everywhere = {"0.0.0.0", "::", "[::]"}  # noqa: S104 - compared with, not listened on
    return plain_host(one) == plain_host(other) or bool({one.strip(), other.strip()} & everywhere)
