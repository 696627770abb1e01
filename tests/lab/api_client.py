"""A client of the Kubernetes API for tests: what an administrator does with kubectl.

The sockets belong to the namespace of a host, the program does not: no process is started for a
request.  Every thread has a connection of its own, which is kept.
"""

import concurrent.futures
import contextlib
import copy
import http.client
import json
import re
import socket
import ssl
import threading
import urllib.parse

from lab import PATIENCE
from scripted import family_of, inside

PORT = 6443
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

CLUSTER_WIDE = {"Node", "Namespace", "ClusterRole", "ClusterRoleBinding", "PersistentVolume",
                "CustomResourceDefinition", "APIService", "PriorityClass"}
"""Kinds without a namespace."""

FILLED_IN = {
    "LoadBalancer": ["clusterIP", "clusterIPs"],
    "NodePort": ["clusterIP", "clusterIPs"],
    "ClusterIP": ["clusterIP", "clusterIPs", "externalTrafficPolicy"],
    "ExternalName": ["clusterIP", "clusterIPs", "externalTrafficPolicy", "ipFamilies"],
}
"""What api_objects.py says of a Service, by type, and the API server says itself or refuses."""

TOPOLOGY = {"nodeName": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}


class ApiError(LookupError):
    """An answer other than 2xx: status is HTTP's, reason Kubernetes' word."""

    def __init__(self, status, text):
        self.status, self.text, self.reason = status, text, None
        with contextlib.suppress(ValueError, AttributeError):
            self.reason = json.loads(text).get("reason")
        super().__init__(f"{status}: {text[:500]}")


class Unreachable(LookupError):
    """There was no answer."""


class Connection(http.client.HTTPSConnection):
    """Like its parent, from within the namespace of a host."""

    def __init__(self, host, address, port, context):
        super().__init__(address, port, timeout=PATIENCE, context=context)
        self.lab_host, self.tls = host, context

    def connect(self):
        with inside(self.lab_host):
            sock = socket.socket(family_of(self.host), socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        sock.connect((self.host, self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(sock, server_hostname=self.host)


class Watch:
    """The events of one watch, in order."""

    def __init__(self, response):
        self.response = response

    def next(self):
        """The next event: {"type": ..., "object": ...}; None if the API server has ended it."""
        line = self.response.readline()
        return json.loads(line) if line else None


class ApiClient:
    """Requests as one user: a client certificate, a token or nobody at all.

    Everything raises ApiError if the API server refuses and Unreachable if it does not answer;
    wait_until() takes both as "not yet".
    """

    def __init__(self, host, address, authority, client=None, token=None, port=PORT):
        self.host, self.address, self.port, self.token = host, address, port, token
        self.context = ssl.create_default_context(cafile=str(authority))
        if client:
            self.context.load_cert_chain(client.file, client.key_file)
        self.threads = threading.local()

    def request(self, method, path, body=None, content_type=None):
        """Sends a request and returns the answer, from JSON.  body: an object, or a text."""
        response = self._send(method, path, body, content_type)
        try:
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.threads.connection.close()
            raise Unreachable(f"{method} {path}: {error!r}") from None
        if response.status >= 300:
            raise ApiError(response.status, text)
        try:
            return json.loads(text)
        except ValueError:
            return text

    def get(self, path):
        return self.request("GET", path)

    def create(self, item):
        return self.request("POST", collection(item), item)

    def replace(self, item):
        return self.request("PUT", path_of(item), item)

    def delete(self, item):
        """Removes an object at once."""
        return self.request("DELETE", path_of(item), {"gracePeriodSeconds": 0})

    def put(self, *items):
        """Creates objects of api_objects.py, or changes those that exist, with their status."""
        for item in map(as_sent, items):
            status = item.get("status")
            try:
                self.create(item)
                done = item["kind"] == "Node"  # as its kubelet creates it
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                self.patch(item, {key: item[key] for key in item if key != "status"})
                done = False
            if status and not done:
                self.set_status(item, status)

    def apply(self, item):
        """Creates or changes an object so that it is as said; what is not said stays."""
        return self._apply(item, item)

    def patch(self, item, changes):
        """Changes fields of an object (RFC 7396); None removes one."""
        return self.request("PATCH", path_of(item), changes, MERGE_PATCH)

    def set_status(self, item, status):
        """Changes fields of an object's status."""
        return self.request("PATCH", f"{path_of(item)}/status", {"status": status}, MERGE_PATCH)

    def apply_manifests(self, text):
        """As `kubectl apply -f`, without status: YAML, any number of documents."""
        for document in re.split(r"^---\s*$", text, flags=re.MULTILINE):
            item = heading(document)
            if item["kind"]:
                self._apply(item, document)

    def _apply(self, item, body):
        return self.request("PATCH", f"{path_of(item)}?fieldManager=lab&force=true", body,
                            APPLY_PATCH)

    @contextlib.contextmanager
    def watch(self, path, version=None, **query):
        """A Watch of a collection from a resource version on (without: from now, objects first)."""
        query["watch"] = "true"
        if version is not None:
            query["resourceVersion"] = version
        with contextlib.closing(self._connect()) as connection:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}",
                               headers=self._headers())
            response = connection.getresponse()
            if response.status >= 300:
                raise ApiError(response.status, response.read().decode())
            yield Watch(response)

    def _connect(self):
        return Connection(self.host, self.address, self.port, self.context)

    def _headers(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _send(self, method, path, body, content_type):
        headers = self._headers()
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
            body = body if isinstance(body, str) else json.dumps(body)
        # A kept connection may have been closed by the other side in the meantime.
        for fresh in (False, True):
            if fresh or not hasattr(self.threads, "connection"):
                self.threads.connection = self._connect()
                fresh = True
            try:
                self.threads.connection.request(method, path, body, headers)
                return self.threads.connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                self.threads.connection.close()
                if fresh:
                    raise Unreachable(f"{method} {path}: {error!r}") from None
        raise AssertionError("not reached")


def in_parallel(function, items, threads=8):
    """The results of function(item) for all items, in their order, several at a time."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def as_sent(item):
    """An object of api_objects.py without what the API server itself fills in, and in the versions
    that the one of the labs has: an EndpointSlice of v1beta1 says its nodes in `topology`."""
    item = copy.deepcopy(item)
    item["metadata"].pop("managedFields", None)
    if item["kind"] == "Service":
        headless = item["spec"].get("clusterIP") == "None"
        for key in () if headless else FILLED_IN[item["spec"]["type"]]:
            item["spec"].pop(key, None)
        for port in item["spec"].get("ports", ()):
            port.pop("nodePort", None)
    if item["kind"] == "EndpointSlice":
        item["apiVersion"] = "discovery.k8s.io/v1beta1"
        for endpoint in item["endpoints"]:
            endpoint["topology"] = {label: endpoint.pop(key) for key, label in TOPOLOGY.items()
                                    if key in endpoint}
    return item


def plural(kind):
    """The resource of a kind, in a path."""
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return name if name == "endpoints" else f"{name}es" if name.endswith("s") else f"{name}s"


def collection(item):
    """The path of the collection an object belongs to."""
    version, metadata = item["apiVersion"], item["metadata"]
    path = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if item["kind"] not in CLUSTER_WIDE:
        path += f"/namespaces/{metadata.get('namespace') or 'default'}"
    return f"{path}/{plural(item['kind'])}"


def path_of(item):
    return f"{collection(item)}/{item['metadata']['name']}"


def heading(document):
    """Of a manifest in YAML, what says where it belongs."""
    def first(pattern):
        found = re.search(pattern, document, flags=re.MULTILINE)
        return found.group(1).strip("\"'") if found else None
    metadata = re.search(r"^metadata:.*\n((?: .*\n|\n)*)", document, flags=re.MULTILINE)
    inner = metadata.group(1) if metadata else ""

    def field(name):
        found = re.search(rf"^  {name}: *(\S+)", inner, flags=re.MULTILINE)
        return found.group(1).strip("\"'") if found else None
    return {"apiVersion": first(r"^apiVersion: *(\S+)"), "kind": first(r"^kind: *(\S+)"),
            "metadata": {"name": field("name"), "namespace": field("namespace")}}
