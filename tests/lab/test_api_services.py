"""Rules for Services that need a newer API server than Debian has: discovery.k8s.io/v1."""

import json

import pytest
from api_ground import POD_CIDR, Ground
from api_objects import endpoint, endpoint_slice, service
from lab import Lab, wait_until

READY = {"ready": True, "serving": True, "terminating": False}
TERMINATING = {"ready": False, "serving": True, "terminating": True}
FAILED = {"ready": False, "serving": False, "terminating": True}
UNREADY = {"ready": False, "serving": False, "terminating": False}
VIP = "192.0.2.7/32"


def local(*ingress, **spec):
    return service("app", *(ingress or ["192.0.2.7"]), externalTrafficPolicy="Local", **spec)


def wait_reason(ground, reason, address="192.0.2.7"):
    wait_until(lambda: {row["reason"] for row in ground.kbgpd.ctl("advertisements")
                        if address in json.dumps(row)} == {reason}, f"{reason} for {address}")


@pytest.mark.parametrize("policy, endpoints, announced", [
    # KEP-1669: what serves while it terminates counts where the policy is Local.
    ("Local", [endpoint(**TERMINATING)], True),
    ("Local", [endpoint(**FAILED)], False),
    ("Local", [endpoint(**UNREADY)], False),
    ("Local", [endpoint("other", **READY), endpoint(**TERMINATING)], True),
    ("Local", [endpoint("other", **READY), endpoint(**FAILED)], False),
    ("Local", [endpoint(None, **READY)], False),
    ("Cluster", [endpoint("other", **READY)], True),
    ("Cluster", [endpoint("other", **READY), endpoint(**FAILED)], True),
    ("Cluster", [endpoint(**UNREADY)], False),
    # A condition that is missing: ready is true, serving is ready, terminating is false.
    ("Local", [endpoint(serving=True)], True),
    ("Local", [endpoint(terminating=True)], True),
    ("Local", [endpoint(ready=None)], True),
    ("Local", [endpoint(ready=False, terminating=True)], False),
])
def test_conditions_of_endpoints(shared, policy, endpoints, announced):
    with shared.events(2):
        shared.store.put(service("app", "192.0.2.7", externalTrafficPolicy=policy),
                         endpoint_slice("app", *endpoints))
    if announced:
        shared.neighbour.wait_route(VIP)
        return
    wait_reason(shared, "noLocalEndpoints" if policy == "Local" else "noEndpoints")
    shared.neighbour.stays_without(VIP)


def test_a_rolling_update(shared):
    """Ready, terminating and still serving, then gone: the VIP is announced for as long."""
    shared.store.put(local(), endpoint_slice("app", endpoint(**READY)))
    shared.neighbour.wait_route(VIP)
    withdrawn = len(shared.neighbour.withdrawn)
    with shared.events(2):
        shared.store.put(endpoint_slice("app", endpoint(**TERMINATING)))
        shared.store.put(
            endpoint_slice("app", endpoint(**TERMINATING), endpoint("other", **READY)))
    shared.neighbour.stays_silent(0.2)
    assert len(shared.neighbour.withdrawn) == withdrawn
    shared.store.put(endpoint_slice("app", endpoint("other", **READY)))
    shared.neighbour.wait_withdrawn(VIP)


def test_ip_mode(shared):
    """Proxy: packets to that address must go to the load balancer itself, and not to a node."""
    shared.store.put(service("app", {"ip": "192.0.2.7", "ipMode": "Proxy"},
                             {"ip": "192.0.2.8", "ipMode": "VIP"}, {"hostname": "lb.example.net"}),
                     endpoint_slice("app", endpoint(**READY)))
    shared.neighbour.wait_route("192.0.2.8/32")
    wait_reason(shared, "ipModeProxy")
    assert VIP not in shared.neighbour.routes
    shared.store.put(service("app", {"ip": "192.0.2.7", "ipMode": "VIP"}))
    shared.neighbour.wait_route(VIP)


def test_slices_of_one_service_are_taken_together(shared):
    """A Service has as many slices as it needs, of each family; each comes and goes alone."""
    shared.store.put(service("app", "192.0.2.7", "2001:db8:f::7", ipFamilies=["IPv4", "IPv6"]),
                     endpoint_slice("app", endpoint(**READY), suffix="a"),
                     endpoint_slice("app", endpoint(**READY), suffix="b"),
                     endpoint_slice("app", endpoint(address="fd00::1", **READY), suffix="c",
                                    family="IPv6"))
    shared.neighbour.wait_route(VIP)
    shared.neighbour.wait_route("2001:db8:f::7/128")
    shared.store.delete("endpointslices", "app-a")
    shared.store.delete("endpointslices", "app-c")
    shared.neighbour.wait_withdrawn("2001:db8:f::7/128")
    assert VIP in shared.neighbour.routes
    shared.store.delete("endpointslices", "app-b")
    shared.neighbour.wait_withdrawn(VIP)


def test_publish_not_ready_addresses(shared):
    shared.store.put(local(publishNotReadyAddresses=True),
                     endpoint_slice("app", endpoint(**UNREADY)))
    shared.neighbour.wait_route(VIP)


def test_slices_that_do_not_count(shared):
    """Of names in place of addresses, of another Service, of none, or of a headless one."""
    with shared.events(5):  # of the last one the server is not asked
        shared.store.put(
            local(), endpoint_slice("app", endpoint(**READY), suffix="a", family="FQDN"),
            endpoint_slice("other", endpoint(**READY), suffix="b"),
            endpoint_slice("app", endpoint(**READY), suffix="c", namespace="elsewhere"),
            endpoint_slice("app", endpoint(**READY), suffix="d",
                           labels={"kubernetes.io/service-name": ""}),
            endpoint_slice("app", endpoint(**READY), suffix="e",
                           labels={"service.kubernetes.io/headless": ""}))
    wait_reason(shared, "noLocalEndpoints")
    shared.neighbour.stays_without(VIP)


@pytest.fixture(scope="module", name="shared_ground")
def ground_of_file(build):
    """One kbgpd for the whole file: each test has the Service to itself."""
    with Lab() as lab:
        ground_ = Ground(lab, build)
        ground_.serve()
        yield ground_.start_synced()


@pytest.fixture
def shared(shared_ground):
    failures = shared_ground.status()["failures"]
    yield shared_ground
    for resource in ("services", "endpointslices"):
        for key in list(shared_ground.store.objects[resource]):
            shared_ground.store.delete(resource, key[1], key[0])

    def forgotten():
        """Each kind comes by a watch of its own: one of them alone may end the routes."""
        cluster = shared_ground.kbgpd.ctl("status")["cluster"]
        return not cluster["services"] and not cluster["endpointSlices"]

    wait_until(forgotten, "no Services and no slices")
    shared_ground.wait_routes(POD_CIDR)
    # After the rest: the next test is to find all as it was.
    assert shared_ground.status()["failures"] == failures
