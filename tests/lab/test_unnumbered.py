"""Peers behind an interface: the neighbour is whoever is on that link."""

import contextlib
import re
import signal
import socket

import scripted
from daemons import Bird, Frr, Kbgpd, Session
from lab import PATIENCE, stays, wait_until
from rack import Rack, config, entry, listener_keys
from sessions import NODE_ASN, NODE_PREFIXES


class UnnumberedFrr(Frr):
    """FRR that knows its neighbour by the interface only."""

    def configuration(self):
        remote = self.sessions[0].remote
        lines = super().configuration().splitlines()
        lines = [line for line in lines if "update-source" not in line]
        return "\n".join(lines).replace(f"neighbor {remote} remote-as {NODE_ASN}",
                                        f"neighbor {remote} interface remote-as external") + "\n"


class Cable:
    """The node and a router on a link without addresses but the link-local ones."""

    PREFIXES = ["10.1.0.0/24", "2001:db8:1::/48"]

    def __init__(self, lab, build):
        self.lab, self.build = lab, build
        self.node, self.router = lab.host("node"), lab.host("router")
        self.node.address("lo", "10.2.0.1/32", "2001:db8:2::1/128")
        self.router.address("lo", "10.1.0.1/32", "2001:db8:1::1/128")
        lab.link(self.node, self.router)

    def kbgpd(self, *keys, kind=Kbgpd):
        return kind(self.node, self.build, config(
            entry("asn: external", "connectRetryTime: 1s", "import: [all]", *keys, name="tor",
                  place="interface: router")))

    def frr(self, **options):
        session = Session(remote="node", remote_asn=NODE_ASN, local="", extended_next_hop=True,
                          **options)
        return UnnumberedFrr(self.router, 65002, "10.0.0.1", [session], self.PREFIXES)

    def wait_session(self, frr):
        """Sooner than by kbgpd's next advertisement, which would take ten seconds."""
        def is_up():
            with contextlib.suppress(OSError):  # while the link is not up yet
                scripted.solicit_routers(self.router, "node")
            return frr.established()
        wait_until(is_up, "the session with FRR")

    def hops(self):
        """The router's link-local address, as every route of kbgpd must have it."""
        return {prefix: {self.router.link_local("node")} for prefix in self.PREFIXES}

    def wait_routes(self):
        wait_until(lambda: self.node.bgp_routes() == self.hops(), "routes by link-local next hops")
        for prefix, route in self.node.routes("proto 186").items():
            assert route["dev"] == "router", prefix

    def wait_pings(self):
        """The router has a route in its table before it has it in its kernel."""
        wait_until(lambda: self.node.ping("10.1.0.1", "10.2.0.1"), "ping")
        wait_until(lambda: self.node.ping("2001:db8:1::1", "2001:db8:2::1"), "ping of IPv6")


def test_unnumbered_with_frr(lab, build):
    """Neither end knows an address: both learn it by router advertisements."""
    cable = Cable(lab, build)
    kbgpd = cable.kbgpd()
    frr = cable.frr()
    frr.wait_established()
    cable.wait_routes()
    assert kbgpd.peer("tor")["address"] == cable.router.link_local("node")
    for prefix in NODE_PREFIXES:
        assert wait_until(lambda prefix=prefix: frr.path(prefix)).as_path == [NODE_ASN]
    cable.wait_pings()


def test_nobody_is_there_yet(lab, build):
    """Why a peer does not run is told; whatever of the link changes is followed."""
    cable = Cable(lab, build)
    cable.node.ip("link set dev router down")
    cable.node.ip("link set dev router name eth7")
    kbgpd = cable.kbgpd()

    def held(why):
        wait_until(lambda: why in kbgpd.ctl_text("peers", "tor"), why)

    held("interface router does not exist")
    cable.node.ip("link set dev eth7 name router")
    held("interface router is down")
    cable.node.ip("link set dev router up")
    held("no neighbour seen on router yet")
    frr = cable.frr()
    cable.wait_session(frr)
    cable.wait_routes()


def test_the_link_flaps(lab, build):
    cable = Cable(lab, build)
    kbgpd = cable.kbgpd()
    frr = cable.frr()
    cable.wait_session(frr)
    cable.wait_routes()
    for end, interface in ((cable.node, "router"), (cable.router, "node")):
        end.ip(f"link set dev {interface} down")
        wait_until(lambda: not cable.node.bgp_routes(), "no routes")
        wait_until(lambda: kbgpd.peer("tor")["state"] == "Idle", "the session ends at once")
        assert "Hold Timer Expired" not in kbgpd.process.output()
        end.ip(f"link set dev {interface} up")
        cable.wait_session(frr)
        cable.wait_routes()


def test_the_interface_is_made_again(lab, build):
    """With another index and another neighbour; nothing is reloaded."""
    cable = Cable(lab, build)
    kbgpd = cable.kbgpd()
    frr = cable.frr()
    cable.wait_session(frr)
    cable.wait_routes()
    before = cable.hops()
    cable.node.ip("link del dev router")
    wait_until(lambda: "interface router does not exist" in kbgpd.ctl_text("peers", "tor"))
    frr.stop()
    cable.node.ip("link add name other type bridge")  # takes the next index
    lab.link(cable.node, cable.router)
    assert cable.hops() != before
    frr.start()
    cable.wait_session(frr)
    cable.wait_routes()


def test_a_link_that_was_down_has_no_neighbour_yet(lab, build):
    """Whoever was there before may have gone: nobody calls him."""
    cable = Cable(lab, build)
    kbgpd = cable.kbgpd()
    frr = cable.frr()
    cable.wait_routes()
    frr.stop()
    # Its end must not be repeated on the link that is up again: the kernel would know a neighbour.
    wait_until(lambda: kbgpd.peer("tor")["state"] != "Established", "the session ends")
    cable.node.ip("link set dev router down")
    wait_until(lambda: "interface router is down" in kbgpd.ctl_text("peers", "tor"))
    assert not kbgpd.peer("tor")["address"]
    cable.node.ip("link set dev router up")
    wait_until(lambda: "interface router is down" not in kbgpd.ctl_text("peers", "tor"))
    stays(lambda: "no neighbour seen on router yet" in kbgpd.ctl_text("peers", "tor"), 2)


def test_the_same_address_on_another_interface(lab, build):
    """All that kbgpd sees is another index: session and neighbour were on the old one."""
    cable = Cable(lab, build)
    other = lab.host("other")
    lab.link(cable.node, other)
    for host in (cable.router, other):
        host.ip(f"address del {host.link_local('node')}/64 dev node")
        host.address("node", "fe80::77/64")
    kbgpd = cable.kbgpd("keepaliveTime: 1s")
    bird = bird_on(cable, kind=PassiveBird)
    wait_until(lambda: cable.router.ping(f"{cable.node.link_local('router')}%node"), "the link")
    bird.wait_established()
    cable.wait_routes()
    kbgpd.process.send(signal.SIGSTOP)
    for old, new in (("router", "aside"), ("other", "router")):
        cable.node.ip(f"link set dev {old} name {new}")
    kbgpd.process.send(signal.SIGCONT)
    wait_until(lambda: "no neighbour seen on router yet" in kbgpd.ctl_text("peers", "tor"),
               "the old session ends")
    assert "Hold Timer Expired" not in kbgpd.process.output()
    wait_until(lambda: not cable.node.bgp_routes(), "no routes")
    cable.router = other
    other.address("lo", "10.1.0.1/32", "2001:db8:1::1/128")
    successor = bird_on(cable, kind=PassiveBird)
    wait_until(lambda: other.ping(f"{cable.node.link_local('router')}%node"), "the other link")
    successor.wait_established()
    cable.wait_routes()


def bird_on(cable, kind=Bird, **options):
    """A BIRD that is told kbgpd's link-local address; it advertises nothing, and calls."""
    session = Session(remote=f"{cable.node.link_local('router')}%node", remote_asn=NODE_ASN,
                      local=cable.router.link_local("node"), extended_next_hop=True, **options)
    return kind(cable.router, 65002, "10.0.0.1", [session], cable.PREFIXES)


def test_unnumbered_with_a_neighbour_that_calls(lab, build):
    cable = Cable(lab, build)
    cable.kbgpd("passive: true")
    bird = bird_on(cable)
    bird.wait_established()
    cable.wait_routes()
    for prefix in NODE_PREFIXES:
        assert wait_until(lambda prefix=prefix: bird.path(prefix)).as_path == [NODE_ASN]
    cable.wait_pings()


def test_unnumbered_while_others_listen_elsewhere(lab, build):
    """listen.addresses cannot name the link-local addresses that such neighbours call."""
    cable = Cable(lab, build)
    cable.node.address("lo", "10.2.0.2/32")
    text = config(entry("asn: external", "passive: true", "import: [all]", name="tor",
                        place="interface: router")).replace(
        "router:\n", "router:\n  listen: {addresses: [10.2.0.2]}\n")
    kbgpd = Kbgpd(cable.node, build, text)
    bird_on(cable).wait_established()
    cable.wait_routes()

    def listening():
        return set(re.findall(r"(\S+):179 ", cable.node.run("ss", "-Hltn")))

    address = cable.node.link_local("router")
    assert listening() == {"10.2.0.2", f"[{address}]%router"}
    # It follows the address, and goes with the link.
    cable.node.ip(f"address del {address}/64 dev router")
    cable.node.address("router", "fe80::2/64")
    wait_until(lambda: listening() == {"10.2.0.2", "[fe80::2]%router"}, "the new address")
    cable.node.ip("link set dev router down")
    wait_until(lambda: listening() == {"10.2.0.2"}, "none there any more")
    assert "cannot listen" not in kbgpd.process.output()


def test_unnumbered_with_a_password(lab, build):
    """A call of somebody unknown is unsigned for certain: it says who is there, no more."""
    cable = Cable(lab, build)
    secret = cable.node.folder / "secret"
    secret.write_text("geheim\n")
    kbgpd = cable.kbgpd(f"passwordFile: {secret}")
    stranger = bird_on(cable)
    wait_until(lambda: kbgpd.peer("tor")["address"], "the address is known")
    stays(lambda: not stranger.established(), 3)
    stranger.stop()
    bird_on(cable, password="geheim").wait_established()
    cable.wait_routes()


def test_unsigned_calls_that_wait_get_no_session(lab, build):
    """The kernel has taken them before the listener had a key for their address."""
    cable = Cable(lab, build)
    secret = cable.node.folder / "secret"
    secret.write_text("geheim\n")
    kbgpd = cable.kbgpd("passive: true", f"passwordFile: {secret}")
    wait_until(lambda: "no neighbour seen" in kbgpd.ctl_text("peers", "tor"), "kbgpd waits")
    node = cable.node.link_local("router")
    # An address is of no use before the kernel has found it to be unique.
    wait_until(lambda: "tentative" not in cable.router.ip("address show dev node"), "addresses")
    wait_until(lambda: "tentative" not in cable.node.ip("address show dev router"), "addresses")
    kbgpd.process.send(signal.SIGSTOP)
    calls = [scripted.Neighbour(call_by_link_local(cable.router, "node", node), 65002, "10.0.0.1")
             for _ in range(3)]
    kbgpd.process.send(signal.SIGCONT)
    for call in calls:
        call.expect_close()
    assert kbgpd.peer("tor")["address"] == cable.router.link_local("node")
    assert kbgpd.peer("tor")["state"] != "Established"


def test_two_neighbours_with_one_link_local_address(lab, build):
    """The kernel has one key for both; the end of one neighbour leaves it to the other."""
    node, routers = lab.host("node"), [lab.host(f"router{number}") for number in range(2)]
    secret = node.folder / "secret"
    secret.write_text("geheim\n")
    for router in routers:
        lab.link(node, router)
        router.ip(f"address del {router.link_local('node')}/64 dev node")
        router.address("node", "fe80::77/64")
    kbgpd = Kbgpd(node, build, config(
        entry("asn: external", "passive: true", f"passwordFile: {secret}", name="signed",
              place="interface: router0"),
        entry("asn: external", "passive: true", name="plain", place="interface: router1")))

    def meet(name, router):
        interface = f"router{routers.index(router)}"
        wait_until(lambda: router.ping(f"{node.link_local(interface)}%node"), "a ping")
        wait_until(lambda: kbgpd.peer(name)["address"] == "fe80::77", f"{name} is known")

    meet("signed", routers[0])
    key = (["fe80::77/128"], ["geheim"])
    assert listener_keys(node) == key
    meet("plain", routers[1])
    assert listener_keys(node) == key
    node.ip("link set dev router1 down")
    wait_until(lambda: not kbgpd.peer("plain")["address"], "nobody is known there any more")
    assert listener_keys(node) == key
    node.ip("link set dev router0 down")
    wait_until(lambda: listener_keys(node) == ([], []), "no key")


def test_another_neighbour_at_the_same_interface(lab, build):
    cable = Cable(lab, build)
    kbgpd = cable.kbgpd()
    frr = cable.frr()
    cable.wait_session(frr)
    cable.wait_routes()
    frr.stop()
    wait_until(lambda: kbgpd.peer("tor")["state"] != "Established", "it is down")
    old = cable.router.link_local("node")
    cable.router.ip(f"address del {old}/64 dev node")
    cable.router.address("node", "fe80::77/64")
    frr.start()
    cable.wait_session(frr)
    assert cable.hops() == {prefix: {"fe80::77"} for prefix in cable.PREFIXES}
    cable.wait_routes()


def call_by_link_local(host, interface, remote):
    """A connection to a link-local address."""
    with scripted.inside(host):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        scope = socket.if_nametoindex(interface)
    sock.settimeout(PATIENCE)
    sock.connect((remote, scripted.PORT, 0, scope))
    return sock


def test_a_third_one_on_the_link_is_refused(lab, build):
    """Who calls first is the neighbour for as long as there is a session with him."""
    rack = Rack(lab, build, 2)
    kbgpd = rack.kbgpd(entry("asn: external", "passive: true", name="tor",
                             place="interface: rack"))
    address = rack.node.link_local("rack")

    def call(number):
        return scripted.Neighbour(
            call_by_link_local(rack.hosts[number], "rack", address), 65002, f"10.9.0.1{number}")

    first = call(0).to_established()
    assert kbgpd.peer("tor")["address"] == rack.hosts[0].link_local("rack")
    call(1).expect_close()
    assert kbgpd.peer("tor")["state"] == "Established"
    first.close()
    wait_until(lambda: kbgpd.peer("tor")["state"] != "Established", "the first one has gone")

    def second_is_up():
        try:
            return call(1).to_established()
        except scripted.Closed:
            return None

    wait_until(second_is_up, "the second one is the neighbour")


def test_a_silent_caller_on_the_link_keeps_nobody_out_for_long(lab, build):
    """RFC 4271 8.2.2 suggests four minutes for an OPEN: too many for one that nobody knows."""
    rack = Rack(lab, build, 2)
    rack.kbgpd(entry("asn: external", "passive: true", name="tor", place="interface: rack"))
    address = rack.node.link_local("rack")

    def call(number):
        return scripted.Neighbour(
            call_by_link_local(rack.hosts[number], "rack", address), 65002, f"10.9.0.1{number}")

    silent = call(0)
    silent.to_open_sent()
    call(1).expect_close()

    def second_is_up():
        try:
            return call(1).to_established()
        except scripted.Closed:
            return None

    wait_until(second_is_up, "the second one is the neighbour", patience=25)
    silent.close()


class WithoutRawSockets(Kbgpd):
    """A kbgpd that may not open a socket for router discovery."""

    def start(self):
        self.process = self.host.start(
            "kbgpd", "setpriv", "--bounding-set=-net_raw", self.build / "kbgpd", "-c", self.file,
            "-s", self.control, env=self.environment)
        wait_until(self.answers, f"kbgpd's control socket on {self.host.name}")


class PassiveBird(Bird):
    def session_configuration(self, number, session):
        return super().session_configuration(number, session).replace(
            "hold time 9;", "passive; hold time 9;")


def test_the_kernels_neighbour_table(lab, build):
    """Without router discovery and without a call there is still the kernel's own knowledge."""
    cable = Cable(lab, build)
    bird = bird_on(cable, kind=PassiveBird)
    kbgpd = cable.kbgpd(kind=WithoutRawSockets)
    wait_until(lambda: "no neighbour seen on router yet" in kbgpd.ctl_text("peers", "tor"))
    wait_until(lambda: "cannot open a socket for router discovery" in kbgpd.process.output(),
               "what is missing")
    wait_until(lambda: cable.router.ping(f"{cable.node.link_local('router')}%node"), "ping")
    bird.wait_established()
    cable.wait_routes()
