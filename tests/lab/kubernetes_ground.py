"""The ground of test_kubernetes*.py: as api_ground.py, with the real control plane of Kubernetes.

kbgpd runs as in a pod: with the folder of its own ServiceAccount, whose token the test writes as
the kubelet does, and with the rights of its role and no others.
"""

import contextlib
import signal

import api_ground
from control_plane import ControlPlane, mount_token, user_of
from lab import wait_until

NAMESPACE, ACCOUNT = "kbgpd-system", "kbgpd"
NODE = "node"


def role():
    """The rights that kbgpd needs; what etc/kubernetes/ gives is compared with what it uses."""
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "services"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
         "verbs": ["list", "watch"]},
    ]
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    version = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": ACCOUNT},
         "rules": rules},
        {"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": ACCOUNT},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                     "name": ACCOUNT}, "subjects": [subject]}]


class Kubernetes(api_ground.Ground):
    """A control plane on the host "api", and kbgpd as a pod on the host "node"."""

    def __init__(self, lab, build, options=None):
        super().__init__(lab, build)
        self.plane = ControlPlane(self.api, ["10.0.2.1", "2001:db8:2::1"], options=options)
        self.admin = self.plane.admin
        self.account = self.plane.service_account(ACCOUNT, NAMESPACE)
        for each in role():
            self.admin.create(each)

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

    def wait_connected(self):
        wait_until(lambda: self.status()["connected"], "kbgpd follows the API server")
        return self.status()

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

    def requests(self):
        """What kbgpd has asked so far, as the API server's audit log has it: ("list", "nodes")."""
        found = []
        for event in self.plane.requests(user_of(self.account)):
            if event["verb"] != "watch" or event["stage"] == "ResponseStarted":
                found.append((event["verb"], event.get("objectRef", {}).get(
                    "resource", event["requestURI"])))
        return found
