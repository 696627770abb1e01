"""The ground of test_kubernetes*.py: as api_ground.py, with the real control plane of Kubernetes.

kbgpd runs as in a pod: with the folder of its own ServiceAccount, whose token the test writes as
the kubelet does, and with the rights of etc/kubernetes/ and no others.
"""

import contextlib
import pathlib
import signal

import api_ground
from control_plane import ControlPlane, mount_token, user_of
from lab import PATIENCE, wait_until

NAMESPACE, ACCOUNT = "kbgpd-system", "kbgpd"    # as in DEPLOYMENT
NODE = "node"

DEPLOYMENT = pathlib.Path(__file__).parent.parent.parent / "etc/kubernetes/base"
RIGHTS = ["namespace", "service-account", "cluster-role", "role", "bindings"]

RETRIES = 3 * PATIENCE
"""Seconds for what an outage may have made wait: kbgpd and the controllers rest for up to 30 s
between two attempts, and an API server that has just started may refuse the first one.
"""


def grant_rights(admin):
    """kbgpd's ServiceAccount and its roles, as they are deployed."""
    for file in RIGHTS:
        admin.apply_manifests((DEPLOYMENT / f"{file}.yaml").read_text())


class Kubernetes(api_ground.Ground):
    """A control plane on the host "api", and kbgpd as a pod on the host "node"."""

    def __init__(self, lab, build, options=None):
        super().__init__(lab, build)
        self.plane = ControlPlane(self.api, ["10.0.2.1", "2001:db8:2::1"], options=options)
        self.admin = self.plane.admin
        grant_rights(self.admin)
        self.account = self.plane.service_account(ACCOUNT, NAMESPACE)

    def configuration(self, cluster=None, rest=""):
        """As there, with Events, which kbgpd has the right to write."""
        return super().configuration(cluster, rest).replace("events: false", "events: true")

    def start(self, cluster=None, rest="", token=None):
        """kbgpd with a token of its account, and its neighbour."""
        self.kbgpd = api_ground.Pod(
            self.node, self.build, self.configuration(cluster or "kubeconfig: ''", rest),
            "10.0.2.1", running=False)
        token = token or self.plane.token(self.account)
        # The API server's authorizer learns of a role a moment after it is made.
        wait_until(lambda: self.plane.client(token=token).get("/api/v1/services?limit=1"),
                   "the role is in force")
        self.give_token(token)
        self.kbgpd.start()
        self.meet()
        return self

    def give_token(self, token):
        """As the kubelet does when a token, or the authority of the cluster, is another one."""
        mount_token(self.kbgpd.account, self.plane, token, NAMESPACE)

    def may(self, verb, resource, namespace="", name=""):
        """Whether the API server's authorizer would let kbgpd do this now."""
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                  "metadata": {"name": ""},
                  "spec": {"user": user_of(self.account), "resourceAttributes": {
                      "verb": verb, "resource": resource, "namespace": namespace, "name": name}}}
        return self.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
                                  review)["status"]["allowed"]

    @contextlib.contextmanager
    def paused(self):
        """kbgpd hears nothing in this block; its connections stay."""
        self.kbgpd.process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.kbgpd.process.send(signal.SIGCONT)

    def break_connections(self):
        """As a load balancer in between does that forgets them."""
        self.node.run("ss", "-K", "dst", "10.0.2.1")

    def wait_connected(self):
        wait_until(lambda: self.status()["connected"], "kbgpd follows the API server", RETRIES)
        return self.status()

    def wait_routes(self, *prefixes):
        self.neighbour.read_until(lambda: set(self.neighbour.routes) == set(prefixes),
                                  f"{prefixes} at the neighbour", RETRIES)

    def requests(self):
        """What kbgpd has asked so far, as the API server's audit log has it: ("list", "nodes")."""
        found = []
        for event in self.plane.requests(user_of(self.account)):
            if event["verb"] != "watch" or event["stage"] == "ResponseStarted":
                found.append((event["verb"], event.get("objectRef", {}).get(
                    "resource", event["requestURI"])))
        return found
