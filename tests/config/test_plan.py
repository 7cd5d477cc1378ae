import pytest

from edgegw.config.plan import RuleError, merge_report, override
from edgegw.config.schema import AlarmOverride, MqttLink
from edgegw.config.upstream import MqttUpstream
from edgegw.profiles.schema import AlarmRule, Report


def rule(**given):
    return AlarmRule.model_validate({"point": "t", "when": {"above": 40, "hysteresis": 2}, "title": "Hot", **given})


def change(**given):
    return AlarmOverride.model_validate(given)


def test_override_changes_only_what_is_given():
    before = rule(**{"for": "10s", "priority": "P2"})
    after = override(before, change(clear_after="1m"))
    assert (after.hold, after.clear_after, after.priority, after.when) == (10.0, 60.0, "P2", before.when)


def test_override_of_a_limit_keeps_the_hysteresis():
    after = override(rule(), change(when={"above": 50})).when
    assert (after.above, after.hysteresis) == (50, 2)


def test_override_of_the_hysteresis_keeps_the_limit():
    after = override(rule(), change(when={"hysteresis": 5})).when
    assert (after.above, after.hysteresis) == (40, 5)


def test_condition_of_another_kind_takes_the_place():
    after = override(rule(), change(when={"rate_above": 1.5})).when
    assert (after.above, after.rate_above, after.hysteresis) == (None, 1.5, 0.0)


@pytest.mark.parametrize("days", [1, 14, 100])
def test_long_times_survive_an_override(days):
    assert override(rule(clear_after=f"{days}d"), change(priority="P1")).clear_after == days * 86400.0


def test_of_two_ways_to_a_priority_the_site_s_takes_the_place_of_the_profile_s():
    after = override(rule(priority="P2"), change(urgency=5))
    assert (after.priority, after.impact, after.urgency) == (None, None, 5)
    after = override(rule(impact=4, urgency=2), change(urgency=5))
    assert (after.priority, after.impact, after.urgency) == (None, 4, 5)
    after = override(rule(impact=4, urgency=2), change(priority="P3"))
    assert (after.priority, after.impact, after.urgency) == ("P3", None, None)
    with pytest.raises(RuleError, match="not both"):
        override(rule(), change(priority="P3", impact=1))


def test_a_moment_does_not_last():
    with pytest.raises(RuleError, match="does not last"):
        override(rule(when={"changed": True}), change(**{"for": "5s"}))


def test_report_merges_key_by_key():
    before = Report(on_change=True, deadband=0.5)
    after = merge_report(before, Report.model_validate({"max_interval": "10m"}))
    assert (after.on_change, after.deadband, after.max_interval) == (True, 0.5, 600.0)


def test_devices_that_change_nothing_share_their_alarms(plan_of):
    lines = "\n".join(f"  d{i}: {{link: z, profile: acme/leak, address: a{i}}}" for i in range(3))
    devices = list(plan_of(lines).devices.values())
    assert devices[0].alarms is devices[1].alarms
    assert sorted(devices[0].alarms) == ["hot", "leak", "moved", "offline"]


def test_switched_off_alarms_are_gone_and_own_rules_are_there(plan_of):
    device = plan_of(
        "  d: {link: z, profile: acme/leak, address: a, alarms: {hot: {enabled: false}, leak: {priority: P2}},\n"
        "      rules: {cold: {point: temperature, when: {below: 4}, title: Cold}}}"
    ).devices["d"]
    assert sorted(device.alarms) == ["cold", "leak", "moved", "offline"]
    assert device.alarms["leak"].priority == "P2"


def test_a_device_report_reaches_every_point(plan_of):
    device = plan_of("  d: {link: z, profile: acme/leak, address: a, report: {max_interval: 10m}}").devices["d"]
    assert device.report.max_interval == 600.0
    assert (device.reports["temperature"].deadband, device.reports["temperature"].max_interval) == (0.5, 600.0)


def test_defaults_are_resolved(plan_of, tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    plan = plan_of(
        "  d: {link: z, profile: acme/leak, address: a}",
        links="z: {kind: mqtt, tls: {ca: ca.pem}}",
        more="upstream: {p: {kind: mqtt, accept: puback}}",
        state=tmp_path / "state",
    )
    link, upstream = plan.links[0].config, plan.upstream["p"]
    assert isinstance(link, MqttLink)
    assert isinstance(upstream, MqttUpstream)
    assert link.tls is not None
    assert (link.client_id, upstream.client_id) == ("edgegw-g1-z", "edgegw-g1-up-p")
    assert link.tls.ca == str(tmp_path / "ca.pem")
    assert plan.store.path == tmp_path / "state" / "edgegw.db"
    assert plan.devices["d"].name == "d"


def test_devices_may_share_one_of_their_topics(plan_of, library):
    whole = library.get("acme/leak")
    half = whole.model_copy(
        update={
            "points": {
                **whole.points,
                "mode": whole.points["mode"].model_copy(
                    update={"mqtt": whole.points["mode"].mqtt.model_copy(update={"topic": "z/{address}/mode"})}
                ),
            }
        }
    )
    library._loaded["acme/half"] = half
    plan = plan_of("  a: {link: z, profile: acme/leak, address: x}\n  b: {link: z, profile: acme/half, address: x}")
    assert list(plan.devices) == ["a", "b"]
