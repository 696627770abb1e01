"""What a real API server makes of what kbgpd tells it, and of the Secrets that it reads there.

Events, the ConfigMap of the node and passwords: with the ServiceAccount and the roles of
etc/kubernetes/ and no other rights.  What was told is read back as `kubectl describe` does.
"""

import json
import signal
import urllib.parse
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from api_ground import POD_CIDR, Pod
from api_objects import endpoint, endpoint_slice, node, service
from control_plane import lab_of_file, user_of  # noqa: F401
from daemons import Bird, Session
from kubernetes_ground import DEPLOYMENT, NAMESPACE, NODE, Kubernetes
from lab import stays, wait_until

CONFIGURATION = """
router: {asn: 64512, routerID: 10.0.1.2, leave: {delay: 10s}}
cluster: {source: kubernetes, status: configMap}
fib: {install: false}
peers:
- {name: tor, address: 10.0.1.1, asn: 65000, passive: true}
- name: leaf
  address: 10.0.3.1
  asn: 65003
  connectRetryTime: 1s
  passwordSecret: {name: bgp, key: leaf}
advertisements:
- {name: pods, type: PodCIDR}
- {name: public, type: Service, addresses: [LoadBalancerIP]}
"""

WEB = "192.0.2.1/32"
LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
EVENTS = "/api/v1/namespaces/default/events"
CONFIG_MAP = f"/api/v1/namespaces/{NAMESPACE}/configmaps/kbgpd-{NODE}"

LONG = 120
"""Seconds for what kbgpd does once a minute, so that a thousand nodes do not load the API server.
"""


def secret(password):
    return {"apiVersion": "v1", "kind": "Secret", "stringData": {"leaf": password},
            "metadata": {"name": "bgp", "namespace": NAMESPACE}}


def moment(text):
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Native(Kubernetes):
    """A neighbour that listens, and BIRD, with which there is a password."""

    def __init__(self, lab, build):
        # As on clusters where who sets an owner must have the right to delete what is owned.
        super().__init__(lab, build, {
            "--enable-admission-plugins": "OwnerReferencesPermissionEnforcement"})
        self.admin.apply_manifests((DEPLOYMENT.parent / "status/role.yaml").read_text())
        self.admin.put(node(NODE, POD_CIDR), service("web", "192.0.2.1"))
        self.set_ready(True)
        self.admin.create(secret("one"))
        host = lab.host("leaf")
        lab.link(self.node, host, ["10.0.3.2/24"], ["10.0.3.1/24"])
        self.leaf = Bird(host, 65003, "10.0.3.1", [
            Session("10.0.3.2", 64512, "10.0.3.1", password="one")])

    def configuration(self, cluster=None, rest=""):
        return CONFIGURATION

    def begin(self):
        """Starts kbgpd, and what it waits for one by one."""
        self.kbgpd = Pod(self.node, self.build, CONFIGURATION, "10.0.2.1")
        self.missing = [self.wait_missing("the cluster is not known yet: ")]
        self.give_token(self.plane.token(self.account))
        self.missing.append(self.wait_missing("not been sent yet: waiting for tor ("))
        self.meet()
        wait_until(lambda: self.readiness()[0] == 200, "ready")

    def set_ready(self, ready):
        """Whether the Service has an endpoint."""
        self.admin.put(endpoint_slice("web", endpoint(ready=ready)))

    def wait_rights(self):
        """The API server's authorizer learns of a role a moment after it is made, or after a start.

        What is refused later than that was asked without the right to.
        """
        for verb, resource, namespace in (
                ("list", "services", ""), ("create", "events", "default"),
                ("list", "secrets", NAMESPACE), ("patch", "configmaps", NAMESPACE)):
            wait_until(lambda words=(verb, resource, namespace, "bgp"): self.may(*words),
                       f"the right to {verb} {resource}")
        self.knows_rights = datetime.now(UTC)

    def readiness(self):
        """What a probe of /readyz gets: the status, and the text."""
        text, _, status = self.node.run(
            "curl", "-s", "-w", "\n%{http_code}",
            "http://127.0.0.1:7473/readyz").rpartition("\n")
        return int(status), text

    def wait_missing(self, words):
        def missing():
            status, text = self.readiness()
            assert status == 503
            assert words in text, text
            return text

        return wait_until(missing, f"not ready: {words}")

    def events(self, kind, name, uid, reason):
        """The Events of an object with a reason, as `kubectl describe` asks for them."""
        selector = urllib.parse.quote(",".join(
            f"{field}={value}" for field, value in {
                "involvedObject.kind": kind, "involvedObject.name": name,
                "involvedObject.uid": uid, "reason": reason}.items()))
        return self.admin.get(f"{EVENTS}?fieldSelector={selector}")["items"]

    def wait_event(self, kind, name, uid, reason, count=1, words=""):
        """There is one such Event, of something that has happened at least so often."""
        def told():
            event, = self.events(kind, name, uid, reason) or [{"count": 0}]
            assert event["count"] >= count, event
            assert words in event["message"], event["message"]
            return event

        return wait_until(told, f"{reason} of {kind} {name}, {count} times", LONG)

    def wait_event_of_node(self, reason, **more):
        return self.wait_event("Node", NODE, NODE, reason, **more)

    def uid_of_service(self):
        return self.admin.get("/api/v1/namespaces/default/services/web")["metadata"]["uid"]

    def events_of_service(self, reason):
        return self.events("Service", "web", self.uid_of_service(), reason)

    def wait_event_of_service(self, reason, **more):
        return self.wait_event("Service", "web", self.uid_of_service(), reason, **more)

    def set_password(self, password):
        """In the Secret, which is made if it has gone, and at BIRD."""
        self.admin.put(secret(password))
        self.leaf.sessions[0].password = password
        self.leaf.configure()

    def wait_leaf(self):
        wait_until(self.leaf.established, "BIRD's session")
        self.kbgpd.wait_established("leaf")

    def wait_report(self, services):
        """The ConfigMap, and the status in it, once it has so many Services and all sessions."""
        def written():
            item = self.admin.get(CONFIG_MAP)
            status = json.loads(item["data"]["status.json"])
            assert status["servicesAnnounced"] == services, status
            assert status["sessions"] == {"up": 2, "total": 2}, status
            return item, status

        return wait_until(written, f"a ConfigMap with {services} Services and all sessions",
                          2 * LONG)

    def answered(self):
        """What kbgpd has asked, with the status of the answer: 0 if nobody took it."""
        return [(each, each.get("responseStatus", {}).get("code", 0))
                for each in self.plane.requests(user_of(self.account))]

    def refused(self):
        """What the API server has refused since it knows the roles: the audit events."""
        return [each for each, status in self.answered() if status in (401, 403, 422)
                and moment(each["requestReceivedTimestamp"]) > self.knows_rights]

    def reports(self):
        """When the ConfigMap has been written."""
        return [moment(each["requestReceivedTimestamp"]) for each, status in self.answered()
                if each.get("objectRef", {}).get("resource") == "configmaps"
                and 200 <= status < 300]


@pytest.fixture(scope="module", name="world")
def ground_of_file(lab, build):
    """kbgpd, ready at last; world.missing has what /readyz has said on the way."""
    ground = Native(lab, build)
    ground.wait_rights()
    ground.begin()
    return ground


@pytest.fixture(name="native")
def ready(world):
    """Both sessions are up, and the neighbour has all there is."""
    world.wait_connected()
    world.wait_leaf()
    world.wait_routes(POD_CIDR, WEB)
    return world


def test_ready_when_all_has_been_sent(world):
    """503 says what is missing; without the API server it stays ready."""
    of_cluster, of_neighbour = world.missing
    assert "token" in of_cluster
    assert "cluster" not in of_neighbour
    assert world.readiness() == (200, "ready\n")


def test_events_of_a_service(native):
    """Nothing is told of what is announced at the start; then why not, and that it is again."""
    try:
        native.set_ready(False)
        native.neighbour.wait_withdrawn(WEB)
        withdrawn = native.wait_event_of_service("BGPWithdrawn", words="no more: ")
    finally:
        native.set_ready(True)
    native.wait_routes(POD_CIDR, WEB)
    announced = native.wait_event_of_service("BGPAnnounced", words=f"announces {WEB}")
    for event in withdrawn, announced:
        assert (event["type"], event["count"]) == ("Normal", 1)
        assert event["source"] == {"component": "kbgpd", "host": NODE}
        assert (event["reportingComponent"], event["reportingInstance"]) == ("kbgpd", NODE)
        assert event["firstTimestamp"] == event["lastTimestamp"]
    assert "endpoint" in withdrawn["message"]


def test_events_of_the_node_after_an_outage(native):
    """A session goes down while the API server is away: it is told of when it is back."""
    assert native.refused() == []
    native.plane.stop()
    try:
        wait_until(lambda: not native.status()["connected"], "kbgpd notices")
        native.neighbour.close()
        wait_until(lambda: native.kbgpd.peer("tor")["state"] != "Established", "the session's end")
        assert native.readiness()[0] == 200
    finally:
        native.neighbour.close()
        native.plane.start()
        native.wait_rights()
        native.meet()
    native.wait_connected()
    down = native.wait_event_of_node("BGPPeerDown", words="session with tor is down")
    assert down["type"] == "Warning"
    up = native.wait_event_of_node("BGPPeerUp")
    assert up["type"] == "Normal"


def test_a_password_from_a_secret(native):
    """It changes with the Secret, goes with it and comes with it."""
    before = native.leaf.since()
    native.set_password("two")
    wait_until(lambda: native.leaf.since() != before, "BIRD begins anew")
    native.wait_leaf()

    native.admin.delete(secret(""))
    try:
        wait_until(lambda: not native.leaf.established(), "the session's end")
        stays(lambda: native.kbgpd.peer("leaf")["state"] != "Established", 2, "no session without")
    finally:
        native.set_password("three")
    native.wait_leaf()


def test_events_of_a_node_without_services(native):
    """One on the Node, and none on each of its Services."""
    before = native.events_of_service("BGPWithdrawn")
    native.admin.patch(node(NODE), {"metadata": {"labels": {LABEL: ""}}})
    try:
        native.neighbour.wait_withdrawn(WEB)
        native.wait_event_of_node("BGPServicesWithdrawn")
    finally:
        native.admin.patch(node(NODE), {"metadata": {"labels": {LABEL: None}}})
    native.wait_routes(POD_CIDR, WEB)
    native.wait_event_of_node("BGPServicesAnnounced")
    assert native.events_of_service("BGPWithdrawn") == before


def test_the_status_of_the_node(native):
    """A ConfigMap that goes with the Node; written when something has changed, once a minute."""
    # What was written before may be of another state, such as this one without the Service: then
    # nothing would change by that.
    item, before = native.wait_report(services=1)
    owner, = item["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": native.admin.get(
        f"/api/v1/nodes/{NODE}")["metadata"]["uid"]}
    assert [each["manager"] for each in item["metadata"]["managedFields"]] == ["kbgpd"]
    native.admin.delete(service("web"))
    try:
        native.neighbour.wait_withdrawn(WEB)
        _, status = native.wait_report(services=0)
    finally:
        native.admin.put(service("web", "192.0.2.1"))
    assert status["node"] == NODE
    assert status["asn"] == 64512
    assert {peer["name"]: peer["state"] for peer in status["peers"]} == {
        "tor": "Established", "leaf": "Established"}
    assert moment(status["written"]) - moment(before["written"]) > timedelta(seconds=30)
    # One that the API server refuses as it starts is sent later, and the next one is not.
    settled = native.knows_rights + timedelta(minutes=1)
    times = [time for time in native.reports() if time > settled]
    assert all(later - earlier > timedelta(seconds=30) for earlier, later in pairwise(times)), times


def test_what_happens_again(native):
    """It is in the same Event, at most once a minute."""
    if not native.events("Node", NODE, NODE, "BGPPeerDown"):
        native.kbgpd.ctl_text("clear", "leaf")
    before = native.wait_event_of_node("BGPPeerDown")
    native.wait_leaf()
    # An Event has its times in seconds.
    wait_until(lambda: datetime.now(UTC) > moment(before["lastTimestamp"]) + timedelta(seconds=1),
               "the next second")
    native.kbgpd.ctl_text("clear", "leaf")
    after = native.wait_event_of_node("BGPPeerDown", count=before["count"] + 1, words="with leaf")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["firstTimestamp"] == before["firstTimestamp"] < after["lastTimestamp"]


def test_what_was_asked(native):
    """Everything that the roles give, nothing else, and nothing was refused."""
    writes = {("patch", "events"), ("patch", "configmaps")}
    reads = {("get", "/apis/discovery.k8s.io"), *((verb, resource) for verb in ("list", "watch")
             for resource in ("nodes", "services", "endpointslices", "secrets"))}

    def asks(*wanted):
        assert set(native.requests()) >= set().union(*wanted), native.requests()
        return True

    wait_until(lambda: asks(writes), "what was written", LONG)
    # The audit log has a watch once it has ended.
    native.break_connections()
    wait_until(lambda: asks(reads), "what was asked")
    assert set(native.requests()) == reads | writes
    assert native.refused() == []


def test_the_last_event(native):
    """That kbgpd ends is told before it does.  The last test of the file."""
    native.kbgpd.process.send(signal.SIGTERM)
    native.wait_event_of_node("BGPLeaving")
    # Told again it does not wait for the rest of its delay.
    assert native.kbgpd.stop() == 0
