"""An API server that goes, hangs and comes back: what was known last holds meanwhile."""

import api_faults
import pytest
from api_ground import POD_CIDR
from api_objects import endpoint, endpoint_slice, node, service
from api_shared import ground, synced  # noqa: F401  (fixtures)
from lab import wait_until

WEB, MAIL, CHAT = "192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"


def meanwhile(synced):
    """What changes while nobody is told: web goes, mail comes, the endpoint of chat too."""
    synced.store.delete("services", "web")
    synced.web("mail", "192.0.2.2")
    synced.store.put(endpoint_slice("chat", endpoint()))


def wait_stale(synced):
    wait_until(lambda: not synced.status()["connected"], "kbgpd notices")


@pytest.fixture
def away(synced):
    """The server has been killed, and kbgpd knows."""
    synced.store.put(service("chat", "192.0.2.3"))
    wait_until(lambda: synced.status()["events"] == 1, "the Service")
    synced.server.stop()
    wait_stale(synced)
    return synced


def test_nothing_is_withdrawn_and_the_age_is_shown(away):
    wait_until(lambda: away.status()["staleSeconds"] >= 1, "it is older than a second")
    text = away.kbgpd.ctl_text("status")
    assert "not connected, as it was " in text and "10.0.2.1:6443" in text
    away.wait_error("10.0.2.1:6443", "Connection refused")
    assert "API server: 10.0.2.1:6443: the connection was closed" in away.kbgpd.process.output()
    assert away.metric("kubernetes_up") == 0
    assert away.metric("kubernetes_stale_seconds") >= 1
    away.keeps(POD_CIDR, WEB)

    # A new neighbour, or one that lost its table, is told all the same.
    away.neighbour.close()
    away.meet()
    away.wait_routes(POD_CIDR, WEB)

    away.server.start()
    wait_until(lambda: away.status()["connected"], "the server is back")
    assert away.status()["staleSeconds"] == 0
    assert away.metric("kubernetes_up") == 1
    assert away.metric("kubernetes_stale_seconds") == 0
    assert "API server: connected again" in away.kbgpd.process.output()
    away.keeps(POD_CIDR, WEB)


def test_what_changed_is_told_by_the_watches(away):
    meanwhile(away)
    away.keeps(POD_CIDR, WEB)
    before = len(away.server.requests)
    away.server.start()
    away.wait_routes(POD_CIDR, MAIL, CHAT)
    away.wait_followed()
    # Nothing is listed again, and nothing is said twice.
    assert {str(each) for each in away.server.requests[before:]} == {
        "watch nodes", "watch services", "watch endpointslices"}
    assert len(away.server.requests) - before == 3
    assert away.neighbour.withdrawn == [WEB]


def test_what_changed_is_listed_if_its_history_is_gone(away):
    """410 in place of the watch: a list, and what it does not have is withdrawn."""
    meanwhile(away)
    away.store.compact()
    before = len(away.server.requests)
    away.server.start()
    away.wait_routes(POD_CIDR, MAIL, CHAT)
    away.wait_followed()
    asked = [str(each) for each in away.server.requests[before:]]
    for resource in ("nodes", "services", "endpointslices"):
        # The server need not read etcd for that: nothing older than what is known will do.
        assert [each for each in asked if each.endswith(resource)] == [
            f"watch {resource}", f"list {resource}", f"watch {resource}"]
    for request in away.server.requests[before:]:
        if request.verb == "list":
            assert int(request.query["resourceVersion"]) > 0 and "limit" not in request.query
    assert away.neighbour.withdrawn == [WEB]


def test_a_list_that_breaks_off_withdraws_nothing(away):
    """Half of a list says nothing about what is not in it."""
    meanwhile(away)
    away.store.compact()
    away.server.on("list services", api_faults.cut_after(900))
    away.server.on("list services", api_faults.hang_after(900))
    away.server.start()
    wait_until(lambda: len(away.server.asked("list services")) == 3, "two lists that break off")
    assert WEB in away.neighbour.routes and WEB not in away.neighbour.withdrawn
    away.server.drop()      # what hangs
    away.wait_routes(POD_CIDR, MAIL, CHAT)


def test_a_server_that_is_frozen(synced):
    """Connections stay, and nothing is said: as a process that has been stopped."""
    synced.server.freeze()
    meanwhile(synced)
    synced.keeps(POD_CIDR, WEB)
    synced.server.thaw()
    synced.wait_routes(POD_CIDR, MAIL)
    assert len(synced.server.asked("list *")) == 3


def test_a_link_that_goes_and_comes_back(synced):
    synced.link_to_api("down")
    meanwhile(synced)
    synced.keeps(POD_CIDR, WEB)
    synced.link_to_api("up")
    synced.wait_routes(POD_CIDR, MAIL)
    assert synced.neighbour.withdrawn == [WEB]


def test_a_server_that_comes_after_kbgpd(ground):
    """The session is there, and kbgpd is not ready; then everything is announced."""
    ground.web("web", "192.0.2.1")
    ground.start()
    ground.wait_error("10.0.2.1:6443", "Connection refused")
    assert ground.neighbour.routes == {} and not ground.kbgpd.ctl("status")["started"]
    ground.serve()
    ground.wait_routes(POD_CIDR, WEB)
    wait_until(lambda: ground.kbgpd.ctl("status")["started"], "kbgpd is ready")


@pytest.mark.parametrize("state", ["dead at the start", "dies later"])
def test_the_next_server_is_asked(ground, state):
    ground.web("web", "192.0.2.1")
    first, second = (ground.serve(address) for address in ("10.0.2.1", "10.0.2.9"))
    if state == "dead at the start":
        first.stop()
    ground.kubeconfig()
    ground.start(cluster=f"kubeconfig: {ground.kubeconfig_file}, "
                 'servers: ["https://10.0.2.1:6443", "https://10.0.2.9:6443"]')
    ground.wait_routes(POD_CIDR, WEB)
    ground.wait_followed()
    if state == "dies later":
        assert first.is_followed() and not second.requests
        first.stop()
    wait_until(second.is_followed, "watches of the second server")
    ground.store.delete("services", "web")
    ground.wait_routes(POD_CIDR)
    assert ground.neighbour.withdrawn == [WEB]
    assert ground.status()["server"].startswith("10.0.2.9:6443")


def test_a_server_that_is_ill_is_left(ground):
    """One that answers 500 to everything is no better than one that is dead."""
    ground.web("web", "192.0.2.1")
    first, second = (ground.serve(address) for address in ("10.0.2.1", "10.0.2.9"))
    first.on("*", api_faults.refuse(500, "InternalError"), times=None)
    ground.kubeconfig()
    ground.start(cluster=f"kubeconfig: {ground.kubeconfig_file}, "
                 'servers: ["https://10.0.2.1:6443", "https://10.0.2.9:6443"]')
    ground.wait_routes(POD_CIDR, WEB)
    wait_until(second.is_followed, "watches of the second server")


def test_a_server_behind_the_others(ground):
    """It does not know yet what kbgpd has seen elsewhere: kbgpd does not go back in time."""
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    ground.start_synced()
    ground.wait_routes(POD_CIDR, WEB)
    for _ in range(5):
        ground.store.put(node("other", "10.244.2.0/24"))
    ground.store.compact()
    server.on("list services", api_faults.refuse(
        504, "Timeout", message="Too large resource version: 1010, current: 1001",
        causes=[{"reason": "ResourceVersionTooLarge"}]))
    server.drop()
    wait_until(lambda: len(server.asked("list services")) == 3, "the list of a server that lags")
    # Then it is to be asked of etcd.
    assert "resourceVersion" not in server.asked("list services")[-1].query
    ground.keeps(POD_CIDR, WEB)
