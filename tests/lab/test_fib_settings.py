"""The settings of the FIB, changed while routes are there: they move without a gap."""

import pytest

from fib import (
    FORMS, PROTOCOL, Ground, Monitor, address_of, hops_via, is_ipv6, kernel_hops,
    kernel_objects, kernel_route, kernel_routes)
from lab import wait_until

FOUR, SIX = "10.7.0.0/24", "2001:db8:7::/64"
AGGREGATE, AGGREGATE6 = "10.50.0.0/16", "2001:db8:50::/48"
LAST_METRIC = 4294967295


@pytest.fixture
def ground(lab, build, form):
    return Ground(lab, build, form).start()


def say_both(ground):
    for prefix in (FOUR, SIX):
        ground.speakers[0].say(prefix, "r1", local_pref=200)
        ground.speakers[1].say(prefix, "r2", local_pref=200)
    for prefix in (FOUR, SIX):
        ground.wait_via(prefix, "r1", "r2")


@pytest.mark.parametrize("place", [
    {"metric": 70}, {"protocol": 99}, {"table": 77}, {"table": 77, "metric": 70, "protocol": 99}],
    ids=["metric", "protocol", "table", "all"])
def test_place(ground, place):
    """Table, protocol and metric; what was in the old place is gone, what others have is not."""
    say_both(ground)
    ground.node.ip("route add 10.7.9.0/24 via 10.0.1.1 metric 20 proto static")
    ground.node.ip("route add 10.7.9.0/24 via 10.0.1.1 metric 70 proto static table 77")
    old = f"table {ground.keys.get('table', 'main')} proto {PROTOCOL} metric 20"
    ground.reconfigure(**place)
    new = (f"table {place.get('table', 'main')} proto {place.get('protocol', PROTOCOL)}"
           f" metric {place.get('metric', 20)}")
    for prefix in (FOUR, SIX):
        ground.wait_hops(prefix, hops_via(prefix, "r1", "r2"), new)
    wait_until(lambda: not kernel_routes(ground.node, old), "none in the old place")
    ground.speakers[0].unsay(FOUR)
    ground.wait_hops(FOUR, hops_via(FOUR, "r2"), new)
    ground.reconfigure(table=None, metric=None, protocol=None)
    ground.wait_via(FOUR, "r2")
    ground.wait_via(SIX, "r1", "r2")
    wait_until(lambda: not kernel_routes(ground.node, new), "none in the new place")
    assert len(kernel_routes(ground.node, "proto static table all")) == 2


def test_forms_change_by_reload(ground):
    """From plain routes to objects or back; no route is missing for a moment."""
    say_both(ground)
    monitor = Monitor(ground.node)
    first = ground.form
    for form_ in (next(each for each in FORMS if each != first), first):
        ground.reconfigure(form=form_)
        for prefix in (FOUR, SIX):
            ground.wait_via(prefix, "r1", "r2")
    for prefix in (FOUR, SIX):
        assert not monitor.deleted(prefix), monitor.lines()


def test_install_and_multipath(ground):
    say_both(ground)
    ground.reconfigure(multipath=1)
    wait_until(lambda: all(len(hops) == 1 for hops in ground.all_hops().values()), "one hop each")
    ground.reconfigure(install="false")
    wait_until(lambda: not ground.all_hops(), "no routes")
    wait_until(lambda: not kernel_objects(ground.node), "no objects")
    wait_until(lambda: not ground.kbgpd.ctl("fib"), "nothing is shown")
    ground.reconfigure(install=None, multipath=None)
    for prefix in (FOUR, SIX):
        ground.wait_via(prefix, "r1", "r2")


def test_metric_of_a_filter(ground):
    """A rule's own metric stands in place of fib.metric, for the routes that it accepts."""
    say_both(ground)
    text = ground.configuration().replace("{action: accept}", (
        "{match: {prefixes: [10.7.0.0/24]}, action: accept, set: {metric: 33}},"
        " {action: accept}"))
    ground.kbgpd.configure(text)
    ground.kbgpd.ctl_text("reload")
    for speaker in ground.speakers:
        speaker.go()
        speaker.come()
    wait_until(lambda: kernel_hops(ground.node, FOUR, "metric 33 proto 186") == hops_via(
        FOUR, "r1", "r2"), "the other metric")
    ground.wait_via(SIX, "r1", "r2")
    wait_until(lambda: kernel_route(ground.node, FOUR, "metric 20") is None, "not both")


def test_default_route_only_if_a_filter_accepts_it(ground):
    rules = ("- {name: inner, rules: [{match: {prefixes: [{prefix: 10.0.0.0/8, le: 32},"
             ' {prefix: "2001:db8::/32", le: 128}]}, action: accept}]}\n')
    text = ground.configuration("inner").replace("filters:\n", f"filters:\n{rules}")
    ground.kbgpd.configure(text)
    ground.kbgpd.ctl_text("reload")
    for prefix in ("0.0.0.0/0", "::/0", FOUR, SIX):
        ground.speakers[0].say(prefix, "r1")
    for prefix in (FOUR, SIX):
        ground.wait_via(prefix, "r1")
    assert set(ground.all_hops()) == {FOUR, SIX}
    ground.reconfigure()
    for speaker in ground.speakers:
        speaker.go()
        speaker.come()
    for prefix in ("0.0.0.0/0", "::/0"):
        ground.wait_via(prefix, "r1")


# Aggregates


def aggregate(ground, prefix, selector=f"proto {PROTOCOL}"):
    """The kind and metric of the kernel's route."""
    route = kernel_route(ground.node, prefix, selector)
    return (route["type"], route["metric"]) if route else None


@pytest.mark.parametrize("kind", ["blackhole", "unreachable"])
def test_aggregates(lab, build, form, kind):
    """What is announced and not used does not loop between this node and its router."""
    ground = Ground(lab, build, form, rest=(
        "advertisements:\n- {name: whole, type: Prefix, prefixes:"
        f' ["{AGGREGATE}", "{AGGREGATE6}", 10.51.0.1/32]}}\n'), aggregates=kind).start()
    node = ground.node
    numbers = {"blackhole": ("blackhole", "6", 6), "unreachable": ("unreachable", "7", 7)}[kind]

    def are_there():
        for prefix in (AGGREGATE, AGGREGATE6):
            found, metric = aggregate(ground, prefix) or (None, None)
            assert found in numbers and metric == LAST_METRIC
        return True
    wait_until(are_there, "the aggregates")
    assert kernel_route(node, "10.51.0.1/32") is None, "a host route is the address itself"
    # A ping to an address that nobody has would go to the router and come back, 60 times.
    node.ip("route add default via 10.0.1.1")
    ground.routers["r1"].ip("route add 10.50.0.0/16 via 10.0.1.2")
    before = sent_packets(node, "r1")
    ground.routers["r1"].ping("10.50.3.3")
    assert sent_packets(node, "r1") - before < 20
    # What is in it is longer; what is as long is better by its metric.
    ground.speakers[0].say("10.50.7.0/24", "r2")
    ground.wait_via("10.50.7.0/24", "r2")
    node.ip(f"route add {AGGREGATE} via 10.0.2.1 metric 5 proto static")
    assert "via 10.0.2.1" in node.ip("route get 10.50.9.9")
    # It is owned as all of our routes.
    for prefix in (AGGREGATE, AGGREGATE6):
        node.ip(f"{'-6' if is_ipv6(prefix) else '-4'} route del {kind} {prefix}"
                f" metric {LAST_METRIC}")
    wait_until(are_there, "put back")
    ground.kbgpd.restart(9)
    wait_until(are_there, "after a restart")
    ground.reconfigure(aggregates="none")
    wait_until(lambda: aggregate(ground, AGGREGATE) is None
               and aggregate(ground, AGGREGATE6) is None, "none")
    ground.reconfigure(aggregates=kind)
    wait_until(are_there, "there again")
    ground.rest = ""
    ground.reconfigure()
    wait_until(lambda: aggregate(ground, AGGREGATE) is None
               and aggregate(ground, AGGREGATE6) is None, "gone with the advertisement")


def sent_packets(node, interface):
    link, = node.ip_json(f"-s link show dev {interface}")
    return link["stats64"]["tx"]["packets"]


# Source addresses


def source_of(ground, prefix):
    return (kernel_route(ground.node, prefix) or {}).get("prefsrc")


def test_source_addresses(lab, build, form):
    """The preferred source of our routes, while it is an address of this node."""
    ground = Ground(lab, build, form, sourceAddresses='[10.88.0.1, "2001:db8:88::1"]').start()
    sources = {FOUR: "10.88.0.1", SIX: "2001:db8:88::1"}
    say_both(ground)
    assert [source_of(ground, prefix) for prefix in sources] == [None, None]
    ground.node.address("lo", "10.88.0.1/32", "2001:db8:88::1/128")
    for prefix, source in sources.items():
        wait_until(lambda p=prefix, s=source: source_of(ground, p) == s, f"source of {prefix}")
        ground.wait_via(prefix, "r1", "r2")
    ground.speakers[0].say("10.7.1.0/24", "r1")
    wait_until(lambda: source_of(ground, "10.7.1.0/24") == "10.88.0.1", "that of a new route")
    for prefix, source in sources.items():
        ground.node.ip(f"address del {source}/{128 if is_ipv6(source) else 32} dev lo")
        wait_until(lambda p=prefix: kernel_route(ground.node, p)
                   and source_of(ground, p) is None, f"{prefix} without a source")
        ground.wait_via(prefix, "r1", "r2")
    ground.node.address("lo", "10.88.0.1/32", "2001:db8:88::1/128")
    for prefix, source in sources.items():
        wait_until(lambda p=prefix, s=source: source_of(ground, p) == s, f"source of {prefix}")
    ground.reconfigure(sourceAddresses=None)
    for prefix in sources:
        wait_until(lambda p=prefix: source_of(ground, p) is None, f"{prefix} without a source")
        ground.wait_via(prefix, "r1", "r2")


# Backup routes


def backup_hops(ground, prefix, metric=21):
    return kernel_hops(ground.node, prefix, f"proto {PROTOCOL} metric {metric}")


def wait_backup(ground, prefix, *routers):
    wanted = hops_via(prefix, *routers) if routers else None
    wait_until(lambda: backup_hops(ground, prefix) == wanted, f"backup of {prefix}: {wanted}")


@pytest.fixture
def with_backup(lab, build, form):
    return Ground(lab, build, form, routers=3, speakers=3, backup="true").start()


def wait_primary(ground, prefix, *routers):
    wait_until(lambda: kernel_hops(ground.node, prefix, f"proto {PROTOCOL} metric 20")
               == hops_via(prefix, *routers), f"{prefix} by {routers}")


@pytest.mark.parametrize("prefix", [FOUR, SIX])
def test_backup(with_backup, prefix):
    """The best of the paths that lead elsewhere, at the next metric."""
    ground = with_backup
    one, two, three = ground.speakers
    one.say(prefix, "r1", local_pref=300)
    two.say(prefix, "r2", local_pref=200)
    three.say(prefix, "r3", local_pref=100)
    wait_primary(ground, prefix, "r1")
    wait_backup(ground, prefix, "r2")
    rows = [row for row in ground.kbgpd.ctl("fib") if row["prefix"] == prefix]
    assert sorted((row["metric"], bool(row.get("backup"))) for row in rows) == [
        (20, False), (21, True)]
    ground.node.ip("link set dev r2 down")
    wait_backup(ground, prefix, "r3")
    ground.node.ip("link set dev r2 up")
    wait_backup(ground, prefix, "r2")
    ground.node.ip("link set dev r1 down")
    wait_primary(ground, prefix, "r2")
    wait_backup(ground, prefix, "r3")
    ground.node.ip("link set dev r1 up")
    wait_primary(ground, prefix, "r1")
    wait_backup(ground, prefix, "r2")
    # Two that are equal need none but a third one.
    two.say(prefix, "r2", local_pref=300)
    wait_primary(ground, prefix, "r1", "r2")
    wait_backup(ground, prefix, "r3")
    three.unsay(prefix)
    wait_backup(ground, prefix)
    two.say(prefix, "r1", local_pref=200)
    wait_primary(ground, prefix, "r1")
    wait_backup(ground, prefix)
    two.say(prefix, "r3", local_pref=200)
    wait_backup(ground, prefix, "r3")
    ground.reconfigure(backup="false")
    wait_backup(ground, prefix)
    wait_primary(ground, prefix, "r1")
    ground.reconfigure(backup="true")
    wait_backup(ground, prefix, "r3")
    ground.speakers[0].unsay()
    wait_primary(ground, prefix, "r3")
    wait_backup(ground, prefix)
    ground.speakers[1].unsay()
    ground.wait_gone(prefix)


@pytest.mark.parametrize("prefix", [FOUR, SIX])
def test_backup_is_kept_true(with_backup, prefix):
    """It is put back as the primary one is, and survives a restart."""
    ground = with_backup
    one, two, _ = ground.speakers
    one.say(prefix, "r1", local_pref=300)
    two.say(prefix, "r2", local_pref=200)
    wait_backup(ground, prefix, "r2")
    ground.node.ip(f"route del {prefix} metric 21 proto {PROTOCOL}")
    wait_backup(ground, prefix, "r2")
    ground.node.ip(f"route replace {prefix} via {address_of('r3', prefix)} metric 21"
                   f" proto {PROTOCOL}")
    wait_backup(ground, prefix, "r2")
    if ground.with_objects:
        ground.node.ip("nexthop flush")
        wait_primary(ground, prefix, "r1")
        wait_backup(ground, prefix, "r2")
    monitor = Monitor(ground.node)
    ground.kbgpd.restart(9)
    for speaker in ground.speakers:
        speaker.go()
        speaker.come()
    wait_until(lambda: {(row["metric"], row["state"]) for row in ground.kbgpd.ctl("fib")} == {
        (20, "installed"), (21, "installed")}, "both are ours again")
    assert not monitor.deleted(prefix)
    wait_primary(ground, prefix, "r1")
    wait_backup(ground, prefix, "r2")
    ground.speakers[1].unsay()
    wait_backup(ground, prefix)


def test_backup_when_a_route_to_the_next_hop_goes(with_backup):
    """The link is up: it is the removal of the primary routes that lets the backup work."""
    ground = with_backup
    ground.node.ip("route add 10.9.0.0/24 via 10.0.1.1")
    one, two, _ = ground.speakers
    prefixes = [f"10.7.{number}.0/24" for number in range(50)]
    for prefix in prefixes:
        one.say(prefix, "10.9.0.9", local_pref=300)
        two.say(prefix, "r2", local_pref=200)
    for prefix in (prefixes[0], prefixes[-1]):
        wait_primary(ground, prefix, "r1")
        wait_backup(ground, prefix, "r2")
    ground.node.ip("route del 10.9.0.0/24")
    for prefix in (prefixes[0], prefixes[-1]):
        wait_primary(ground, prefix, "r2")
        wait_backup(ground, prefix)
    ground.node.ip("route add 10.9.0.0/24 via 10.0.3.1")
    for prefix in (prefixes[0], prefixes[-1]):
        wait_primary(ground, prefix, "r3")
        wait_backup(ground, prefix, "r2")
    assert ground.lost_no_session()
