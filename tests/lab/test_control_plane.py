"""The control plane itself does what the tests against it take for granted."""

import pytest

from api_client import ApiError, in_parallel
from api_objects import node, pod, service
from control_plane import (ControlPlane, kubeconfig, lab_of_file,  # noqa: F401
                           mount_token, user_of)
from lab import wait_until

SERVICES_PATH = "/api/v1/namespaces/default/services"
SLICES_PATH = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"


@pytest.fixture(scope="module")
def plane(lab):
    new = ControlPlane(lab.host("api"))
    new.start_controllers("nodeipam")
    new.start_controllers("endpointslice", "serviceaccount-token")
    for number in (1, 2):
        new.admin.put(node(f"node-{number}", address=f"10.0.0.{number},2001:db8::{number}"))
    return new


def refusal(function, *arguments):
    """The status of an answer that must not be 2xx."""
    with pytest.raises(ApiError) as caught:
        function(*arguments)
    return caught.value.status


def test_endpoint_slices_follow_pods(plane):
    plane.admin.put(service("web", "192.0.2.10", ipFamilyPolicy="PreferDualStack"))
    web = plane.admin.get(f"{SERVICES_PATH}/web")
    assert web["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.10"}]
    assert len(web["spec"]["clusterIPs"]) == 2
    addresses = "10.240.0.7", "fd00:10::7"
    plane.admin.put(pod("web-1", "node-1", *addresses, labels={"app": "web"}))

    def endpoints():
        return {(each["addresses"][0], each["conditions"]["ready"],
                 each["topology"]["kubernetes.io/hostname"])
                for found in plane.admin.get(SLICES_PATH)["items"]
                if found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
                for each in found["endpoints"] or ()}
    wait_until(lambda: endpoints() == {("10.240.0.7", True, "node-1"),
                                       ("fd00:10::7", True, "node-1")}, "the endpoints")
    plane.admin.put(pod("web-1", "node-1", *addresses, labels={"app": "web"}, ready="False"))
    wait_until(lambda: {ready for _, ready, _ in endpoints()} == {False}, "not ready")


def test_only_what_a_role_allows(plane):
    account = plane.service_account("reader", "readers")
    path = "/api/v1/nodes"
    client = plane.client(token=plane.token(account))
    assert refusal(plane.client().get, path) == 403
    assert refusal(plane.client(token="wrong").get, path) == 401
    assert refusal(client.get, path) == 403
    plane.admin.apply_manifests("""\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: reader
rules:
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: # who may
  name: reader
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {kind: ServiceAccount, name: reader, namespace: readers}
""")
    wait_until(lambda: client.get(path)["kind"] == "NodeList", "the role")
    assert refusal(client.delete, node("node-1")) == 403

    def asked():
        return [(event["verb"], event["objectRef"]["resource"], event["responseStatus"]["code"])
                for event in plane.requests(user_of(account))]
    wait_until(lambda: asked()[0] == ("list", "nodes", 403) and asked()[-2:] == [
        ("list", "nodes", 200), ("delete", "nodes", 403)], "all of them in the audit log")


def test_tokens_end(plane):
    account = plane.service_account("guest", "readers")

    def accepted(token):
        return plane.admin.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token}})["status"].get("authenticated", False)
    for make in (plane.revocable_token, plane.legacy_token):
        good, _ = make(account)
        wait_until(lambda good=good: accepted(good), "the token is accepted")
        # One that has been accepted would be remembered for 10 s.
        token, secret = make(account)
        plane.revoke(secret)
        wait_until(lambda token=token: not accepted(token), "the token is refused")


def test_compaction(plane):
    plane.admin.put(service("page-0"), service("page-1"))
    page = plane.admin.get(f"{SERVICES_PATH}?limit=1")["metadata"]["continue"]
    assert plane.admin.get(f"{SERVICES_PATH}?limit=1&continue={page}")["items"]
    plane.admin.put(service("page-2"))
    plane.compact()
    assert refusal(plane.admin.get, f"{SERVICES_PATH}?limit=1&continue={page}") == 410


def test_watches_over_a_restart(plane):
    item = service("seen")
    plane.admin.put(item)
    version = plane.revision()
    with plane.admin.watch(SERVICES_PATH, version) as watch:
        plane.admin.patch(item, {"metadata": {"labels": {"a": "b"}}})
        event = watch.next()
        assert event["type"] == "MODIFIED"
        assert event["object"]["metadata"]["labels"] == {"a": "b"}
        plane.compact()
        plane.restart()
        assert watch.next() is None
    assert plane.admin.get(f"{SERVICES_PATH}/seen")["metadata"]["labels"] == {"a": "b"}
    with plane.admin.watch(SERVICES_PATH, version) as watch:
        event = watch.next()
        assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_files_of_a_client(lab, plane):
    folder = lab.folder / "client"
    folder.mkdir()
    kubeconfig(folder / "admin.conf", plane, client=plane.admin_certificate, embedded=True)
    assert plane.server in (folder / "admin.conf").read_text()
    for token in ("one", "two"):
        mount_token(folder / "token", plane, token, "kbgpd-system")
        assert (folder / "token" / "token").read_text() == token
    assert (folder / "token" / "namespace").read_text() == "kbgpd-system"


def test_many_at_once(plane):
    in_parallel(plane.admin.put, [service(f"many-{number}", "192.0.2.1") for number in range(100)])
    assert len([each for each in plane.admin.get(SERVICES_PATH)["items"]
                if each["status"]["loadBalancer"].get("ingress") == [{"ip": "192.0.2.1"}]]) == 100


def test_nodes_get_pod_cidrs(plane):
    blocks = [wait_until(lambda name=name: plane.admin.get(f"/api/v1/nodes/{name}")["spec"]
                         ["podCIDRs"], "pod CIDRs") for name in ("node-1", "node-2")]
    assert all(len(each) == 2 and ":" in each[1] for each in blocks)
    assert not set(blocks[0]) & set(blocks[1])
