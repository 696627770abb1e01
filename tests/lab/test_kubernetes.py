"""kbgpd and the real control plane of Kubernetes: what its neighbour sees of what happens there."""

import itertools
from ipaddress import ip_network

import pytest

from api_client import ApiError, as_sent
from api_objects import endpoint, endpoint_slice, node, pod, service
from certificates import Authority
from control_plane import PODS, lab_of_file  # noqa: F401
from kubernetes_ground import NODE, Kubernetes
from lab import wait_until

NUMBERS = itertools.count(1)
SLICES = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"


@pytest.fixture(scope="module", name="world")
def ground_of_file(lab, build):
    """One control plane for the whole file, with the controllers that matter here."""
    ground = Kubernetes(lab, build)
    ground.plane.start_controllers("nodeipam")
    ground.plane.start_controllers("endpointslice")
    ground.admin.put(node(NODE, address="10.0.1.2,2001:db8:2::2"),
                     node("other", address="10.0.1.3,2001:db8:2::3"))
    return ground.start()


@pytest.fixture
def kubernetes(world):
    """Followed; the neighbour has the pod CIDRs of the node and nothing else."""
    world.wait_connected()
    world.pods = wait_until(lambda: world.admin.get(f"/api/v1/nodes/{NODE}")["spec"]["podCIDRs"],
                            "pod CIDRs")
    world.wait_routes(*world.pods)
    # The controller is slow to forget: no test has a Service of the same name as one before.
    world.web = f"web-{next(NUMBERS)}"
    yield world
    for path in ("/api/v1/namespaces/default/services", "/api/v1/namespaces/default/pods", SLICES):
        for item in world.admin.get(path)["items"]:
            if item["metadata"]["name"] != "kubernetes":
                remove(world.admin, f"{path}/{item['metadata']['name']}")


def remove(admin, path):
    """The controller may have removed it first."""
    try:
        admin.request("DELETE", path, {"gracePeriodSeconds": 0})
    except ApiError as error:
        if error.status != 404:
            raise


def web(kubernetes, *addresses, name=None, **spec):
    """A Service with a pod on this node, of which the controller makes an EndpointSlice."""
    name = name or kubernetes.web
    kubernetes.admin.put(service(name, *addresses, **spec),
                         pod(f"{name}-1", NODE, "10.240.0.7", "fd00:10::7", labels={"app": name}))


def is_refused(client):
    try:
        client.get("/api/v1/nodes")
    except ApiError as error:
        return error.status == 401
    return False


def test_pod_cidrs_of_the_controller(world):
    """The node IPAM controller gives the node its CIDRs: they are announced, of both families."""
    cidrs = wait_until(lambda: world.admin.get(f"/api/v1/nodes/{NODE}")["spec"]["podCIDRs"],
                       "pod CIDRs")
    assert [ip_network(cidr).subnet_of(ip_network(pool))
            for cidr, pool in zip(cidrs, PODS, strict=True)] == [True, True]
    world.wait_routes(*cidrs)


def test_endpoint_slices_of_the_controller(kubernetes):
    """From the pod's readiness to the neighbour; dual stack, and Local on this node only."""
    kubernetes.admin.put(service("both", "192.0.2.1", "2001:db8:f::1", ipFamilies=["IPv4", "IPv6"],
                                 ipFamilyPolicy="RequireDualStack", externalTrafficPolicy="Local"),
                         pod("both-1", "other", "10.240.1.7", "fd00:10:0:1::7",
                             labels={"app": "both"}))
    kubernetes.neighbour.stays_without("192.0.2.1/32")
    here = pod("both-2", NODE, "10.240.0.7", "fd00:10::7", labels={"app": "both"})
    kubernetes.admin.put(here)
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.1/32", "2001:db8:f::1/128")
    kubernetes.admin.put(pod("both-2", NODE, "10.240.0.7", "fd00:10::7", labels={"app": "both"},
                             ready="False"))
    kubernetes.wait_routes(*kubernetes.pods)
    kubernetes.admin.put(here)
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.1/32", "2001:db8:f::1/128")
    kubernetes.admin.delete(here)
    kubernetes.wait_routes(*kubernetes.pods)


def test_labels_of_nodes_and_services(kubernetes):
    web(kubernetes, "192.0.2.1")
    kubernetes.neighbour.wait_route("192.0.2.1/32")
    this = node(NODE)
    label = "node.kubernetes.io/exclude-from-external-load-balancers"
    kubernetes.admin.patch(this, {"metadata": {"labels": {label: ""}}})
    try:
        kubernetes.neighbour.wait_withdrawn("192.0.2.1/32")
        assert set(kubernetes.neighbour.routes) == set(kubernetes.pods)
    finally:
        kubernetes.admin.patch(this, {"metadata": {"labels": {label: None}}})
    kubernetes.neighbour.wait_route("192.0.2.1/32")

    # A heartbeat of the kubelet changes nothing.
    updates, events = kubernetes.neighbour.updates, kubernetes.status()["events"]
    kubernetes.admin.set_status(this, {"images": [{"names": [kubernetes.web]}]})
    kubernetes.admin.patch(service(kubernetes.web), {"metadata": {"labels": {"a": "b"}}})
    wait_until(lambda: kubernetes.status()["events"] >= events + 2, "kbgpd hears of both")
    kubernetes.neighbour.stays_silent(0.3)
    assert kubernetes.neighbour.updates == updates


def test_the_api_server_is_killed(kubernetes):
    """Nothing is withdrawn; what changed is told once it is back, and little is asked for that."""
    web(kubernetes, "192.0.2.1")
    web(kubernetes, "192.0.2.2", name="mail")
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.1/32", "192.0.2.2/32")
    kubernetes.plane.stop()
    try:
        wait_until(lambda: not kubernetes.status()["connected"], "kbgpd notices")
        kubernetes.keeps(*kubernetes.pods, "192.0.2.1/32", "192.0.2.2/32")
        before = kubernetes.status()
    finally:
        kubernetes.plane.start()
    kubernetes.admin.delete(service(kubernetes.web))
    web(kubernetes, "192.0.2.3", name="chat")
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.2/32", "192.0.2.3/32")
    assert kubernetes.neighbour.withdrawn[-1] == "192.0.2.1/32"
    after = kubernetes.wait_connected()
    # Refused connections are counted as requests: a few of them, and at most one list per kind.
    assert after["lists"] - before["lists"] <= 3
    assert after["requests"] - before["requests"] < 60


def test_history_is_compacted_while_kbgpd_cannot_see_it(kubernetes):
    """kbgpd is stopped, etcd forgets, the API server starts anew: 410, and then a list."""
    web(kubernetes, "192.0.2.1")
    web(kubernetes, "192.0.2.2", name="post")
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.1/32", "192.0.2.2/32")
    before = kubernetes.status()
    with kubernetes.paused():
        kubernetes.admin.delete(service(kubernetes.web))
        kubernetes.admin.put(service("post", "192.0.2.4"))
        web(kubernetes, "192.0.2.3", name="talk")
        wait_until(lambda: "talk" in {each["metadata"]["labels"]["kubernetes.io/service-name"]
                                      for each in kubernetes.admin.get(SLICES)["items"]},
                   "the slice of talk")
        kubernetes.plane.compact()
        kubernetes.plane.restart()
    kubernetes.wait_routes(*kubernetes.pods, "192.0.2.3/32", "192.0.2.4/32")
    # 410 is no failure; a watch of what has not changed since may go on.
    after = kubernetes.wait_connected()
    assert before["lists"] < after["lists"] <= before["lists"] + 3


def test_an_api_server_that_hangs(kubernetes):
    """SIGSTOP: its connections stay, and kbgpd keeps what it knows."""
    web(kubernetes, "192.0.2.1")
    kubernetes.neighbour.wait_route("192.0.2.1/32")
    kubernetes.plane.pause()
    try:
        kubernetes.keeps(*kubernetes.pods, "192.0.2.1/32", seconds=1)
    finally:
        kubernetes.plane.resume()
    kubernetes.admin.delete(service(kubernetes.web))
    kubernetes.neighbour.wait_withdrawn("192.0.2.1/32")


def test_the_token_rotates_and_the_old_one_is_revoked(kubernetes):
    """As the kubelet rotates it; then the one that is in use is revoked before there is another."""
    web(kubernetes, "192.0.2.1")
    kubernetes.neighbour.wait_route("192.0.2.1/32")
    before = kubernetes.status()["failures"]
    token, secret = kubernetes.plane.revocable_token(kubernetes.account)
    kubernetes.give_token(token)
    try:
        kubernetes.break_connections()
        wait_until(lambda: kubernetes.status()["failures"] >= before + 3, "broken watches")
        kubernetes.wait_connected()

        kubernetes.plane.revoke(secret)
        # The API server believes for 10 s what it has checked, and it does not end a watch.
        wait_until(lambda: is_refused(kubernetes.plane.client(token=token)), "it is refused")
        kubernetes.break_connections()
        kubernetes.wait_error("401 Unauthorized", "check the service account")
        kubernetes.keeps(*kubernetes.pods, "192.0.2.1/32")
        kubernetes.admin.delete(service(kubernetes.web))
    finally:
        kubernetes.give_token(kubernetes.plane.token(kubernetes.account))
    kubernetes.wait_connected()
    kubernetes.neighbour.wait_withdrawn("192.0.2.1/32")


def test_what_is_asked(kubernetes):
    """Lists and watches of the kinds in use, and Events, with the rights of etc/kubernetes/."""
    reads = {("get", "/apis/discovery.k8s.io"), *(
        (verb, resource) for verb in ("list", "watch")
        for resource in ("nodes", "services", "endpointslices"))}
    web(kubernetes, "192.0.2.1")
    assert kubernetes.status()["discoveryVersion"] == "v1beta1"
    # A slice that somebody else than the controller manages counts as well.
    by_hand = endpoint_slice("hand", endpoint(NODE), labels={
        "endpointslice.kubernetes.io/managed-by": "lab"})
    kubernetes.admin.put(by_hand, service("hand", "192.0.2.9"))
    kubernetes.neighbour.wait_route("192.0.2.9/32")
    kubernetes.admin.delete(as_sent(by_hand))
    kubernetes.neighbour.wait_withdrawn("192.0.2.9/32")
    # The audit log has a watch once it has ended.
    kubernetes.break_connections()
    wait_until(lambda: set(kubernetes.requests()) >= reads, "what was asked")
    assert set(kubernetes.requests()) - reads <= {("patch", "events")}


def test_a_right_that_is_taken_away(kubernetes):
    """RBAC: what kbgpd knows stays, and the message names what is missing."""
    rules = kubernetes.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/kbgpd")
    web(kubernetes, "192.0.2.1")
    kubernetes.neighbour.wait_route("192.0.2.1/32")
    kubernetes.admin.patch(rules, {"rules": rules["rules"][1:]})
    try:
        # The authorizer learns of it a moment later, and it does not end a watch.
        wait_until(lambda: not kubernetes.may("watch", "services"), "the right is gone")
        kubernetes.break_connections()
        kubernetes.wait_error("403", "is forbidden", "system:serviceaccount:kbgpd-system:kbgpd")
        kubernetes.keeps(*kubernetes.pods, "192.0.2.1/32")
    finally:
        kubernetes.admin.patch(rules, {"rules": rules["rules"]})
    kubernetes.wait_connected()
    kubernetes.admin.delete(service(kubernetes.web))
    kubernetes.neighbour.wait_withdrawn("192.0.2.1/32")


def test_the_serving_certificate_changes(kubernetes, tmp_path):
    """It is of another authority: nothing is believed until the kubelet brings that one, too.

    The last test of the file, as the controllers do not trust it.
    """
    plane, old = kubernetes.plane, kubernetes.plane.authority.text
    web(kubernetes, "192.0.2.1")
    kubernetes.neighbour.wait_route("192.0.2.1/32")
    other = Authority(tmp_path / "authority", "another")
    plane.admin.context.load_verify_locations(str(other.file))
    plane.new_certificate(other.server(*plane.server_names()))
    kubernetes.wait_error("the server's certificate is refused")
    kubernetes.keeps(*kubernetes.pods, "192.0.2.1/32")
    plane.authority.file.write_text(old + other.text)
    kubernetes.give_token(plane.token(kubernetes.account))
    kubernetes.wait_connected()
    kubernetes.admin.delete(service(kubernetes.web))
    kubernetes.neighbour.wait_withdrawn("192.0.2.1/32")
