"""Objects that cannot be understood: each is skipped by its name, and all others go on."""

import json

import api_faults
import pytest
from api_ground import POD_CIDR
from api_objects import endpoint, endpoint_slice, node, service
from api_server import encode, event
from api_shared import ground, synced  # noqa: F401  (fixtures)
from lab import wait_until

WEB, MAIL, CHAT = "192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"


def wait_problem(ground, *words):
    def told():
        texts = [each for each in ground.problems() if all(word in each for word in words)]
        return texts and texts[0]

    problem = wait_until(told, f"{words} among the problems of kbgpctl status")
    assert problem in ground.kbgpd.process.output()
    return problem


def strange_service(name="bad", **spec):
    return {**service(name), "spec": {"type": "LoadBalancer", **spec}}


STRANGE = [
    (strange_service(externalIPs=["10.0.0.300"]), "spec.externalIPs[0]"),
    (strange_service(externalIPs={"a": 1}), "spec.externalIPs"),
    (strange_service(clusterIPs=[None, 7]), "spec.clusterIPs[1]"),
    (strange_service(externalTrafficPolicy="Galactic"), "spec.externalTrafficPolicy"),
    ({**service("bad"), "status": {"loadBalancer": {"ingress": [{"ip": "web"}]}}},
     "status.loadBalancer.ingress[0].ip"),
    ({**service("bad"), "spec": []}, "spec"),
    ({**service("bad"), "status": "good"}, "status"),
]


@pytest.mark.parametrize("value, path", STRANGE, ids=[path for _, path in STRANGE])
def test_in_a_list_and_in_a_watch(ground, value, path):
    ground.store.put(value)
    ground.web("web", "192.0.2.1")
    ground.serve()
    ground.start()
    ground.wait_routes(POD_CIDR, WEB)
    ground.wait_followed()
    wait_problem(ground, f"Service default/bad: {path}: ")
    assert ground.metric("kubernetes_problems") == 1 and ground.metric("kubernetes_up") == 1

    # The next one, in the watch; both are named, and what follows is taken.
    ground.store.put({**value, "metadata": {"name": "worse", "namespace": "default"}})
    wait_problem(ground, f"Service default/worse: {path}: ")
    ground.web("mail", "192.0.2.2")
    ground.wait_routes(POD_CIDR, WEB, MAIL)

    # Mended, and gone.
    ground.web("bad", "192.0.2.3")
    ground.wait_routes(POD_CIDR, WEB, MAIL, CHAT)
    ground.store.delete("services", "worse")
    wait_until(lambda: not ground.problems(), "no problem any more")
    assert ground.status()["failures"] == 0


def test_what_it_was_before_stays(synced):
    """Nearer to the truth than nothing; and gone it is when it is gone."""
    synced.store.patch("services", "web", {"spec": {"externalIPs": 7}})
    wait_problem(synced, "Service default/web: spec.externalIPs")
    synced.keeps(POD_CIDR, WEB)

    # The same after a list.
    synced.server.on("watch services", api_faults.expired())
    synced.bookmark_all()
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.asked("list services")) == 2, "another list")
    wait_until(synced.server.is_followed, "watches")
    synced.keeps(POD_CIDR, WEB)
    synced.store.delete("services", "web")
    synced.wait_routes(POD_CIDR)
    wait_until(lambda: not synced.problems(), "no problem any more")


def test_problems_that_go_while_nobody_is_told(synced):
    synced.store.put(strange_service(externalIPs=7))
    wait_problem(synced, "Service default/bad")
    synced.server.stop()
    synced.store.delete("services", "bad")
    synced.store.compact()
    synced.server.start()
    wait_until(lambda: not synced.problems(), "no problem any more")


def test_nodes_and_slices(ground):
    """Another's Node is not even looked at; this node's own keeps what it was."""
    ground.web("web", "192.0.2.1")
    ground.store.put({**endpoint_slice("web", suffix="bad"), "endpoints": [{"conditions": 7}]},
                     {**node("other"), "spec": 7})
    ground.serve()
    ground.start()
    ground.wait_routes(POD_CIDR, WEB)
    wait_problem(ground, "EndpointSlice default/web-bad: endpoints[0].conditions")
    ground.store.patch("nodes", "node", {"spec": {"podCIDRs": ["10.244.1.0"]}})
    wait_problem(ground, "Node node: spec.podCIDRs[0]")
    assert len(ground.problems()) == 2
    ground.keeps(POD_CIDR, WEB)


def test_what_is_no_json_is_skipped_alone(synced):
    """An object whose text is broken, but whose name can still be found."""
    value = json.dumps({"type": "MODIFIED", "object": {
        **service("web", "192.0.2.9"), "metadata": {
            "name": "web", "namespace": "default", "resourceVersion": "5000"}}}).encode()
    synced.store.say("services", value.replace(b'"LoadBalancer"', b'"Load\xff\xfeBalancer"'))
    wait_problem(synced, "Service default/web: ")
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, WEB, MAIL)
    assert len(synced.server.asked("watch services")) == 1


def test_an_object_without_end_is_skipped_alone(synced):
    """4 MB of one object are more than any API server keeps: its beginning says which it is."""
    value = service("web", "192.0.2.9")
    value["spec"] = {"externalIPs": ["192.0.2.9"] * 400000, **value["spec"]}
    synced.store.say("services", event("MODIFIED", {
        "kind": "Service", "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "default", "resourceVersion": "5000"}, **value}))
    wait_problem(synced, "Service default/web: it is too large")
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, WEB, MAIL)


def test_names_that_could_forge_a_line(synced):
    """They are no names, and are not in the log as they are."""
    synced.store.say("services", encode({"type": "ADDED", "object": {
        **service("web"), "metadata": {"name": "a\n2026 error all is lost", "namespace": "x/y"}}}))
    wait_problem(synced, "Service")
    assert "all is lost" not in synced.kbgpd.process.output()
    synced.web("mail", "192.0.2.2")
    synced.wait_routes(POD_CIDR, WEB, MAIL)


def test_many_problems_are_kept_within_bounds(ground):
    ground.web("web", "192.0.2.1")
    ground.store.put(*(strange_service(f"bad-{number}", externalIPs=number)
                       for number in range(300)))
    ground.serve()
    ground.start()
    ground.wait_routes(POD_CIDR, WEB)
    assert len(ground.problems()) == 100


def test_large_objects_are_taken(synced):
    """Annotations of a megabyte, as some tools write them, and a thousand endpoints."""
    synced.store.put(service("mail", "192.0.2.2"), endpoint_slice("mail", *(
        endpoint(f"node-{number}", f"10.244.7.{number % 250}") for number in range(1000))))
    value = service("chat", "192.0.2.3")
    value["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "\\\"{[" * 250000, "b": "ü" * 100000}
    synced.store.put(value, endpoint_slice("chat", endpoint()))
    synced.wait_routes(POD_CIDR, WEB, MAIL, CHAT)
    assert synced.problems() == []
