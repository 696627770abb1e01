"""A large cluster in no time: objects are written into etcd itself, many to a request.

The API server reads them as if it had written them, and tells its watchers of them.
"""

import base64
import contextlib
import http.client
import ipaddress
import json
import socket

from api_client import as_sent, collection
from api_objects import endpoint, endpoint_slice, service
from lab import wait_until
from scripted import inside

FOLDERS = {"Service": "services/specs", "EndpointSlice": "endpointslices", "Node": "minions"}
TRANSACTION = 100
"""Objects to a request; etcd takes 128."""

ENDPOINTS = 5


class EtcdConnection(http.client.HTTPConnection):
    def __init__(self, host):
        super().__init__("127.0.0.1", 2379, timeout=60)
        self.lab_host = host

    def connect(self):
        with inside(self.lab_host):
            self.sock = socket.create_connection((self.host, self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def stored(number, item):
    """The object as the API server keeps it, with what it fills in itself."""
    item = as_sent(item)
    item["metadata"].update(creationTimestamp="2024-05-02T09:31:10Z",
                            uid=f"7f1f7a6e-41cf-4d0b-{number >> 48:04x}-{number:012x}")
    if item["kind"] == "Service":
        address = str(ipaddress.ip_address("10.96.32.0") + number % 8000)
        item["spec"].update(clusterIP=address, clusterIPs=[address])
    return item


def key_of(item):
    namespace = item["metadata"].get("namespace")
    return "/".join(["/registry", FOLDERS[item["kind"]], *([namespace] if namespace else []),
                     item["metadata"]["name"]])


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def ask(etcd, path, body):
    """etcd's answer, and with it the revision that the request has made."""
    etcd.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = etcd.getresponse()
    answer = response.read().decode()
    assert response.status == 200, answer
    return json.loads(answer)


def fill(plane, items):
    """Writes objects of api_objects.py; those that are there are replaced.

    Objects of one transaction have one resource version, which Kubernetes never does: a watch that
    begins between two of them would miss the rest.  So nobody is let in before all are known.
    """
    items = [stored(number, item) for number, item in enumerate(items, 1)]
    revisions = {}
    with contextlib.closing(EtcdConnection(plane.host)) as etcd:
        for at in range(0, len(items), TRANSACTION):
            some = items[at:at + TRANSACTION]
            answer = ask(etcd, "/v3/kv/txn", {"success": [
                {"request_put": {"key": encoded(key_of(item)), "value": encoded(json.dumps(item))}}
                for item in some]})
            revisions[collection(some[-1])] = answer["header"]["revision"]
    for path, revision in revisions.items():
        wait_until(lambda path=path, revision=revision: plane.admin.get(
            f"{path}?resourceVersion={revision}&fieldSelector=metadata.name=none"),
            "the API server knows what etcd has")


def remove(plane, item):
    """Removes an object, also while there is no API server."""
    with contextlib.closing(EtcdConnection(plane.host)) as etcd:
        ask(etcd, "/v3/kv/deleterange", {"key": encoded(key_of(item))})


def address_of(number):
    """The load balancer IP of a Service of large_cluster()."""
    return str(ipaddress.ip_address("192.168.0.0") + number)


def name_of(number):
    return f"app-{number:05d}"


def slice_of(number, ready=True, node_name="node"):
    """Its EndpointSlice: all endpoints on that node, all ready or none."""
    return endpoint_slice(name_of(number), *(
        endpoint(node_name, f"10.244.{number % 250}.{each + 1}", ready=ready)
        for each in range(ENDPOINTS)))


def large_cluster(count):
    """So many Services with an address each, and their slices of five endpoints."""
    services = (service(name_of(number), address_of(number), allocateLoadBalancerNodePorts=False)
                for number in range(count))
    return [*services, *(slice_of(number) for number in range(count))]
