"""A small API server: lists in pages, watches with bookmarks, and fails as no real one would soon.

It follows "Kubernetes API Concepts" as far as list, watch and single objects go, over TLS, on a
host of a lab; a thread for each connection, in the process of the test.  What goes wrong on demand
is in api_faults.py.  Every request is kept in `requests`.

    server = ApiServer(host, ["10.0.2.1"], authority.server("10.0.2.1"))
    server.store.put(api_objects.node("node", "10.244.1.0/24"))
    server.on("watch services", api_faults.expired())     # the next one
"""

import base64
import contextlib
import dataclasses
import fnmatch
import json
import os
import select
import socket
import ssl
import threading
import time
import urllib.parse

from api_store import KINDS, Conflict, merge
from scripted import family_of, inside

PORT = 6443
PAGE_LIMIT = 500
TOKEN = "a-token"
USER = "system:serviceaccount:kube-system:kbgpd"
TEXTS = {200: "OK", 201: "Created", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
         403: "Forbidden", 404: "Not Found", 409: "Conflict", 410: "Gone",
         415: "Unsupported Media Type", 429: "Too Many Requests", 500: "Internal Server Error",
         503: "Service Unavailable", 504: "Gateway Timeout"}


class Broken(Exception):
    """The connection is to end here, after these bytes of a chunk that is announced as longer."""

    def __init__(self, last=b""):
        super().__init__()
        self.last = last


class Hung(Exception):
    """Nothing more is said, and the connection stays open."""


@dataclasses.dataclass
class Request:
    method: str
    target: str
    headers: dict
    body: bytes = b""
    user: str = None
    connection: int = 0
    at: float = 0
    path: str = ""
    query: dict = dataclasses.field(default_factory=dict)
    verb: str = ""              # as in a role: "list", "watch", "get", "create", ...
    step: str = ""              # the same, but "continue" for another page of a list
    group: str = ""
    version: str = ""
    resource: str = None        # None: no path of a resource
    namespace: str = None
    name: str = None
    subresource: str = None

    def __str__(self):
        return f"{self.step} {self.resource or self.path}"

    def json(self):
        return json.loads(self.body)


@dataclasses.dataclass
class Answer:
    status: int
    body: object                # bytes, or pieces of them: then it is sent in chunks
    headers: dict = dataclasses.field(default_factory=dict)
    close: bool = False         # the connection, after it


def parse_request(head, body):
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    headers = {}
    for each in lines:
        name, _, value = each.partition(":")
        headers[name.strip().lower()] = value.strip()
    path, _, query = target.partition("?")
    request = Request(method, target, headers, body, at=time.monotonic(), path=path,
                      query=dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
    read_path(request)
    return request


def read_path(request):
    """What is asked for, as RBAC has it."""
    words = request.path.strip("/").split("/")
    words = [urllib.parse.unquote(word) for word in words]
    request.verb = request.step = request.method.lower()
    if words[0] == "api" and len(words) > 2:
        request.version, words = words[1], words[2:]
    elif words[0] == "apis" and len(words) > 3:
        request.group, request.version, words = words[1], words[2], words[3:]
    else:
        return
    if words[0] == "namespaces" and len(words) > 2:
        request.namespace, words = words[1], words[2:]
    request.resource = words[0]
    request.name = words[1] if len(words) > 1 else None
    request.subresource = words[2] if len(words) > 2 else None
    collection = request.name is None
    request.verb = {
        "GET": "list" if collection else "get", "POST": "create", "PUT": "update",
        "PATCH": "patch", "DELETE": "delete"}[request.method]
    if collection and request.query.get("watch") in ("1", "true"):
        request.verb = "watch"
    request.step = "continue" if "continue" in request.query else request.verb


def status(code, reason="", message="", **details):
    """A Status: what an API server says in place of an object."""
    value = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
             "message": message or f"{reason or TEXTS.get(code, '')} (of the lab)",
             "reason": reason, "code": code}
    if details:
        value["details"] = details
    return value


def encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def refusal(code, reason="", message="", **details):
    return Answer(code, encode(status(code, reason, message, **details)))


def expired(message="The provided continue parameter is too old"):
    return refusal(410, "Expired", message)


def event(kind, value):
    return encode({"type": kind, "object": value})


def to_v1beta1(value):
    """An EndpointSlice as servers before 1.21 have it: topology, and no nodeName."""
    value = json.loads(json.dumps(value))
    value["apiVersion"] = "discovery.k8s.io/v1beta1"
    for each in value["endpoints"]:
        each["topology"] = {"kubernetes.io/hostname": each.pop("nodeName", ""),
                            "topology.kubernetes.io/zone": each.pop("zone", "")}
        each["conditions"] = {"ready": each["conditions"].get("ready", True)}
    return value


def selected(request, value):
    """Label and field selectors of a request, and its namespace."""
    labels = value["metadata"].get("labels") or {}
    fields = {"metadata.name": value["metadata"]["name"],
              "metadata.namespace": value["metadata"].get("namespace", "")}
    return (request.namespace in (None, value["metadata"].get("namespace")) and
            all(fits(part, labels) for part in words_of(request, "labelSelector")) and
            all(fits(part, fields) for part in words_of(request, "fieldSelector")))


def words_of(request, selector):
    return [word for word in request.query.get(selector, "").split(",") if word]


def fits(word, values):
    """"key", "!key", "key=value" or "key!=value"."""
    if "!=" in word:
        key, _, value = word.partition("!=")
        return values.get(key) != value
    if "=" in word:
        key, _, value = word.partition("=")
        return values.get(key) == value.removeprefix("=")
    return word[1:] not in values if word.startswith("!") else word in values


class Connection:
    """One client's, and the thread that serves it."""

    def __init__(self, server, sock, number):
        self.server, self.sock, self.number = server, sock, number
        # Another thread may end the connection by this one.
        self.handle = socket.socket(fileno=os.dup(sock.fileno()))
        self.closed = threading.Event()
        self.input = b""
        self.user = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def close(self):
        self.closed.set()
        with contextlib.suppress(OSError):
            self.handle.shutdown(socket.SHUT_RDWR)

    def _run(self):
        try:
            self.server.wait_thawed(self)
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
            subject = (self.sock.getpeercert() or {}).get("subject", ())
            self.user = dict(pair for each in subject for pair in each).get("commonName")
            while self._serve():
                pass
        except (OSError, ValueError) as error:
            self.server.problems.append(f"connection {self.number}: {error}")
        finally:
            self.close()
            self.sock.close()
            self.handle.close()
            self.server.forget(self)

    def _read_more(self):
        data = self.sock.recv(65536)
        self.server.wait_thawed(self)
        self.input += data
        return bool(data)

    def _read_request(self):
        while b"\r\n\r\n" not in self.input:
            if not self._read_more():
                return None
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        request = parse_request(head, b"")
        length = int(request.headers.get("content-length", 0))
        while len(self.input) < length:
            if not self._read_more():
                return None
        request.body, self.input = self.input[:length], self.input[length:]
        request.connection = self.number
        return request

    def _serve(self):
        """One request; False if the connection is to end."""
        request = self._read_request()
        if request is None:
            return False
        try:
            answer = self.server.answer(request, self)
            self._write(answer)
        except Broken:
            return False
        except Hung:
            self.closed.wait()
            return False
        return not answer.close

    def send(self, data):
        self.server.wait_thawed(self)
        self.sock.sendall(data)

    def _write(self, answer):
        headers = {"Content-Type": "application/json", **answer.headers}
        whole = isinstance(answer.body, bytes)
        if whole:
            headers.setdefault("Content-Length", len(answer.body))
        else:
            headers["Transfer-Encoding"] = "chunked"
        if answer.close:
            headers["Connection"] = "close"
        head = f"HTTP/1.1 {answer.status} {TEXTS.get(answer.status, 'Strange')}\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self.send(head.encode() + (answer.body if whole else b""))
        if not whole:
            self._write_chunks(answer.body)

    def _write_chunks(self, pieces):
        try:
            for piece in pieces:
                self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        except Broken as broken:
            self.send(b"%x\r\n%s" % (len(broken.last) + 1000, broken.last))
            raise
        finally:
            pieces.close()
        self.send(b"0\r\n\r\n")

    def is_gone(self):
        """Whether the client has closed; a client that says something has not."""
        if self.closed.is_set():
            return True
        readable, _, _ = select.select([self.handle], [], [], 0)
        return bool(readable) and not self.handle.recv(1, socket.MSG_PEEK)


class ApiServer:
    """See above.  Several can have one store, as behind a load balancer."""

    def __init__(self, host, addresses, certificate, store, client_authority=None, port=PORT):
        self.host, self.addresses, self.port, self.store = host, addresses, port, store
        self.client_authority = client_authority
        self.tokens = {TOKEN: USER}
        self.rights = None              # a function of a request that says whether it may
        self.discovery = ["v1"]         # versions of discovery.k8s.io
        self.cache = True               # lists that may be old come from a cache, in one piece
        self.page_limit = PAGE_LIMIT    # no page has more
        self.requests, self.problems = [], []
        self.connection_count = 0
        self._faults = []               # [pattern, times, fault]
        self._watches = []              # (epoch, request)
        self._epoch = 0                 # of watches: they end when it changes
        self._pages = {}                # (resource, version) -> objects of a list in pages
        self._connections, self._listeners = set(), []  # of the latter: (socket, thread)
        self._lock = threading.Lock()
        self._thawed = threading.Event()
        self._thawed.set()
        self.use(certificate)
        self.start()

    # Life

    def use(self, certificate):
        """Shows another certificate from the next connection on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key_file)
        context.set_alpn_protocols(["http/1.1"])
        if self.client_authority:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(self.client_authority.file)
        self.context = context

    def start(self):
        for address in self.addresses:
            with inside(self.host):
                listener = socket.socket(family_of(address), socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, self.port))
            listener.listen(64)
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            self._listeners.append((listener, thread))
            thread.start()

    def stop(self):
        """As if the process had been killed: nobody listens, and every connection ends."""
        for listener, thread in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)  # drop() is to find what it has accepted last
            listener.close()
        self._listeners = []
        self.drop()

    def drop(self):
        """Ends every connection in the middle of whatever it is at."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()
        with self.store.changed:
            self.store.changed.notify_all()
        for connection in connections:
            connection.thread.join(10)

    def freeze(self):
        """As SIGSTOP does: connections are made and stay, and nothing is said any more."""
        self._thawed.clear()

    def thaw(self):
        self._thawed.set()

    def wait_thawed(self, connection):
        while not self._thawed.wait(0.1):
            if connection.closed.is_set():
                raise ConnectionResetError

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connection_count += 1
                connection = Connection(self, sock, self.connection_count)
                self._connections.add(connection)
                connection.thread.start()  # drop() may join what it finds there

    def forget(self, connection):
        with self._lock:
            self._connections.discard(connection)

    def open_connections(self):
        with self._lock:
            return len(self._connections)

    # What the test asks

    def on(self, pattern, fault, times=1):
        """What becomes of the next requests like "watch services" or "list *"; times: None = all.

        A fault takes the request and the answer that it would get, and returns another one.
        """
        with self._lock:
            self._faults.append([pattern, times, fault])

    def well(self):
        """No more faults."""
        with self._lock:
            self._faults.clear()

    def asked(self, pattern="*"):
        """The requests so far that are like "list nodes", in their order."""
        return [each for each in list(self.requests) if fnmatch.fnmatchcase(str(each), pattern)]

    def watches(self, resource):
        """The requests of the watches that are open, and have not been told to end."""
        with self._lock:
            return [each for epoch, each in self._watches
                    if each.resource == resource and epoch == self._epoch]

    def is_followed(self):
        """All that kbgpd has to know is being watched."""
        return all(self.watches(each) for each in ("nodes", "services", "endpointslices"))

    def end_watches(self):
        """In order, as at their timeout."""
        with self.store.changed:
            self._epoch += 1
            self.store.changed.notify_all()

    def bookmark(self, resource, version=None):
        kind, group, _ = KINDS[resource]
        self.store.say(resource, event("BOOKMARK", {
            "kind": kind, "apiVersion": f"{group}/v1" if group else "v1",
            "metadata": {"resourceVersion": str(version or self.store.version),
                         "creationTimestamp": None}}))

    def expire_pages(self):
        """Every `continue` that has been given is too old."""
        self._pages.clear()

    # Answers

    def answer(self, request, connection):
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        request.user = self.tokens.get(bearer) or connection.user
        answer = self._usual_answer(request, connection)
        with self._lock:
            self.requests.append(request)
            fault = self._take_fault(request)
        return fault(request, answer) if fault else answer

    def _take_fault(self, request):
        for entry in self._faults:
            if fnmatch.fnmatchcase(str(request), entry[0]):
                if entry[1] is not None:
                    entry[1] -= 1
                    if not entry[1]:
                        self._faults.remove(entry)
                return entry[2]
        return None

    def _usual_answer(self, request, connection):
        if not request.user:
            return refusal(401, "Unauthorized", "Unauthorized")
        if request.resource is None:
            return self._discover(request)
        if self.rights and not self.rights(request):
            return refusal(403, "Forbidden", f'{request.resource} is forbidden: User '
                           f'"{request.user}" cannot {request.verb} it')
        if request.resource not in KINDS or request.version not in self._versions(request.group) \
                or KINDS[request.resource][1] != request.group:
            return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        if request.verb == "list":
            return self._list(request)
        if request.verb == "watch":
            return Answer(200, self._watch(request, connection))
        return self._single(request)

    def _versions(self, group):
        return self.discovery if group == "discovery.k8s.io" else ["v1"]

    def _discover(self, request):
        groups = [self._group(group) for group in sorted({each[1] for each in KINDS.values()})
                  if group]
        answers = {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
            "/version": {"major": "1", "minor": "29", "gitVersion": "v1.29.4"},
            **{f"/apis/{group['name']}": group for group in groups},
        }
        if request.path in ("/healthz", "/livez", "/readyz"):
            return Answer(200, b"ok", {"Content-Type": "text/plain"})
        if request.path not in answers:
            return Answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
        return Answer(200, encode(answers[request.path]))

    def _group(self, name):
        versions = [{"groupVersion": f"{name}/{each}", "version": each}
                    for each in self._versions(name)]
        return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": versions,
                "preferredVersion": versions[0]}

    def _as_asked(self, request, value):
        return to_v1beta1(value) if request.version == "v1beta1" else value

    # Lists

    def _list(self, request):
        limit, wanted = int(request.query.get("limit", 0)), request.query.get("resourceVersion", "")
        token = request.query.get("continue")
        if token:
            return self._next_page(request, token, limit)
        if wanted.isdecimal() and int(wanted) > self.store.version:
            return refusal(504, "Timeout", f"Too large resource version: {wanted}, current: "
                           f"{self.store.version}", retryAfterSeconds=1,
                           causes=[{"reason": "ResourceVersionTooLarge",
                                    "message": "Too large resource version"}])
        values, version = self.store.all(request.resource, request.namespace)
        values = [each for each in values if selected(request, each)]
        if not limit or (self.cache and wanted):
            return self._page(request, values, version, 0, len(values))
        self._pages[request.resource, version] = values
        return self._page(request, values, version, 0, min(limit, self.page_limit))

    def _next_page(self, request, token, limit):
        try:
            version, at = json.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            return refusal(400, "BadRequest", "continue key is not valid")
        if (request.resource, version) not in self._pages or version < self.store.oldest:
            return expired()
        return self._page(request, self._pages[request.resource, version], version, at,
                          min(limit or self.page_limit, self.page_limit))

    def _page(self, request, values, version, at, limit):
        kind, group, _ = KINDS[request.resource]
        end = at + limit
        metadata = {"resourceVersion": str(version)}
        if end < len(values):
            metadata["continue"] = base64.urlsafe_b64encode(
                json.dumps([version, end]).encode()).decode()
            metadata["remainingItemCount"] = len(values) - end
        # Items of a list do not say their kind: the list does.
        items = [{key: value for key, value in self._as_asked(request, each).items()
                  if key not in ("kind", "apiVersion")} for each in values[at:end]]
        return Answer(200, encode({
            "kind": f"{kind}List",
            "apiVersion": f"{group}/{request.version}" if group else request.version,
            "metadata": metadata, "items": items}))

    # Watches

    def _watch(self, request, connection):
        """The events from the version that is asked for, as pieces of a body."""
        store, since = self.store, int(request.query.get("resourceVersion") or 0)
        end = time.monotonic() + float(request.query.get("timeoutSeconds", 1800))
        with store.changed:
            epoch, at = self._epoch, len(store.history)
            missed = [each for each in store.history if each.version and each.version > since]
        if since < store.oldest and since:
            yield event("ERROR", status(410, "Expired",
                                        f"too old resource version: {since} ({store.oldest})"))
            return
        entry = epoch, request
        with self._lock:
            self._watches.append(entry)
        try:
            yield from self._events(request, missed)
            while epoch == self._epoch and time.monotonic() < end:
                if connection.is_gone():
                    raise Hung
                with store.changed:
                    if at == len(store.history):
                        store.changed.wait(0.2)
                    new, at = store.history[at:], len(store.history)
                yield from self._events(request, new)
        finally:
            with self._lock:
                self._watches.remove(entry)

    def _events(self, request, changes):
        for change in changes:
            if change.resource != request.resource:
                continue
            if change.raw is not None:
                yield change.raw
                continue
            was = change.old is not None and selected(request, change.old)
            now = change.new is not None and selected(request, change.new)
            if was or now:
                kind = "DELETED" if not now else "MODIFIED" if was else "ADDED"
                value = dict(change.new or change.old)
                yield event(kind, self._as_asked(request, value))

    # Single objects

    def _single(self, request):
        store, namespaced = self.store, KINDS[request.resource][2]
        namespace = request.namespace if namespaced else ""
        try:
            if request.verb == "create":
                value = request.json()
                if namespaced:
                    value["metadata"].setdefault("namespace", namespace)
                return Answer(201, encode(store.create(request.resource, value)))
            if request.verb == "get":
                value = store.find(request.resource, request.name, namespace)
            elif request.verb == "delete":
                value = store.delete(request.resource, request.name, namespace)
            elif request.verb == "patch":
                value = self._patch(request, namespace)
            else:
                store.find(request.resource, request.name, namespace)
                store.put(request.json())
                value = store.find(request.resource, request.name, namespace)
        except LookupError:
            return refusal(404, "NotFound", f'{request.resource} "{request.name}" not found')
        except Conflict:
            return refusal(409, "AlreadyExists", f"{request.resource} already exists")
        return Answer(200, encode(self._as_asked(request, value)))

    def _patch(self, request, namespace):
        kind = request.headers.get("content-type")
        if kind == "application/apply-patch+yaml":
            with contextlib.suppress(LookupError):
                return self.store.patch(request.resource, request.name, request.json(), namespace)
            return self.store.create(request.resource, merge(
                {"metadata": {"name": request.name, "namespace": namespace}}, request.json()))
        return self.store.patch(request.resource, request.name, request.json(), namespace)
