"""Hundreds of neighbours at one node: all come up, all that they say is learned, and a reload
touches none of them.
"""

import select

import scripted
from lab import wait_until
from rack import Rack, config, entry
from scripted import Neighbour
from sessions import NODE_ASN

ADDRESSES = [f"10.10.{1 + n // 200}.{1 + n % 200}" for n in range(300)]
PREFIXES = [f"10.{20 + n // 256}.{n % 256}.0/24" for n in range(300)]


def entries(*keys):
    """An external neighbour that is told everything, and the internal ones."""
    return [entry("asn: 65002", "passive: true", "export: [all]", name="observer",
                  place="address: 10.9.0.10")] + [
        entry(f"asn: {NODE_ASN}", "import: [all]", *keys, name=f"n{number}",
              place=f"address: {address}") for number, address in enumerate(ADDRESSES)]


def internal(sock, address):
    neighbour = Neighbour(sock, NODE_ASN, address, address)
    neighbour.internal = True
    return neighbour


def check_routes(rack, kbgpd, neighbours):
    """Each announces its prefix: all are in the kernel and with the observer, which is returned."""
    observer = rack.dial(0).to_established()
    for neighbour, prefix in zip(neighbours, PREFIXES):
        neighbour.announce(prefix)
    observer.read_until(lambda: observer.routes.keys() >= set(PREFIXES), "all prefixes")
    wait_until(lambda: rack.node.bgp_routes() == {
        prefix: {address} for prefix, address in zip(PREFIXES, ADDRESSES)}, "routes of the kernel")
    shown = kbgpd.ctl("peers")
    assert [peer["name"] for peer in shown] == ["observer"] + [
        f"n{number}" for number in range(len(ADDRESSES))]
    assert {peer["state"] for peer in shown} == {"Established"}
    return observer


def test_many_neighbours_call(lab, build):
    """And are not touched by reloads: one that changes nothing, one that adds a peer before all."""
    rack = Rack(lab, build)
    rack.crowd(ADDRESSES)
    kbgpd = rack.kbgpd(*entries("passive: true"))
    neighbours = [internal(scripted.connect(rack.hosts[0], address, "10.9.0.2"), address)
                  for address in ADDRESSES]
    for neighbour in neighbours:
        neighbour.to_established()
    observer = check_routes(rack, kbgpd, neighbours)

    kbgpd.ctl_text("reload")
    kbgpd.configure(config(entry("asn: 65009", name="new", place="address: 10.9.0.99"),
                           *entries("passive: true")))
    kbgpd.ctl_text("reload")
    shown = kbgpd.ctl("peers")
    assert shown[0]["name"] == "new" and len(shown) == len(ADDRESSES) + 2
    assert {peer["state"] for peer in shown[1:]} == {"Established"}
    assert kbgpd.ctl("peers", "n7")[0]["flaps"] == 0
    said = select.select([neighbour.sock for neighbour in neighbours], [], [], 0)[0]
    assert not said, f"{len(said)} neighbours were sent something"

    # Who leaves takes nothing of the others along.
    neighbours[123].close()
    observer.wait_withdrawn(PREFIXES[123])
    assert observer.routes.keys() >= set(PREFIXES) - {PREFIXES[123]}


def test_many_neighbours_are_called(lab, build):
    rack = Rack(lab, build)
    rack.crowd(ADDRESSES)
    listener = scripted.listen(rack.hosts[0], "0.0.0.0")
    listener.listen(len(ADDRESSES))
    kbgpd = rack.kbgpd(*entries())
    called = {}
    while len(called) < len(ADDRESSES):
        sock, _ = listener.accept()
        called[sock.getsockname()[0]] = sock
    neighbours = [internal(called[address], address) for address in ADDRESSES]
    for neighbour in neighbours:
        neighbour.to_established()
    check_routes(rack, kbgpd, neighbours)
