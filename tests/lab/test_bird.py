"""kbgpd and BIRD, and what takes BIRD's filters to provoke."""

import signal

from daemons import Bird
from lab import wait_until
from sessions import *  # noqa: F401,F403  (every scenario, with BIRD as the neighbour)
from sessions_routes import *  # noqa: F401,F403
from sessions_transport import *  # noqa: F401,F403
from sessions import NODE_ASN, Network, PREFIXES


NEIGHBOUR = Bird


class ThirdParty(Bird):
    """A BIRD that announces its IPv4 prefixes with the next hop 10.9.0.9."""

    def session_configuration(self, number, session):
        return super().session_configuration(number, session).replace(
            "ipv4 { import all; export all;",
            "ipv4 { import all; next hop keep; export filter { bgp_next_hop = 10.9.0.9; accept; };")


def test_next_hop_is_followed(lab, build):
    """A next hop that is not on a link is resolved by the kernel's routes, at every change."""
    network = Network(lab, build, ThirdParty, 2)
    router = network.router(1, NODE_ASN, prefixes=["10.1.0.0/24"])
    kbgpd = network.kbgpd([NODE_ASN])
    # BIRD's end may be up later than kbgpd's.
    router.wait_established()
    since = router.since()
    wait_until(lambda: kbgpd.peer("peer1")["families"]["ipv4"]["received"] == 1, "one received")
    assert not network.node.bgp_routes()
    for gateway in ("10.0.1.1", "10.0.2.1"):
        network.node.ip(f"route replace 10.9.0.0/24 via {gateway}")
        wait_until(lambda gateway=gateway: network.node.bgp_routes() == {"10.1.0.0/24": {gateway}},
                   f"the route by {gateway}")
    network.node.ip("route del 10.9.0.0/24")
    wait_until(lambda: not network.node.bgp_routes(), "the route gone")
    assert router.since() == since


def test_stale_routes_are_swept(lab, build):
    """Once BIRD has told all that it has, what only the previous run knew goes."""
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=PREFIXES)
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "routes of the kernel")
    kbgpd.stop(signal.SIGKILL)
    router.withdraw("10.1.0.0/24")
    assert set(network.node.bgp_routes()) == set(PREFIXES)
    kbgpd.start()
    wait_until(lambda: set(network.node.bgp_routes()) == {"2001:db8:1::/48"}, "the stale route gone")


def test_own_addresses_and_martians_are_not_installed(lab, build):
    network = Network(lab, build, Bird)
    network.router(1, 65002, prefixes=[
        *PREFIXES, "10.2.0.1/32", "127.1.0.0/16", "224.0.0.0/8", "fe80::/64", "ff00::/12"])
    kbgpd = network.kbgpd([65002])
    wait_until(lambda: set(network.node.bgp_routes()) == set(PREFIXES), "the good routes")
    assert kbgpd.peer("peer1")["state"] == "Established"
    wait_until(lambda: network.node.ping("10.2.0.1"), "ping of the own address")


def test_many_prefixes(lab, build):
    """10,000 prefixes through to the kernel, and out of it again."""
    prefixes = [f"10.{100 + number // 256}.{number % 256}.0/24" for number in range(10_000)]
    network = Network(lab, build, Bird)
    router = network.router(1, 65002, prefixes=prefixes)
    network.kbgpd([65002])
    wait_until(lambda: len(network.node.bgp_routes()) == len(prefixes), "every route")
    router.withdraw(*prefixes[:9_000])
    wait_until(lambda: set(network.node.bgp_routes()) == set(prefixes[9_000:]), "the rest")
