"""The real control plane of Kubernetes in a lab: etcd, kube-apiserver, kube-controller-manager.

`tests/control_plane` builds the last two; where they are missing a lab is skipped, aloud.  There is
no kubelet and no scheduler: Nodes and Pods are objects that the test makes (api_objects.py),
and what the controllers make of them is real.

    plane = ControlPlane(lab.host("api"), ["10.0.0.1", "2001:db8::1"])
    plane.start_controllers("endpointslice")
    plane.admin.put(node("node-1", address="10.0.0.11,2001:db8::11"))
    plane.admin.get("/api/v1/nodes/node-1")
    account = plane.service_account("kbgpd", "kbgpd-system")
    kubeconfig(file, plane, token=plane.token(account))

All that a test asks the API server goes through `plane.admin` (an ApiClient, api_client.py), or
through plane.client(...) as somebody else.  plane.requests(user) has what another client asked.

The API server of the labs is 1.20.  It has discovery.k8s.io/v1beta1 and not v1; EndpointSlices say
their node in `topology` and not in `nodeName` unless the feature gate EndpointSliceNodeName is on;
serving and terminating conditions are there because FEATURES has their gate.  Kubernetes defaults
that a test has to know: a resource that is watched is answered from the API server's own cache,
so that a compaction of etcd is seen by lists in pages at once, but by watches only after a restart,
or with the option --watch-cache=false; a token that was accepted is accepted for another 10 s.

It starts in about five seconds and takes 400 MB: share one among the tests of a file, which imports
the fixture lab_of_file (conftest.py keeps such tests in one process).
"""

import base64
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from api_client import PORT, ApiClient, ApiError, path_of
from certificates import Authority
from lab import PATIENCE, Lab, command, wait_until

PODS = ["10.240.0.0/12", "fd00:10::/48"]
"""Each node gets a /24 and a /64."""

SERVICES = ["10.96.0.0/18", "fd00:96::/112"]
"""Where cluster IPs are from."""

FEATURES = {"IPv6DualStack": True, "EndpointSliceTerminatingCondition": True,
            "ServiceLBNodePortControl": True}
ETCD = "http://127.0.0.1:2379"
ISSUER = "https://kubernetes.default.svc"
NAMES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "127.0.0.1", "::1"]

AUDIT = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: ["system:masters"]}
- {level: Metadata}
"""
"""What of each request is kept for requests(): nothing of the test's own, nor of the controllers'.
"""


@pytest.fixture(scope="module", name="lab")
def lab_of_file():
    with Lab() as new:
        yield new


def programs():
    """The folder with kube-apiserver and kube-controller-manager; skips the test without it."""
    script = pathlib.Path(__file__).parent.parent / "control_plane"
    folder = pathlib.Path(subprocess.run([script, "--folder"], check=True, capture_output=True,
                                         text=True).stdout.strip())
    if not (folder / "kube-apiserver").exists():
        pytest.skip(f"no kube-apiserver in {folder}: run tests/control_plane")
    if not shutil.which("etcd"):
        pytest.skip("no etcd: apt install etcd-server")
    return folder


class ControlPlane:
    """One API server with its etcd, and controllers if asked for, on one host of a lab.

    addresses: those of the host that others use, for the certificate; the first is `server`'s.
    names: further DNS names in the certificate.
    options: further options of kube-apiserver, as {"--watch-cache": "false"}.
    """

    def __init__(self, host, addresses=("127.0.0.1",), names=(), options=None):
        self.host, self.addresses, self.names = host, list(addresses), list(names)
        self.options, self.programs = dict(options or {}), programs()
        self.api_server = None
        self.folder = host.folder / "kubernetes"
        self.folder.mkdir()
        self.authority = Authority(self.folder / "authority")
        self.certificate = self.authority.server(*self.server_names())
        self.admin_certificate = self.authority.client("admin", "system:masters")
        self.signing_key = self._make_signing_key()
        self.audit_policy, self.audit_log = self.folder / "audit.yaml", self.folder / "audit.log"
        self.audit_policy.write_text(AUDIT)
        self.admin = self.client(self.admin_certificate)
        self.sequence = itertools.count(1)
        self.etcd = self._start_etcd()
        self.start()

    @property
    def server(self):
        """The API server's URL."""
        address = self.addresses[0]
        return f"https://{f'[{address}]' if ':' in address else address}:{PORT}"

    def server_names(self):
        return [*NAMES, *(each for each in self.addresses if each not in NAMES), *self.names]

    def client(self, certificate=None, token=None):
        """An ApiClient of somebody else: by certificate, by token, or anonymous."""
        return ApiClient(self.host, "127.0.0.1", self.authority.file, certificate, token)

    def _make_signing_key(self):
        """What tokens are signed with: the private key; the public one is beside it, as .pub."""
        key = self.folder / "tokens.key"
        command("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", key)
        command("openssl", "pkey", "-in", key, "-pubout", "-out", key.with_suffix(".pub"))
        return key

    # Processes

    def _start_etcd(self):
        # Its data is in memory, in a mount of its own that ends with it: nothing waits for a disk.
        data = self.folder / "etcd"
        data.mkdir()
        peers = "http://127.0.0.1:2380"
        return self.host.start(
            "etcd", "unshare", "--mount", "sh", "-c",
            'mount -t tmpfs -o mode=700 etcd "$0" && exec "$@"', data,
            "etcd", "--data-dir", data / "data", "--listen-client-urls", ETCD,
            "--advertise-client-urls", ETCD, "--listen-peer-urls", peers,
            "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
            "--quota-backend-bytes", 2 << 30, "--logger", "zap", "--log-outputs", "stderr",
            "--log-level", "warn")

    def start(self, **options):
        """Starts the API server, with these options changed, and waits until it is ready."""
        self.options.update({f"--{name.replace('_', '-')}": value
                             for name, value in options.items()})
        self.api_server = self.host.start("kube-apiserver", self.programs / "kube-apiserver", *(
            f"{name}={value}" for name, value in {**self._defaults(), **self.options}.items()))
        wait_until(self.is_ready, "the API server is ready", 3 * PATIENCE)

    def is_ready(self):
        assert self.etcd.running(), f"etcd has ended:\n{self.etcd.output()}"
        assert self.api_server.running(), f"it has ended:\n{self.api_server.output()[-3000:]}"
        # It makes its namespaces a moment after it says that it is ready.
        return self.admin.get("/readyz") == "ok" and self.admin.get("/api/v1/namespaces/default")

    def stop(self, number=signal.SIGKILL):
        """Ends the API server; with SIGTERM it waits for a minute for watches to end."""
        return self.api_server.stop(number, patience=70)

    def restart(self, number=signal.SIGKILL, **options):
        """Ends the API server and starts it with the same data, and these options changed."""
        self.stop(number)
        self.start(**options)

    def pause(self):
        """The API server hangs: connections stay, and nothing answers."""
        self.api_server.send(signal.SIGSTOP)

    def resume(self):
        self.api_server.send(signal.SIGCONT)

    def start_controllers(self, *names):
        """Starts a kube-controller-manager with these controllers and returns the process.

        "nodeipam" gives Nodes their pod CIDRs, "endpointslice" makes EndpointSlices of Services
        and Pods on Nodes, "serviceaccount-token" makes legacy tokens.  nodeipam begins with a pause
        of 10 s for all controllers of its process: it is best given one of its own, early.
        """
        return self.host.start(
            f"controllers-{names[0]}", self.programs / "kube-controller-manager",
            f"--kubeconfig={self._controllers_kubeconfig()}", "--leader-elect=false",
            f"--controllers={','.join(names)}", "--allocate-node-cidrs=true",
            f"--cluster-cidr={','.join(PODS)}", f"--service-cluster-ip-range={','.join(SERVICES)}",
            "--node-cidr-mask-size-ipv4=24", "--node-cidr-mask-size-ipv6=64",
            f"--service-account-private-key-file={self.signing_key}", "--port=0",
            f"--feature-gates={gates()}", "--secure-port=0", "--kube-api-qps=1000",
            "--kube-api-burst=1000", "--concurrent-endpoint-syncs=10")

    def _controllers_kubeconfig(self):
        file = self.folder / "controllers.kubeconfig"
        kubeconfig(file, self, client=self.admin_certificate, server=f"https://127.0.0.1:{PORT}")
        return file

    def _defaults(self):
        return {
            "--etcd-servers": ETCD,
            "--etcd-compaction-interval": "0",
            "--bind-address": "::",
            "--secure-port": PORT,
            # The Service `kubernetes` has no endpoints: nothing here would use them.
            "--endpoint-reconciler-type": "none",
            "--advertise-address": "192.0.2.1",
            "--client-ca-file": self.authority.file,
            "--tls-cert-file": self.certificate.file,
            "--tls-private-key-file": self.certificate.key_file,
            "--authorization-mode": "RBAC",
            "--audit-policy-file": self.audit_policy,
            "--audit-log-path": self.audit_log,
            "--service-account-issuer": ISSUER,
            "--service-account-key-file": self.signing_key.with_suffix(".pub"),
            "--service-account-signing-key-file": self.signing_key,
            "--service-cluster-ip-range": ",".join(SERVICES),
            # Ten thousand Services of type LoadBalancer have a node port each.
            "--service-node-port-range": "10000-65535",
            # No Pod here mounts a token, and no controller would remove the taint of a new Node.
            "--disable-admission-plugins": "ServiceAccount,TaintNodesByCondition",
            "--feature-gates": gates(),
            "--max-requests-inflight": "1000",
            "--max-mutating-requests-inflight": "500",
        }

    # Who may do what

    def service_account(self, name, namespace="default"):
        """A ServiceAccount, made in its namespace if that is not there."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount",
                   "metadata": {"name": name, "namespace": namespace}}
        for item in ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
                     account):
            try:
                self.admin.create(item)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
        return account

    def token(self, account, seconds=3600, bound_to=None):
        """A token as the kubelet gets it (TokenRequest); bound_to: a Secret or Pod, see revoke()."""
        spec = {"expirationSeconds": seconds, "audiences": [ISSUER]}
        if bound_to:
            spec["boundObjectRef"] = {"apiVersion": bound_to["apiVersion"],
                                      "kind": bound_to["kind"],
                                      "name": bound_to["metadata"]["name"]}
        answer = self.admin.request("POST", f"{path_of(account)}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return answer["status"]["token"]

    def revocable_token(self, account, seconds=3600):
        """A token and the Secret whose deletion ends it: revoke(secret)."""
        secret = self.admin.create({
            "apiVersion": "v1", "kind": "Secret", "metadata": {
                "name": f"token-{next(self.sequence)}",
                "namespace": account["metadata"]["namespace"]}})
        return self.token(account, seconds, bound_to=secret), secret

    def revoke(self, secret):
        """Ends the token that is bound to this Secret; the API server forgets it within 10 s."""
        self.admin.delete(secret)

    def legacy_token(self, account):
        """A token without an end, kept in a Secret: (token, secret).  The controller
        "serviceaccount-token" makes it."""
        name = account["metadata"]["name"]
        secret = self.admin.create({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": {"name": f"token-{next(self.sequence)}",
                         "namespace": account["metadata"]["namespace"],
                         "annotations": {"kubernetes.io/service-account.name": name}}})
        data = wait_until(lambda: self.admin.get(path_of(secret))["data"]["token"], "the token")
        return base64.b64decode(data).decode(), secret

    def requests(self, user):
        """The audit events of a user's requests so far, by when they came: "verb", "objectRef"
        (with resource, apiGroup, subresource, namespace, name), "responseStatus" and more.  A
        request is there a moment after its answer, and a watch once it has ended, twice: with
        "stage": "ResponseStarted", and without.

        user: as Kubernetes names it, for a ServiceAccount user_of(account).
        """
        if not self.audit_log.exists():
            return []
        # Of the last line only a part may be there: what follows the last newline is left out.
        *lines, _ = self.audit_log.read_text().split("\n")
        return sorted((event for event in map(json.loads, lines)
                       if event["user"].get("username") == user),
                      key=lambda event: event["requestReceivedTimestamp"])

    def new_certificate(self, certificate=None):
        """Restarts the API server with another certificate; without one, a new one of its own."""
        self.certificate = certificate or self.authority.server(*self.server_names())
        self.restart()

    # etcd

    def etcd_request(self, path, body):
        """A request to etcd's gRPC gateway."""
        return json.loads(self.host.run("curl", "-s", "-f", f"{ETCD}{path}", "-d",
                                        json.dumps(body)))

    def revision(self):
        """etcd's revision, which is the resourceVersion of the last change."""
        key = base64.b64encode(b"none").decode()
        return int(self.etcd_request("/v3/kv/range", {"key": key})["header"]["revision"])

    def compact(self):
        """Makes etcd forget all history up to now; returns the revision."""
        revision = self.revision()
        self.etcd_request("/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision


def user_of(account):
    """The name of the user that a ServiceAccount is."""
    return "system:serviceaccount:{namespace}:{name}".format(**account["metadata"])


def gates():
    return ",".join(f"{name}={str(on).lower()}" for name, on in FEATURES.items())


def inline(file):
    return base64.b64encode(file.read_bytes()).decode()


def kubeconfig(file, plane, client=None, token=None, server=None, embedded=False):
    """Writes a kubeconfig file as `kubectl config` does, at once.

    client: a Certificate; embedded: its data and the authority's are in the file, not their paths.
    """
    suffix, value = ("-data", inline) if embedded else ("", str)
    user = [f"token: {token}"] if token else []
    if client:
        user += [f"client-certificate{suffix}: {value(client.file)}",
                 f"client-key{suffix}: {value(client.key_file)}"]
    lines = [
        "apiVersion: v1", "kind: Config", "preferences: {}", "current-context: lab",
        "clusters:", "- name: lab", "  cluster:",
        f"    certificate-authority{suffix}: {value(plane.authority.file)}",
        f"    server: {server or plane.server}",
        "contexts:", "- name: lab", "  context:", "    cluster: lab", "    user: lab",
        "users:", "- name: lab", "  user:" if user else "  user: {}",
        *(f"    {line}" for line in user)]
    new = file.with_suffix(".new")
    new.write_text("\n".join(lines) + "\n")
    new.chmod(0o600)
    os.replace(new, file)


def mount_token(folder, plane, token, namespace="default"):
    """Writes ca.crt, namespace and token below folder as the kubelet does: it replaces the
    symbolic link ..data, so that all three change at once."""
    folder.mkdir(exist_ok=True)
    old = os.readlink(folder / "..data") if (folder / "..data").is_symlink() else None
    data = folder / f"..{next(plane.sequence):010d}"
    data.mkdir()
    (data / "token").write_text(token)
    (data / "namespace").write_text(namespace)
    shutil.copy(plane.authority.file, data / "ca.crt")
    (folder / "..data_tmp").symlink_to(data.name)
    os.replace(folder / "..data_tmp", folder / "..data")
    for name in ("token", "namespace", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    if old:
        shutil.rmtree(folder / old)
