"""10,000 Services with 50,000 endpoints on the real control plane, listed and then churned."""

import random

import pytest

from api_client import as_sent, in_parallel
from api_ground import POD_CIDR
from api_objects import node, service
from control_plane import lab_of_file  # noqa: F401
from kubernetes_ground import NODE, Kubernetes
from kubernetes_load import address_of, fill, large_cluster, name_of, remove, slice_of
from lab import wait_until

COUNT = 10000
CHANGES = 300


@pytest.fixture(scope="module", name="large")
def large_of_file(lab, build):
    ground = Kubernetes(lab, build)
    ground.admin.put(node(NODE, POD_CIDR))
    fill(ground.plane, large_cluster(COUNT))
    ground.start()
    ground.all = {POD_CIDR, *(f"{address_of(number)}/32" for number in range(COUNT))}
    ground.wait_routes(*ground.all)
    ground.wait_connected()
    return ground


def test_listed(large):
    """Every address is announced; a list costs as many requests as it has pages."""
    status = large.kbgpd.ctl("status")
    assert status["cluster"]["services"] >= COUNT
    assert status["cluster"]["endpointSlices"] >= COUNT
    assert large.neighbour.withdrawn == [] and large.problems() == []
    assert large.status()["failures"] == 0 and large.status()["requests"] < 60
    # Not an address to a message: the neighbour has all of them in a few.
    assert large.neighbour.updates < COUNT / 5


def test_churned(large):
    """Endpoints come and go, at random; each event is one event, each change one change."""
    generator = random.Random(1)
    numbers = generator.sample(range(COUNT), CHANGES)
    updates, events = large.neighbour.updates, large.status()["events"]
    before = len(large.neighbour.withdrawn)

    def change(ready):
        in_parallel(lambda item: large.admin.patch(item, {"endpoints": item["endpoints"]}),
                    [as_sent(slice_of(number, ready)) for number in numbers])

    gone = {f"{address_of(number)}/32" for number in numbers}
    try:
        change(False)
        large.wait_routes(*large.all - gone)
        assert sorted(large.neighbour.withdrawn[before:]) == sorted(gone)
    finally:
        change(True)
    large.wait_routes(*large.all)
    assert len(large.neighbour.withdrawn) - before == CHANGES
    assert large.neighbour.updates - updates <= 2 * CHANGES
    # Bookmarks are events, too.
    assert 2 * CHANGES <= large.status()["events"] - events <= 2 * CHANGES + 50


def test_all_is_listed_again_without_a_word(large):
    """Its history is gone while the API server was: of all Services only one has gone, and that
    is all that the neighbour hears."""
    before = large.status()
    withdrawn, updates = len(large.neighbour.withdrawn), large.neighbour.updates
    large.plane.stop()
    try:
        remove(large.plane, service(name_of(7)))
        large.plane.compact()
    finally:
        large.plane.start()
    gone = f"{address_of(7)}/32"
    large.wait_routes(*large.all - {gone})
    assert large.neighbour.withdrawn[withdrawn:] == [gone]
    assert large.neighbour.updates == updates + 1
    wait_until(lambda: large.status()["lists"] == before["lists"] + 3, "three lists")
    large.wait_connected()
    large.keeps(*large.all - {gone})
