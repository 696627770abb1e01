"""The ground of test_api_*.py: a node with kbgpd, an API server and a BGP neighbour that listens.

The API server and the neighbour are on hosts of their own, so that the link to one of them can go
without the other.  What is asserted is what the neighbour has been told.
"""

import contextlib
import json
import os
import threading

import scripted
from api_objects import endpoint, endpoint_slice, node, service
from api_server import TOKEN, ApiServer
from api_store import Store
from certificates import Authority
from daemons import Kbgpd
from lab import command, wait_until

CONFIGURATION = """
router: {{asn: 64512, routerID: 10.0.1.2}}
cluster: {{source: kubernetes, events: false, {cluster}}}
fib: {{install: false}}
peers:
- {{name: tor, address: 10.0.1.1, asn: 65000, passive: true}}
advertisements:
- {{name: pods, type: PodCIDR}}
- {{name: public, type: Service, addresses: [LoadBalancerIP]}}
{rest}"""

POD_CIDR = "10.244.1.0/24"

# A private /etc and /run for one process: what a pod has there comes from folders of the lab.
POD = """
set -e
mount -t tmpfs none /run
mkdir -p /run/secrets/kubernetes.io/serviceaccount
mount --bind "$SERVICE_ACCOUNT" /run/secrets/kubernetes.io/serviceaccount
mount --bind "$RESOLV_CONF" /etc/resolv.conf
mount --bind "$HOSTS" /etc/hosts
exec "$@"
"""


class Pod(Kbgpd):
    """kbgpd with a service account, a resolver and hosts of its own."""

    def __init__(self, host, build, configuration, service_host=None, service_port=6443,
                 resolv_conf="", hosts="", **options):
        self.account = host.folder / "serviceaccount"
        self.account.mkdir(exist_ok=True)
        self.resolv_conf, self.hosts = host.folder / "resolv", host.folder / "hosts"
        self.resolv_conf.write_text(resolv_conf)
        self.hosts.write_text(hosts)
        self.variables = {"SERVICE_ACCOUNT": str(self.account), "HOSTS": str(self.hosts),
                          "RESOLV_CONF": str(self.resolv_conf)}
        if service_host:
            self.variables.update(KUBERNETES_SERVICE_HOST=service_host,
                                  KUBERNETES_SERVICE_PORT=str(service_port))
        super().__init__(host, build, configuration, **options)

    def start(self):
        self.process = self.host.start(
            "kbgpd", "unshare", "--mount", "sh", "-c", POD, "pod", self.build / "kbgpd", "-c",
            self.file, "-s", self.control, env={**self.environment, **self.variables})
        wait_until(self.answers, f"kbgpd's control socket on {self.host.name}")


class Ground:
    def __init__(self, lab, build):
        self.lab, self.build = lab, build
        self.node, self.tor, self.api = (lab.host(name) for name in ("node", "tor", "api"))
        lab.link(self.node, self.tor, ["10.0.1.2/24"], ["10.0.1.1/24"])
        lab.link(self.node, self.api, ["10.0.2.2/24", "2001:db8:2::2/64"],
                 ["10.0.2.1/24", "10.0.2.9/24", "2001:db8:2::1/64"])
        self.authority = Authority(lab.folder / "authority")
        self.certificate = self.authority.server("10.0.2.1", "10.0.2.9", "2001:db8:2::1",
                                                 "kubernetes.default.svc")
        self.store = Store()
        self.store.put(node("node", POD_CIDR))
        self.servers, self.server = [], None
        self.kbgpd = self.neighbour = None
        self.kubeconfig_file = self.node.folder / "kubeconfig"
        self.token_file = self.node.folder / "token"
        self.token_file.write_text(TOKEN)
        lab.daemons.append(self)

    def close(self):
        """As a daemon of the lab: ends the threads."""
        if self.neighbour:
            self.neighbour.close()
        for server in self.servers:
            server.thaw()
            server.stop()
        return []

    # The cluster

    def serve(self, *addresses, certificate=None, **options):
        server = ApiServer(self.api, addresses or ("10.0.2.1",), certificate or self.certificate,
                           self.store, **options)
        self.servers.append(server)
        self.server = self.server or server
        return server

    def web(self, name, *addresses, ready=True):
        """A Service with these addresses and an endpoint."""
        self.store.put(service(name, *addresses),
                       endpoint_slice(name, endpoint(ready=ready)))

    # kbgpd

    def kubeconfig(self, server="https://10.0.2.1:6443", user=None, context=None, **cluster):
        """A kubeconfig; the names of its keys are given with "_" in place of "-"."""
        def keys(values):
            return {key.replace("_", "-"): value for key, value in values.items()}

        cluster = {"server": server, "certificate_authority": str(self.authority.file), **cluster}
        user = {"tokenFile": str(self.token_file)} if user is None else user
        text = json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "cluster", "cluster": keys(cluster)}],
            "users": [{"name": "user", "user": keys(user)}],
            "contexts": [{"name": "lab", "context": {
                "cluster": "cluster", "user": "user", **(context or {})}}]}, indent=1)
        new = self.kubeconfig_file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.kubeconfig_file)
        return self.kubeconfig_file

    def write_token(self, token):
        """Replaces the file that the kubeconfig names at once, as who rotates tokens does."""
        new = self.token_file.with_suffix(f".{threading.get_ident()}")
        new.write_text(token)
        os.replace(new, self.token_file)

    def configuration(self, cluster=None, rest=""):
        return CONFIGURATION.format(
            cluster=cluster or f"kubeconfig: {self.kubeconfig_file}", rest=rest)

    def start(self, cluster=None, rest=""):
        """kbgpd and its neighbour, which has been sent all that kbgpd knows by now."""
        if cluster is None and not self.kubeconfig_file.exists():
            self.kubeconfig()
        self.kbgpd = Kbgpd(self.node, self.build, self.configuration(cluster, rest))
        self.meet()
        return self

    def start_pod(self, service_host=None, cluster="kubeconfig: ''", rest="", token=TOKEN,
                  **options):
        pod = self.kbgpd = Pod(self.node, self.build, self.configuration(cluster, rest),
                               service_host, running=False, **options)
        (pod.account / "ca.crt").write_text(self.authority.text)
        (pod.account / "namespace").write_text("kube-system")
        (pod.account / "token").write_text(token)
        pod.start()
        return pod

    def meet(self):
        """A new session with the neighbour."""
        self.neighbour = wait_until(self._dial, "a session with kbgpd")

    def _dial(self):
        try:
            sock = scripted.connect(self.tor, "10.0.1.1", "10.0.1.2")
            return scripted.Neighbour(sock, 65000, "10.0.1.1", "10.0.1.1").to_established()
        except (ConnectionError, scripted.Closed):
            return None

    def start_synced(self, **options):
        """kbgpd follows the API server, and its neighbour has the pod CIDR."""
        self.start(**options)
        self.neighbour.wait_route(POD_CIDR)
        self.wait_followed()
        return self

    def wait_followed(self):
        """A server has all watches, and kbgpd has read that they are answered."""
        wait_until(lambda: any(each.is_followed() for each in self.servers),
                   "watches of Nodes, Services and EndpointSlices")
        self.wait_connected()

    def bookmark_all(self):
        """Every watch has had an event, so that its end is no surprise."""
        with self.events(3):
            for resource in ("nodes", "services", "endpointslices"):
                self.server.bookmark(resource)

    @contextlib.contextmanager
    def events(self, count):
        """What is done in this block makes so many events, which kbgpd has read after it."""
        before = self.status()["events"]
        yield
        wait_until(lambda: self.status()["events"] == before + count, f"{count} events")

    # What is seen

    def wait_routes(self, *prefixes):
        """The neighbour has exactly these."""
        self.neighbour.read_until(lambda: set(self.neighbour.routes) == set(prefixes),
                                  f"{prefixes} at the neighbour")

    def keeps(self, *prefixes, seconds=0.3):
        """The neighbour has exactly these, and is told nothing for a while."""
        assert set(self.neighbour.routes) == set(prefixes)
        self.neighbour.stays_silent(seconds)

    def status(self):
        return self.kbgpd.ctl("status")["cluster"]["apiServer"]

    def wait_connected(self):
        wait_until(lambda: self.status()["connected"], "kbgpd follows the API server")
        return self.status()

    def problems(self):
        return self.kbgpd.ctl("status")["cluster"]["problems"]

    def wait_error(self, *words):
        """What kbgpctl says of the API server has these words."""
        def told():
            error = self.status()["lastError"] or ""
            assert all(word in error for word in words), error
            return error

        return wait_until(told, f"{words} in what kbgpctl status says")

    def metric(self, name):
        """The sample of a metric without labels, as Prometheus gets it."""
        text = self.node.run("curl", "-s", "-f", "http://127.0.0.1:7473/metrics")
        for line in text.splitlines():
            if line.startswith(f"kbgpd_{name} "):
                return float(line.split()[1])
        raise LookupError(f"there is no metric kbgpd_{name}")

    def link_to_api(self, state):
        command(*self.node.enter("ip", "link", "set", "dev", "api", state))
