"""The kernel's table is ours to keep true: over restarts, and whatever others do to it."""

import signal

import pytest

from daemons import Kbgpd
from fib import (
    FIRST_OBJECT, FORMS, OBJECTS, PROTOCOL, Ground, Monitor, address_of, delete_routes, hops_of,
    hops_via, is_ipv6, kernel_hops, kernel_objects, kernel_route, kernel_routes)
from lab import stays, wait_until

FOUR, SIX = "10.7.0.0/24", "2001:db8:7::/64"
STALE = {"10.6.0.0/24": "r1", "2001:db8:6::/64": "r2", "10.6.1.0/24": "r2"}
KEPT = {FOUR: "r1", SIX: "r1", "10.7.1.0/24": "r2"}


@pytest.fixture
def ground(lab, build, form):
    return Ground(lab, build, form).start()


def say_all(ground, routes):
    for prefix, router in routes.items():
        ground.speakers[0].say(prefix, router)
    # A set of two as well.
    ground.speakers[0].say("10.5.0.0/24", "r1")
    ground.speakers[1].say("10.5.0.0/24", "r2")


def wait_all(ground, routes):
    for prefix, router in routes.items():
        ground.wait_via(prefix, router)
    ground.wait_via("10.5.0.0/24", "r1", "r2")


def other_form(form):
    return next(each for each in FORMS if each != form)


@pytest.mark.parametrize("end", ["TERM", "KILL", "other form"])
def test_routes_of_the_run_before(ground, end):
    """They stay until the tables are complete; then what nobody wants any more goes."""
    say_all(ground, {**KEPT, **STALE})
    wait_all(ground, {**KEPT, **STALE})
    monitor = Monitor(ground.node)
    ground.kbgpd.stop(signal.SIGKILL if end == "KILL" else signal.SIGTERM)
    for speaker in ground.speakers:
        speaker.go()
    for prefix in STALE:
        del ground.speakers[0].held[prefix]
    if end == "other form":
        ground.form = other_form(ground.form)
        ground.with_objects = ground.form == "objects"
        ground.kbgpd.configure(ground.configuration())
    ground.kbgpd.start()
    wait_until(lambda: {row["prefix"] for row in ground.kbgpd.ctl("fib")
                        if row["state"] == "stale"} == {*KEPT, *STALE, "10.5.0.0/24"}, "stale ones")
    # One neighbour is back and has not said that this is all.
    ground.speakers[0].come(end=False)
    for prefix, router in KEPT.items():
        ground.wait_state(prefix, "installed")
    assert set(ground.all_hops()) == {*KEPT, *STALE, "10.5.0.0/24"}
    ground.speakers[0].finish()
    ground.speakers[1].come()
    ground.wait_gone(*STALE)
    wait_all(ground, KEPT)
    for prefix in (*KEPT, "10.5.0.0/24"):
        assert not monitor.deleted(prefix), monitor.lines()
    for prefix in STALE:
        assert monitor.deleted(prefix)


def test_next_hops_moved_meanwhile(ground):
    """While nobody watched, a link went and routes with it, and others announce other hops."""
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    ground.kbgpd.stop(signal.SIGKILL)
    for speaker in ground.speakers:
        speaker.go()
    ground.node.ip("link set dev r1 down")
    ground.speakers[0].say(FOUR, "r2")
    ground.node.ip("route del 10.7.1.0/24")
    ground.node.ip("link set dev r1 up")
    ground.kbgpd.start()
    for speaker in ground.speakers:
        speaker.come()
    wait_all(ground, {**KEPT, FOUR: "r2"})


def delete_route(node, prefix):
    node.ip(f"route del {prefix}")


def change_route(node, prefix):
    """It looks like ours, and leads elsewhere."""
    node.ip(f"route replace {prefix} via {address_of('r2', prefix)} metric 20 proto {PROTOCOL}")


def delete_all(node, prefix):
    delete_routes(node, "-6" if is_ipv6(prefix) else "-4")


@pytest.mark.parametrize("prefix", [FOUR, SIX])
@pytest.mark.parametrize("spoil", [delete_route, change_route, delete_all])
def test_what_others_do_to_our_routes(ground, prefix, spoil):
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    for _ in range(3):
        spoil(ground.node, prefix)
        ground.wait_via(prefix, "r1")
    wait_all(ground, KEPT)
    assert ground.sample("kbgpd_fib_repaired_total") >= 3


@pytest.mark.parametrize("prefix", [FOUR, SIX])
def test_somebody_takes_the_place(ground, prefix):
    """Another's route in place of ours stays; ours is back when it goes."""
    ground.speakers[0].say(prefix, "r1")
    ground.wait_via(prefix, "r1")
    ground.node.ip(f"route replace {prefix} via {address_of('r2', prefix)} metric 20 proto static")
    assert "protocol static" in ground.wait_state(prefix, "failed")["error"]
    foreign = hops_via(prefix, "r2")
    stays(lambda: kernel_hops(ground.node, prefix, "metric 20") == foreign, 0.5, "theirs")
    ground.speakers[0].unsay(prefix)
    wait_until(lambda: not ground.shown(prefix), "nothing is shown")
    ground.speakers[0].say(prefix, "r1")
    ground.wait_state(prefix, "failed")
    ground.speakers[0].say(prefix, "r2")
    assert kernel_hops(ground.node, prefix, "proto static") == foreign
    ground.node.ip(f"route del {prefix} proto static")
    ground.wait_via(prefix, "r2")


@pytest.mark.parametrize("prefix", [FOUR, SIX])
def test_somebody_was_there_first(ground, prefix):
    ground.node.ip(f"route add {prefix} via {address_of('r2', prefix)} metric 20 proto static")
    ground.speakers[0].say(prefix, "r1")
    ground.speakers[0].say("10.7.9.0/24", "r1")
    ground.wait_via("10.7.9.0/24", "r1")
    ground.wait_state(prefix, "failed")
    assert kernel_route(ground.node, prefix) is None
    # At another metric nobody is in the way.
    ground.node.ip(f"route add {prefix} via {address_of('r2', prefix)} metric 10 proto static")
    ground.node.ip(f"route del {prefix} metric 20")
    ground.wait_via(prefix, "r1")
    ground.speakers[0].unsay(prefix)
    ground.wait_gone(prefix)
    assert kernel_hops(ground.node, prefix, "proto static") == hops_via(prefix, "r2")


# Next-hop objects


@pytest.fixture
def with_objects(ground, form):
    """A ground in the form with objects, a set of one and one of two; the other form has none."""
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    return ground


def flush_objects(node, objects):
    node.ip("nexthop flush")


def delete_objects(node, objects):
    """One by one, groups first; what goes with a member is no error."""
    for number in sorted(objects, key=lambda each: "group" not in objects[each]):
        node.succeeds("ip", "nexthop", "del", "id", number)


def delete_members(node, objects):
    for number, each in objects.items():
        if "group" not in each:
            node.succeeds("ip", "nexthop", "del", "id", number)


def change_objects(node, objects):
    """Each leads to r2 or to another address there."""
    for number, each in objects.items():
        if "group" not in each:
            gateway = "2001:db8:0:2::9" if is_ipv6(each["gateway"]) else "10.0.2.9"
            node.ip(f"nexthop replace id {number} via {gateway} dev r2 proto {PROTOCOL}")


def change_groups(node, objects):
    """Each has its first member only."""
    for number, each in objects.items():
        if "group" in each:
            node.ip(f"nexthop replace id {number} group {each['group'][0]['id']}"
                    f" proto {PROTOCOL}")


def blackhole_objects(node, objects):
    for number, each in objects.items():
        if "group" not in each and not is_ipv6(each["gateway"]):
            node.succeeds("ip", "nexthop", "replace", "id", number, "blackhole", "proto", PROTOCOL)


@pytest.mark.parametrize("spoil", [flush_objects, delete_objects, delete_members, change_objects,
                                   change_groups, blackhole_objects])
def test_what_others_do_to_our_objects(with_objects, spoil):
    """Without objects of ours there is nothing that they could do."""
    ground = with_objects
    for _ in range(3):
        spoil(ground.node, kernel_objects(ground.node))
        wait_all(ground, KEPT)


def test_objects_of_others(with_objects):
    """Those are left alone, also in the range of our own, and are neither adopted nor removed."""
    ground = with_objects
    ours = kernel_objects(ground.node)
    theirs = {7: 3, FIRST_OBJECT + 500: 4, max(ours, default=FIRST_OBJECT) + 1: 4}
    for number, protocol in theirs.items():
        ground.node.ip(f"nexthop add id {number} via 10.0.2.7 dev r2 proto {protocol}")
    for number in range(8):
        ground.speakers[0].say(f"10.8.{number}.0/24", f"10.0.1.{100 + number}")
    for number in range(8):
        ground.wait_hops(f"10.8.{number}.0/24", {(f"10.0.1.{100 + number}", "r1", 1)})
    ground.kbgpd.restart()
    for speaker in ground.speakers:
        speaker.go()
        speaker.come()
    for number in range(8):
        ground.wait_hops(f"10.8.{number}.0/24", {(f"10.0.1.{100 + number}", "r1", 1)})
    wait_all(ground, KEPT)
    left = {each["id"]: int(each["protocol"]) for each in ground.node.ip_json("nexthop show")
            if each["id"] in theirs}
    assert left == theirs


def test_no_room_for_objects(lab, build, form):
    """All ids are somebody else's: routes have their hops in them, and work."""
    ground = Ground(lab, build, form)
    batch = ground.node.folder / "objects"
    batch.write_text("".join(f"nexthop add id {FIRST_OBJECT + number} blackhole proto static\n"
                             for number in range(OBJECTS)))
    ground.node.run("ip", "-batch", batch, patience=120)
    ground.with_objects = False
    ground.start()
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    ground.speakers[0].unsay()
    ground.wait_via("10.5.0.0/24", "r2")
    assert ground.sample("kbgpd_fib_errors_total") == 0


# The end


@pytest.mark.parametrize("on_stop", ["keep", "withdraw"])
def test_stop(lab, build, form, on_stop):
    ground = Ground(lab, build, form, onStop=on_stop).start()
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    ground.node.ip("nexthop add id 9 via 10.0.2.9 dev r2 proto static")
    ground.node.ip("route add 10.7.0.0/24 via 10.0.2.9 metric 30 proto static")
    before = ground.all_hops()
    assert ground.kbgpd.stop() == 0
    if on_stop == "keep":
        assert ground.all_hops() == before
        assert bool(kernel_objects(ground.node)) == ground.with_objects
    else:
        assert not kernel_routes(ground.node, f"table all proto {PROTOCOL}")
        assert not kernel_objects(ground.node)
    assert hops_of(kernel_route(ground.node, FOUR, "metric 30")) == {("10.0.2.9", "r2", 1)}
    assert [each["id"] for each in ground.node.ip_json("nexthop show")
            if int(each["protocol"]) == 4] == [9]


class Powerless(Kbgpd):
    """Without CAP_NET_ADMIN: it may look at the kernel's table, and no more."""

    def start(self):
        self.process = self.host.start(
            "kbgpd", "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin",
            self.build / "kbgpd", "-c", self.file, "-s", self.control, env=self.environment)
        wait_until(self.answers, "kbgpd's control socket")


def test_without_the_right_to_change_routes(lab, build, form):
    """Each route is shown with the kernel's words; sessions and all else go on."""
    ground = Ground(lab, build, form)
    lab.daemons.remove(ground.kbgpd)
    ground.kbgpd = Powerless(ground.node, build, ground.configuration(), running=False)
    ground.start()
    say_all(ground, KEPT)

    def are_refused():
        rows = {row["prefix"]: row for row in ground.kbgpd.ctl("fib")}
        assert set(rows) == {*KEPT, "10.5.0.0/24"}
        assert {row["state"] for row in rows.values()} == {"failed"}
        assert all("permitted" in row["error"] for row in rows.values()), rows
        return True
    wait_until(are_refused, "the refusals")
    assert not kernel_routes(ground.node)
    assert ground.lost_no_session()
    ground.speakers[0].unsay()
    ground.speakers[1].unsay()
    wait_until(lambda: not ground.kbgpd.ctl("fib"), "nothing is shown")


def test_a_route_that_the_kernel_refuses(ground):
    """It alone is failed, with the kernel's words, and is there as soon as the kernel takes it."""
    node = ground.node
    node.ip("route add 10.0.1.77 dev r1")
    say_all(ground, KEPT)
    # A gateway that is on a link by nothing but a route through another gateway is refused.
    refused = "10.7.50.0/24"
    node.ip("rule add to 10.77.0.0/24 lookup 77 priority 10")
    node.ip("route add 10.77.0.0/24 dev r1 table 77")
    ground.speakers[0].say(refused, "10.77.0.1")
    wait_all(ground, KEPT)
    wait_until(lambda: ground.shown(refused) or not ground.next_hop("10.77.0.1")["reachable"],
               "it is shown, one way or the other")
    node.ip("rule del priority 10")
    node.ip("route add 10.77.0.0/24 dev r1")
    ground.wait_hops(refused, {("10.77.0.1", "r1", 1)})


def test_a_storm_of_notifications(ground):
    """More at once than fits into the socket: what was lost is found by a dump."""
    say_all(ground, KEPT)
    wait_all(ground, KEPT)
    batch = ground.node.folder / "storm"
    lines = [f"route add 10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}/32"
             " dev r2 proto static" for number in range(20000)]
    lines += ["route del 10.7.0.0/24", "route del 10.7.1.0/24", "route del 10.5.0.0/24"]
    lines += [line.replace("add", "del") for line in lines[:20000]]
    batch.write_text("\n".join(lines) + "\n")
    ground.kbgpd.process.send(signal.SIGSTOP)
    try:
        ground.node.run("ip", "-batch", batch, patience=120)
    finally:
        ground.kbgpd.process.send(signal.SIGCONT)
    wait_all(ground, KEPT)
    assert ground.lost_no_session()
