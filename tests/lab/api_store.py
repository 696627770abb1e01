"""What an API server keeps: objects by resource, and the history of their changes by version."""

import copy
import dataclasses
import threading
import uuid

KINDS = {
    # resource -> kind, API group, whether it is in a namespace
    "nodes": ("Node", "", False),
    "namespaces": ("Namespace", "", False),
    "services": ("Service", "", True),
    "secrets": ("Secret", "", True),
    "configmaps": ("ConfigMap", "", True),
    "events": ("Event", "", True),
    "pods": ("Pod", "", True),
    "endpointslices": ("EndpointSlice", "discovery.k8s.io", True),
    "leases": ("Lease", "coordination.k8s.io", True),
}
RESOURCES = {kind: resource for resource, (kind, _, _) in KINDS.items()}


class Conflict(Exception):
    """The object is there already, or has been changed since."""


@dataclasses.dataclass
class Change:
    """One entry of the history; `raw` is said to whoever watches, and is of no version."""
    version: int
    resource: str
    old: dict = None
    new: dict = None
    raw: bytes = None


def key_of(value):
    return value["metadata"].get("namespace", ""), value["metadata"]["name"]


def merge(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


class Store:
    """Every change has the next resource version; `changed` is notified of each."""

    def __init__(self, version=1000):
        self.version = version
        self.oldest = version       # of the history: it begins after that
        self.objects = {resource: {} for resource in KINDS}
        self.history = []
        self.changed = threading.Condition(threading.RLock())

    def put(self, *values):
        """Makes or replaces objects; returns the last version."""
        for value in values:
            self._write(RESOURCES[value["kind"]], copy.deepcopy(value))
        return self.version

    def create(self, resource, value):
        with self.changed:
            if key_of(value) in self.objects[resource]:
                raise Conflict
            return self._write(resource, copy.deepcopy(value))

    def patch(self, resource, name, patch, namespace=None):
        """A merge patch; returns the object as it is now.  LookupError if there is none."""
        with self.changed:
            old = self.find(resource, name, namespace)
            return self._write(resource, merge(copy.deepcopy(old), patch))

    def find(self, resource, name, namespace=None):
        if namespace is None:
            namespace = "default" if KINDS[resource][2] else ""
        return self.objects[resource][namespace, name]

    def _write(self, resource, value):
        with self.changed:
            old = self.objects[resource].get(key_of(value))
            self.version += 1
            value["metadata"].update(
                resourceVersion=str(self.version),
                uid=old["metadata"]["uid"] if old else str(uuid.uuid4()))
            value["metadata"].setdefault("creationTimestamp", "2024-05-02T09:31:10Z")
            self.objects[resource][key_of(value)] = value
            self._tell(Change(self.version, resource, old, value))
            return value

    def delete(self, resource, name, namespace=None):
        with self.changed:
            old = self.find(resource, name, namespace)
            del self.objects[resource][key_of(old)]
            self.version += 1
            last = copy.deepcopy(old)
            last["metadata"]["resourceVersion"] = str(self.version)
            self._tell(Change(self.version, resource, last, None))
            return last

    def say(self, resource, raw):
        """Sends bytes in every watch of a resource that is open."""
        with self.changed:
            self._tell(Change(None, resource, raw=raw))

    def _tell(self, change):
        self.history.append(change)
        self.changed.notify_all()

    def compact(self):
        """Forgets the history, as etcd does every few minutes; the objects stay."""
        with self.changed:
            self.oldest = self.version
            self.changed.notify_all()

    def all(self, resource, namespace=None):
        """The objects in the order of their keys, and the version at which they are so."""
        with self.changed:
            values = self.objects[resource]
            return [values[key] for key in sorted(values)
                    if namespace is None or key[0] == namespace], self.version
