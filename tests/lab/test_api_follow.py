"""The cluster read from an API server: discovery, lists in pages, watches, and each change."""

import json

import api_faults
from api_ground import POD_CIDR
from api_objects import endpoint, endpoint_slice, node, service
from api_shared import ground, synced  # noqa: F401  (fixtures)
from lab import wait_until


def test_what_is_asked(synced):
    """Three lists, three watches and the discovery; the smallest rights do."""
    asked = sorted(str(request) for request in synced.server.requests)
    assert asked == ["get /apis/discovery.k8s.io", "list endpointslices", "list nodes",
                     "list services", "watch endpointslices", "watch nodes", "watch services"]
    for request in synced.server.requests:
        assert request.headers["user-agent"].startswith("kbgpd/")
        assert "accept-encoding" not in request.headers
        assert request.headers["accept"] == "application/json"
        if request.resource == "nodes":
            # Other nodes' Node objects are no business of a node without a mesh.
            assert request.query["fieldSelector"] == "metadata.name=node"
    # Each on a connection that is kept: one for each kind.
    assert synced.server.connection_count == 3
    assert synced.status()["requests"] == len(asked)
    assert synced.status()["failures"] == 0


def test_changes_reach_the_wire_and_nothing_else_does(synced):
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.2/32")
    updates = synced.neighbour.updates

    # Nothing that matters here changes: nothing is said.
    synced.store.patch("nodes", "node", {"status": {"images": []}})
    synced.store.patch("services", "web", {"metadata": {"annotations": {"a": "b"}}})
    synced.store.put(node("other", "10.244.2.0/24"), service("none", kind="ClusterIP"))
    synced.store.patch("services", "mail", {"status": {"loadBalancer": {"ingress": [
        {"ip": "192.0.2.3"}]}}})
    synced.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.3/32")
    assert synced.neighbour.withdrawn == ["192.0.2.2/32"]
    assert synced.neighbour.updates <= updates + 2

    synced.store.delete("services", "mail")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32")
    synced.store.put(endpoint_slice("web", endpoint(ready=False)))
    synced.wait_routes(POD_CIDR)
    synced.store.delete("nodes", "node")
    synced.wait_routes()
    assert synced.status()["failures"] == 0


def test_pages_are_one_moment_of_the_cluster(ground):
    """What changes while pages are read is told by the watch from the list's version on."""
    addresses = [f"192.0.2.{number}" for number in range(1, 8)]
    for number, address in enumerate(addresses):
        ground.web(f"web-{number}", address)
    server = ground.serve()
    server.cache, server.page_limit = False, 3

    def meanwhile(_request, answer):
        ground.store.delete("services", "web-6")    # of the last page
        ground.web("web-9", "192.0.2.9")
        return answer

    server.on("continue services", meanwhile)
    ground.start()
    ground.wait_routes(POD_CIDR, "192.0.2.9/32",
                       *(f"{address}/32" for address in addresses[:6]))
    pages = server.asked("* services")[:4]
    assert [str(each) for each in pages] == [
        "list services", "continue services", "continue services", "watch services"]
    # The first list may be old: a thousand nodes that start do not read etcd.
    assert pages[0].query["resourceVersion"] == "0" and pages[0].query["limit"] == "500"
    # A page has what the one before it said, and nothing that contradicts it.
    assert "resourceVersion" not in pages[1].query
    assert pages[3].query["allowWatchBookmarks"] in ("1", "true")


def test_a_watch_that_ends_goes_on_where_it_was(synced):
    synced.store.patch("nodes", "node", {"status": {"images": []}})
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.2/32")
    wait_until(lambda: synced.status()["events"] == 3, "three events")
    before = len(synced.server.requests)
    version = synced.store.version

    synced.server.end_watches()
    wait_until(lambda: len(synced.server.requests) == before + 3, "three new watches")
    synced.store.delete("services", "mail")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32")
    asked = synced.server.requests[before:]
    assert {each.verb for each in asked} == {"watch"}
    versions = {each.resource: each.query["resourceVersion"] for each in asked}
    assert versions["endpointslices"] == str(version)
    assert synced.wait_connected()["failures"] == 0


def test_bookmarks_move_the_watch_on(synced):
    """After a bookmark nothing older is asked for, though no event has come."""
    for _ in range(5):
        synced.store.put(node("other", "10.244.2.0/24"))
    for resource in ("nodes", "services", "endpointslices"):
        synced.server.bookmark(resource)
    wait_until(lambda: synced.status()["events"] >= 3, "three bookmarks")
    synced.store.compact()
    synced.server.end_watches()
    wait_until(synced.server.is_followed, "watches")
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.2/32")
    assert len(synced.server.asked("list *")) == 3
    assert synced.status()["failures"] == 0


def test_duplicate_and_reordered_events(synced):
    """After another API server has taken over a watch it may say again what is known already."""
    store = synced.store
    synced.web("mail", "192.0.2.2")
    old = json.loads(json.dumps(store.find("services", "mail")))
    store.patch("services", "mail", {"status": {"loadBalancer": {"ingress": [
        {"ip": "192.0.2.3"}]}}})
    new = store.find("services", "mail")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.3/32")
    updates = synced.neighbour.updates

    for kind, value in (("MODIFIED", old), ("ADDED", new), ("DELETED", old), ("MODIFIED", old)):
        store.say("services", api_faults.event(kind, value))
    wait_until(lambda: synced.status()["oldEvents"] == 4, "four old events")
    synced.keeps(POD_CIDR, "192.0.2.1/32", "192.0.2.3/32")
    assert synced.neighbour.updates == updates
    store.delete("services", "mail")
    synced.wait_routes(POD_CIDR, "192.0.2.1/32")


def test_discovery_v1beta1(ground):
    """Servers before 1.21 have EndpointSlices of v1beta1 only, with another place for the node."""
    ground.store.put(service("local", "192.0.2.1", externalTrafficPolicy="Local"),
                     endpoint_slice("local", endpoint("node")),
                     service("remote", "192.0.2.2", externalTrafficPolicy="Local"),
                     endpoint_slice("remote", endpoint("other")))
    server = ground.serve()
    server.discovery = ["v1beta1"]
    ground.start()
    ground.wait_routes(POD_CIDR, "192.0.2.1/32")
    assert server.asked("list endpointslices")[0].version == "v1beta1"
    assert ground.status()["discoveryVersion"] == "v1beta1"

    # The server is upgraded, at last to one that has v1 only.
    server.stop()
    server.discovery = ["v1"]
    ground.store.put(endpoint_slice("remote", endpoint("node")))
    server.start()
    ground.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.2/32")
    assert ground.neighbour.withdrawn == []
    assert ground.status()["discoveryVersion"] == "v1"


def test_v1_is_preferred(ground):
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.discovery = ["v1beta1", "v1"]
    ground.start()
    ground.wait_routes(POD_CIDR, "192.0.2.1/32")
    assert server.asked("list endpointslices")[0].version == "v1"


def test_a_server_without_endpoint_slices_is_named(ground):
    server = ground.serve()
    server.discovery = ["v2"]
    ground.start()
    ground.wait_error("neither discovery.k8s.io/v1 nor v1beta1")
    ground.wait_routes(POD_CIDR)
    assert not ground.kbgpd.ctl("status")["cluster"]["synced"]


def test_bytes_arrive_as_the_network_likes(ground):
    """Borders of chunks and of TLS records in the middle of characters, words and numbers."""
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.on("*", api_faults.crumbs(1), times=None)
    ground.start()
    ground.wait_routes(POD_CIDR, "192.0.2.1/32")
    ground.web("mail", "192.0.2.2")
    ground.wait_routes(POD_CIDR, "192.0.2.1/32", "192.0.2.2/32")
    assert ground.status()["failures"] == 0


def test_a_server_that_closes_after_each_answer(ground):
    ground.web("web", "192.0.2.1")
    server = ground.serve()
    server.on("list *", api_faults.close_after, times=None)
    server.on("get *", api_faults.close_after, times=None)
    ground.start()
    ground.wait_routes(POD_CIDR, "192.0.2.1/32")
    assert ground.status()["failures"] == 0
