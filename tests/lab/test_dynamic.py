"""Neighbours that are not configured by their address but come from a range; and neighbours that
have to be on a link of ours.
"""

import pathlib
import random
import re
import time

import scripted
from cluster import Manifests
from daemons import Bird, Kbgpd, Session
from lab import stays, wait_until
from rack import Rack, comes_up, config, entry, listener_keys, names
from sessions import NODE_ASN


def test_neighbours_of_a_range(lab, build):
    """Each is a peer of its own, with the settings, filters and advertisements of the entry."""
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(
        entry("asn: external", "import: [from-lab]"),
        entry("asn: 65009", name="other", place="address: 10.9.0.200"),
        rest="""
advertisements:
- {name: ours, type: Prefix, prefixes: [10.2.0.0/24], peers: [lab]}
- {name: theirs, type: Prefix, prefixes: [10.3.0.0/24], peers: [other]}
filters:
- name: from-lab
  rules:
  - match: {peers: [lab]}
    action: accept
""")
    first = rack.bird(0, 65002, ["10.1.0.0/24"])
    second = rack.bird(1, 65003, ["10.4.0.0/24"])
    for bird in (first, second):
        bird.wait_established()
        assert wait_until(lambda bird=bird: bird.path("10.2.0.0/24")).as_path == [NODE_ASN]
        assert not bird.paths("10.3.0.0/24")
    wait_until(lambda: rack.node.bgp_routes() == {
        "10.1.0.0/24": {"10.9.0.10"}, "10.4.0.0/24": {"10.9.0.11"}}, "routes of the kernel")
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")
    assert kbgpd.peer("lab/10.9.0.11")["address"] == "10.9.0.11"

    # A neighbour is told apart by its name or its address.
    kbgpd.ctl_text("shutdown", "10.9.0.11")
    wait_until(lambda: not second.established(), "the shutdown")
    kbgpd.ctl_text("enable", "lab/10.9.0.11")
    second.wait_established()
    assert first.established()


def test_a_neighbour_that_flaps_stays_a_peer(lab, build):
    """And one that is gone is forgotten, unless something holds it down."""
    rack = Rack(lab, build, 3)
    kbgpd = rack.kbgpd(entry("asn: 65002", "maxPrefixes: 1", "import: [all]"))
    bird, shut = rack.bird(0, 65002), rack.bird(1, 65002)
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")
    bird.restart()
    bird.wait_established()
    kbgpd.wait_established("lab/10.9.0.10")
    assert kbgpd.ctl("peers", "lab/10.9.0.10")[0]["flaps"] == 1

    bird.stop()
    kbgpd.ctl_text("shutdown", "lab/10.9.0.11")
    greedy = rack.bird(2, 65002, ["10.1.0.0/24", "10.4.0.0/24"])
    wait_until(lambda: "maxPrefixes" in kbgpd.ctl_text("peers", "lab/10.9.0.12"), "too many")
    wait_until(lambda: names(kbgpd) == {"lab/10.9.0.11", "lab/10.9.0.12"}, "one is forgotten",
               patience=60)
    # Long enough for many attempts of theirs.
    assert not shut.established() and not greedy.established()
    assert names(kbgpd) == {"lab/10.9.0.11", "lab/10.9.0.12"}
    greedy.withdraw("10.4.0.0/24")
    kbgpd.ctl_text("clear", "10.9.0.12")
    kbgpd.ctl_text("enable", "10.9.0.11")
    bird.start()
    for each in (bird, shut, greedy):
        each.wait_established()


def test_the_longest_range_and_the_peer_itself_win(lab, build):
    """The AS number of the entry says which one it was."""
    rack = Rack(lab, build, 3)
    kbgpd = rack.kbgpd(
        entry("asn: 65002"),
        entry("asn: 65003", name="half", place="range: 10.9.0.0/28"),
        entry("asn: 65004", "passive: true", name="one", place="address: 10.9.0.12"))
    for asn, number in ((65003, 0), (65003, 1), (65004, 2)):
        rack.dial(number, asn=asn).to_established().close()
    assert names(kbgpd) == {"half/10.9.0.10", "half/10.9.0.11", "one"}
    rack.hosts[0].address("rack", "10.9.0.100/24")
    rack.dial(0, "10.9.0.100", asn=65002).to_established().close()


def test_range_limit(lab, build):
    """One more is closed before anything is read; what is no peer any more makes room."""
    rack = Rack(lab, build, 3)
    kbgpd = rack.kbgpd(entry("asn: 65002", "rangeLimit: 2"))
    first, second = (rack.dial(number).to_established() for number in (0, 1))
    third = rack.dial(2)
    third.expect_close()
    assert names(kbgpd) == {"lab/10.9.0.10", "lab/10.9.0.11"}
    stays(lambda: kbgpd.peer("lab/10.9.0.10")["state"] == "Established", 1)
    # Who has been up has a claim to come back, who never was has none.
    second.close()
    rack.dial(2).expect_close()
    wait_until(lambda: comes_up(rack, 1), "the second one again")
    first.close()
    assert "rangeLimit" in kbgpd.process.output()


def test_a_stranger_that_came_to_nothing_gives_way(lab, build):
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(entry("asn: 65002", "rangeLimit: 1"))
    stranger = rack.dial(0, asn=65009).to_open_sent()
    stranger.send(stranger.open_message())
    stranger.expect_notification(2, 2)
    wait_until(lambda: names(kbgpd) == {"lab/10.9.0.10"}, "the stranger is known")
    rack.dial(1).to_established()
    assert names(kbgpd) == {"lab/10.9.0.11"}


def test_silent_connections_are_few(lab, build):
    """64 of a range, and one of each address: a new one takes the place of the old."""
    rack = Rack(lab, build)
    rack.kbgpd(entry("asn: 65002"))
    addresses = [f"10.9.0.{number}" for number in range(100, 166)]
    rack.hosts[0].address("rack", *(f"{address}/24" for address in addresses))
    silent = [rack.dial(0, address) for address in addresses[:64]]
    for each in silent:
        each.to_open_sent()
    rack.dial(0, addresses[64]).expect_close()
    again = rack.dial(0, addresses[0]).to_open_sent()
    silent[0].expect_notification(6, 7)
    # Ten seconds for an OPEN, and there is room again.
    silent[1].expect_notification(4, 0)
    rack.dial(0, addresses[64]).to_established()
    for each in (*silent, again):
        each.close()


def test_silent_connections_are_few_in_all(lab, build):
    """256 of all ranges together."""
    rack = Rack(lab, build)
    addresses = rack.crowd([
        f"10.10.{third}.{fourth}" for third in range(5) for fourth in range(1, 53)])
    rack.kbgpd(*(entry("asn: 65002", name=f"range{third}", place=f"range: 10.10.{third}.0/24")
                 for third in range(5)))
    silent = [rack.dial(0, address) for address in addresses]
    for each in silent[:256]:
        each.to_open_sent()
    for each in silent[256:]:
        each.expect_close()
    silent[0].send(silent[0].open_message())
    silent[0].expect(scripted.KEEPALIVE)
    for each in silent:
        each.close()


def test_refused_strangers_hold_few_descriptors(lab, build):
    """Each gives way to the next, and none closes the connection that kbgpd has ended."""
    rack = Rack(lab, build)
    addresses = rack.crowd([f"10.10.0.{number}" for number in range(1, 201)])
    kbgpd = rack.kbgpd(entry("asn: 65002", "rangeLimit: 1", place="range: 10.10.0.0/24"))
    descriptors = pathlib.Path("/proc") / str(kbgpd.process.popen.pid) / "fd"
    before = len(list(descriptors.iterdir()))
    refused = []
    for address in addresses:
        refused.append(rack.dial(0, address, asn=65009))
        refused[-1].send(refused[-1].open_message())
        refused[-1].expect(scripted.OPEN)
        refused[-1].expect(scripted.NOTIFICATION)
        assert len(list(descriptors.iterdir())) < before + 80
    for each in refused:
        each.close()


def test_strangers_are_closed_unread(lab, build):
    """RFC 4271 8.2.2: from an address that nobody configured, nothing is read."""
    rack = Rack(lab, build)
    kbgpd = rack.kbgpd(entry("asn: 65002", place="range: 10.9.0.128/25"))
    stranger = rack.dial(0)
    stranger.expect_close()
    assert not names(kbgpd)


def test_passwords_of_a_range(lab, build):
    rack = Rack(lab, build, 2)
    secret = rack.node.folder / "secret"
    kbgpd = rack.kbgpd(entry("asn: 65002", f"passwordFile: {secret}"))
    signed, unsigned = rack.bird(0, 65002, password="geheim"), rack.bird(1, 65002)
    # Without the file nobody is let in, signed or not.
    wait_until(lambda: re.search("nobody is accepted from the range", kbgpd.process.output()),
               "the missing password is told")
    stays(lambda: not signed.established() and not unsigned.established(), 2)
    secret.write_text("geheim\n")
    signed.wait_established()
    stays(lambda: not unsigned.established(), 2)
    assert "lab/10.9.0.11" not in names(kbgpd)
    # The range gone, its key has gone too: the address may have an entry without one.
    kbgpd.configure(config(entry("asn: 65002", "passive: true", place="address: 10.9.0.11")))
    unsigned.wait_established()


def test_the_listeners_have_the_keys_of_the_configuration(lab, build):
    """After any sequence of reloads, whatever peers and ranges come, go and change places."""
    choose = random.Random(4271)
    rack = Rack(lab, build)
    passwords = {"one": "geheim", "two": "secret", "missing": None, None: None}
    for name in ("one", "two"):
        (rack.node.folder / name).write_text(f"{passwords[name]}\n")
    places = ["address: 10.9.0.10", "address: 10.9.0.11", "address: 2001:db8:9::10",
              "range: 10.9.0.0/24", "range: 10.9.0.10/32", "range: 2001:db8:9::/64"]

    def random_entries():
        for number, place in enumerate(choose.sample(places, choose.randint(0, 4))):
            # A range that has lost its file is closed, and may keep its key.
            file = choose.choice(["one", "two", None] + ["missing"] * ("address" in place))
            yield number, place, file

    def text(entries, port):
        return config(*(
            entry("asn: 65002", *([f"passwordFile: {rack.node.folder}/{file}"] if file else []),
                  name=f"p{number}", place=place) for number, place, file in entries)
        ).replace("router:\n", f"router:\n  listen: {{port: {port}}}\n")

    def expected(entries):
        keys = {}
        for _, place, file in sorted(entries, key=lambda item: item[1], reverse=True):
            prefix = place.split(": ")[1]
            host = "" if "/" in prefix else "/128" if ":" in prefix else "/32"
            keys[prefix + host] = passwords[file]  # an address after the range of that address
        return (sorted(prefix for prefix in keys if keys[prefix]),
                sorted(password for password in keys.values() if password))

    kbgpd = rack.kbgpd()
    for _ in range(40):
        entries = list(random_entries())
        kbgpd.configure(text(entries, choose.choice([179, 179, 1179])))
        kbgpd.ctl_text("reload")
        assert listener_keys(rack.node) == expected(entries), entries


def test_an_ipv6_range_with_a_password(lab, build):
    rack = Rack(lab, build, 2)
    secret = rack.node.folder / "secret"
    secret.write_text("geheim\n")
    kbgpd = rack.kbgpd(entry("asn: 65002", f"passwordFile: {secret}",
                             place='range: "2001:db8:9::/64"'))
    birds = [Bird(host, 65002, f"10.0.0.{number}", [Session(
        remote="2001:db8:9::2", remote_asn=NODE_ASN, local=f"2001:db8:9::{number}",
        password=password)]) for host, number, password in zip(
            rack.hosts, (10, 11), ("geheim", "falsch"))]
    birds[0].wait_established()
    kbgpd.wait_established("lab/2001:db8:9::10")
    stays(lambda: not birds[1].established(), 2)
    # The password changes, and the listeners have the new one at once.
    since = birds[0].since()
    secret.write_text("neu\n")
    birds[0].sessions[0].password = "neu"
    birds[0].restart()
    birds[0].wait_established()
    assert birds[0].since() != since
    stays(lambda: not birds[1].established(), 1)


def test_reload(lab, build):
    """Settings reach the peers that live; a range that goes or shrinks takes its peers along."""
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(entry("asn: external"))
    first, second = rack.bird(0, 65002, ["10.1.0.0/24"]), rack.bird(1, 65003)
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")
    for bird in (first, second):  # which kbgpd may have heard from before they have from it
        bird.wait_established()
    since = first.since(), second.since()
    assert not rack.node.bgp_routes()

    kbgpd.configure(config(entry("asn: external", "import: [all]", "holdTime: 30s")
                           .replace("holdTime: 9s\n  ", "")))
    wait_until(lambda: set(rack.node.bgp_routes()) == {"10.1.0.0/24"}, "what import lets in")
    assert (first.since(), second.since()) == since

    kbgpd.configure(config(entry("asn: external", "import: [all]", place="range: 10.9.0.10/31")
                           .replace("10.9.0.10/31", "10.9.0.10/32")))
    wait_until(lambda: not second.established(), "the one that is outside now")
    # In its log: birdc shows the last error only, and the next call is refused.
    wait_until(lambda: "Received: Peer de-configured" in second.processes[0].output(),
               "its notification")
    assert first.since() == since[0]
    assert names(kbgpd) == {"lab/10.9.0.10"}

    # A longer range takes them over, under another name, and gives them back.
    kbgpd.configure(config(entry("asn: external"), entry("asn: external", name="few",
                                                         place="range: 10.9.0.8/29")))
    kbgpd.wait_established("few/10.9.0.10", "few/10.9.0.11")
    assert names(kbgpd) == {"few/10.9.0.10", "few/10.9.0.11"}
    kbgpd.configure(config(entry("asn: external")))
    kbgpd.wait_established("lab/10.9.0.10", "lab/10.9.0.11")

    # So does an entry of its own.
    kbgpd.configure(config(entry("asn: 65002", "import: [all]", name="tor",
                                 place="address: 10.9.0.10"), entry("asn: external")))
    kbgpd.wait_established("tor", "lab/10.9.0.11")
    assert names(kbgpd) == {"tor", "lab/10.9.0.11"}

    kbgpd.configure(config())
    wait_until(lambda: not first.established() and not second.established(), "both gone")
    assert not names(kbgpd)


def test_any_sequence_of_reloads(lab, build):
    """Entries change their place, AS, role, filters and password under their sessions."""
    choose = random.Random(7607)
    rack = Rack(lab, build, 2)
    secret = rack.node.folder / "secret"
    secret.write_text("geheim\n")
    birds = [rack.bird(number, 65002, [f"10.{number + 4}.0.0/24"]) for number in range(2)]
    places = ["address: 10.9.0.10", "address: 10.9.0.11", "range: 10.9.0.0/24",
              "range: 10.9.0.8/29", "interface: rack", "interface: none"]
    keys = ["localASN: 65010", "maxPrefixes: 1", "shutdown: true", "import: [all]",
            f"passwordFile: {secret}", "allowOwnASN: 1", "nextHop: self", "role: peer",
            "ttlSecurity: 1", "stripAttributes: [MULTI_EXIT_DISC]"]
    last = config(entry("asn: 65002", "import: [all]", name="p0"))
    kbgpd = rack.kbgpd()
    for turn in range(40):
        kbgpd.configure(config(*(
            entry(f"asn: {choose.choice(['65002', 'external', '65003'])}",
                  *choose.sample(keys, choose.randint(0, 3)), name=f"p{number}", place=place)
            for number, place in enumerate(choose.sample(places, choose.randint(0, 3))))))
        kbgpd.ctl_text("reload")
        if turn % 4 == 3:  # sessions come up
            kbgpd.configure(last)
            kbgpd.ctl_text("reload")
            time.sleep(choose.uniform(0, 1.5))
    kbgpd.configure(last)
    for bird in birds:
        bird.wait_established()
    wait_until(lambda: set(rack.node.bgp_routes()) == {"10.4.0.0/24", "10.5.0.0/24"}, "routes")


def test_two_entries_at_one_place(lab, build):
    """Selectors that may both match are no error of the file; the first entry is taken."""
    rack = Rack(lab, build)
    manifests = Manifests(rack.node.folder / "manifests")
    manifests.node("node", 1, ["10.244.1.0/24"], {"rack": "r1", "zone": "z1"})
    r1, z1 = (f"nodeSelector: {{matchLabels: {{{label}}}}}" for label in ("rack: r1", "zone: z1"))
    kbgpd = rack.kbgpd(
        entry("asn: 65002", r1), entry("asn: 65003", z1, name="again"),
        entry("asn: 65004", r1, name="link", place="interface: rack"),
        entry("asn: 65005", z1, name="link-again", place="interface: rack"),
        rest=f"cluster: {{source: manifests, manifests: {manifests.folder}}}\n")
    for line in ("again: left out: peer lab has the same range on this node",
                 "link-again: left out: peer link has the same interface on this node"):
        wait_until(lambda line=line: line in kbgpd.process.output(), line)
    rack.dial(0).to_established()
    assert names(kbgpd) == {"link", "lab/10.9.0.10"}


def test_rfc4724_4_end_of_rib_is_waited_for(lab, build):
    """Who announces graceful restart owes it: routes of a previous run stay until then."""
    rack = Rack(lab, build)
    rack.node.ip("route add 10.77.0.0/24 via 10.9.0.10 proto 186 metric 20")
    rack.kbgpd(entry("asn: 65002", "passive: true", name="tor", place="address: 10.9.0.10"))
    tor = rack.dial(0)
    tor.to_established(capabilities=tor.capabilities() + scripted.capability(64, b"\0\x78"))
    # A neighbour that owes nothing would be taken for complete after five quiet seconds.
    stays(lambda: "10.77.0.0/24" in rack.node.bgp_routes(), 7, "the route of the previous run")
    tor.send(scripted.update(), scripted.update(scripted.mp_unreach(scripted.IPV6)))
    wait_until(lambda: "10.77.0.0/24" not in rack.node.bgp_routes(), "the route is swept")


# Neighbours that have to be on a link of ours


def test_connected_check(lab, build):
    """A neighbour behind a router is held down, with a reason, until the way to it is a link."""
    rack = Rack(lab, build, 2)
    far = lab.host("far")
    lab.link(rack.hosts[0], far, ["10.8.0.1/24"], ["10.8.0.2/24"])
    far.ip("route add default via 10.8.0.1")
    rack.node.ip("route add 10.8.0.0/24 via 10.9.0.10")
    session = Session(remote="10.9.0.2", remote_asn=NODE_ASN, local="10.8.0.2",
                      multihop=2)
    bird = Bird(far, 65002, "10.8.0.2", [session], ["10.1.0.0/24"])
    text = config(entry("asn: 65002", "connectRetryTime: 1s", "import: [all]", name="far",
                        place="address: 10.8.0.2"))
    kbgpd = Kbgpd(rack.node, build, text)

    def held(why):
        wait_until(lambda: why in kbgpd.ctl_text("peers", "far"), why)

    held("not directly connected: it is behind the gateway 10.9.0.10")
    assert "connectedCheck: false" in kbgpd.ctl_text("peers", "far")
    rack.node.ip("route del 10.8.0.0/24")
    held("not directly connected: no route to it")
    stays(lambda: not bird.established(), 2)

    # Its address moves to our link.
    far.ip("link del dev tor0")
    lab.plug(far, rack.switch, "10.9.0.77/24", "10.8.0.2/32")
    rack.node.ip("route add 10.8.0.2/32 dev rack")
    bird.wait_established()
    wait_until(lambda: set(rack.node.bgp_routes()) == {"10.1.0.0/24"}, "its route")


def test_a_link_that_flaps_ends_no_session_by_address(lab, build):
    """The hold timer says whether the neighbour is still there, not the link."""
    rack = Rack(lab, build)
    kbgpd = rack.kbgpd(entry("asn: 65002", "passive: true", name="tor",
                             place="address: 10.9.0.10"))
    neighbour = rack.dial(0).to_established()
    rack.node.ip("link set dev rack down")
    stays(lambda: kbgpd.peer("tor")["state"] == "Established", 2)
    rack.node.ip("link set dev rack up")
    neighbour.send(scripted.message(scripted.KEEPALIVE))
    stays(lambda: kbgpd.peer("tor")["state"] == "Established", 3)
    assert kbgpd.ctl("peers", "tor")[0]["flaps"] == 0

    # One that has ended is held until the link is there again.
    rack.node.ip("link set dev rack down")
    kbgpd.ctl_text("clear", "tor")
    wait_until(lambda: "not directly connected" in kbgpd.ctl_text("peers", "tor"), "held")
    rack.node.ip("link set dev rack up")
    wait_until(lambda: comes_up(rack, 0), "it is back")


def test_more_hops_need_no_link(lab, build):
    rack = Rack(lab, build)
    far = lab.host("far")
    lab.link(rack.hosts[0], far, ["10.8.0.1/24"], ["10.8.0.2/24"])
    far.ip("route add default via 10.8.0.1")
    rack.node.ip("route add 10.8.0.0/24 via 10.9.0.10")
    session = Session(remote="10.9.0.2", remote_asn=NODE_ASN, local="10.8.0.2",
                      multihop=2)
    bird = Bird(far, 65002, "10.8.0.2", [session], ["10.1.0.0/24"])

    def keys(*more):
        return config(entry("asn: 65002", "connectRetryTime: 1s", *more, name="far",
                            place="address: 10.8.0.2"))

    kbgpd = Kbgpd(rack.node, build, keys())
    wait_until(lambda: "not directly connected" in kbgpd.ctl_text("peers", "far"), "held")
    kbgpd.configure(keys("ebgpMultihop: 2"))
    bird.wait_established()
    kbgpd.configure(keys())
    wait_until(lambda: not bird.established(), "held again")
    wait_until(lambda: "not directly connected" in kbgpd.ctl_text("peers", "far"), "held")
