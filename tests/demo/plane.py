"""The control plane of ./demo --kubernetes: that of the labs, on the host "api" of the demo.

    plane.py PREFIX FOLDER

makes the host, a network namespace PREFIX-api, and then does what it is told, one line each, and
answers each with one line: "ok" and what was asked for, or "failed" and why.  Its end leaves all
that runs, and the host, to who started it.

    hello                          nothing: the host is there
    start                          etcd, the API server, controllers, and etc/kubernetes/base
    node NAME ADDRESS RACK         a Node object
    pod_cidr NAME                  the block that the controller gave this Node, as 10.240.1
    kubeconfig NAME FILE           a file with a token of kbgpd's ServiceAccount for this node
    service NAME ADDRESS           a Service with this load balancer's address
    pod SERVICE NODE ADDRESS       a Pod that is an endpoint of the Service
    remove_pod SERVICE NODE
    endpoints SERVICE              the nodes with endpoints that are ready, of EndpointSlices
    kill | restart                 the API server
    admin_certificate | admin_key  files for curl
"""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

# pylint: disable=wrong-import-position
from api_objects import node, pod, service  # noqa: E402
from control_plane import ControlPlane, kubeconfig  # noqa: E402
from kubernetes_ground import ACCOUNT, NAMESPACE, grant_rights  # noqa: E402
from lab import Lab, wait_until  # noqa: E402

ADDRESS = "10.3.0.10"
SLICES = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"


class Demo(Lab):
    """The hosts of ./demo, whose names and folder it says; it also removes them."""

    def __init__(self, prefix, folder):  # pylint: disable=super-init-not-called
        self.prefix, self.folder = prefix, pathlib.Path(folder)
        self.hosts, self.processes, self.daemons = {}, [], []


class Cluster:
    """A method for each command."""

    def __init__(self, prefix, folder):
        self.host = Demo(prefix, folder).host("api")
        self.plane = self.admin = self.account = None

    def hello(self):
        """The host has been made."""

    def start(self):
        self.plane = ControlPlane(self.host, [ADDRESS])
        self.admin = self.plane.admin
        self.plane.start_controllers("nodeipam")
        self.plane.start_controllers("endpointslice")
        grant_rights(self.admin)
        self.account = self.plane.service_account(ACCOUNT, NAMESPACE)

    def node(self, name, address, rack):
        self.admin.put(node(name, address=address, labels={"rack": rack}))

    def pod_cidr(self, name):
        spec = wait_until(lambda: self.admin.get(f"/api/v1/nodes/{name}")["spec"]["podCIDR"],
                          f"the pod CIDR of {name}")
        return spec.removesuffix(".0/24")

    def kubeconfig(self, name, file):
        """Each node has a token of its own, as the kubelet asks for one for each pod."""
        del name
        token = self.plane.token(self.account)
        # The API server's authorizer learns of a role a moment after it is made.
        wait_until(lambda: self.plane.client(token=token).get("/api/v1/services?limit=1"),
                   "the role is in force")
        kubeconfig(pathlib.Path(file), self.plane, token=token)

    def service(self, name, address):
        self.admin.put(service(name, address, labels={"expose": "public"},
                               externalTrafficPolicy="Local"))

    def pod(self, name, on_node, address):
        self.admin.put(pod(f"{name}-on-{on_node}", on_node, address, labels={"app": name}))

    def remove_pod(self, name, on_node):
        self.admin.delete(pod(f"{name}-on-{on_node}", on_node, "0.0.0.0"))

    def endpoints(self, name):
        return " ".join(sorted(
            each["topology"]["kubernetes.io/hostname"]
            for found in self.admin.get(SLICES)["items"]
            if found["metadata"]["labels"]["kubernetes.io/service-name"] == name
            for each in found["endpoints"] or () if each["conditions"]["ready"]))

    def kill(self):
        self.plane.stop(signal.SIGKILL)

    def restart(self):
        self.plane.start()

    def admin_certificate(self):
        return self.plane.admin_certificate.file

    def admin_key(self):
        return self.plane.admin_certificate.key_file


COMMANDS = {name: function for name, function in vars(Cluster).items() if name[0] != "_"}


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    cluster = Cluster(*sys.argv[1:])
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = COMMANDS[name](cluster, *arguments)
            print("ok", answer or "", flush=True)
        except Exception as error:  # pylint: disable=broad-exception-caught
            print("failed", " ".join(str(error).split())[:2000], flush=True)


main()
