"""Whom kbgpd believes that it is the API server: certificates, names and addresses."""

import contextlib
import socket
import threading

import pytest
from api_ground import POD_CIDR
from api_shared import ground, synced  # noqa: F401  (fixtures)
from certificates import FUTURE, PAST, Authority
from dns import DnsServer
from lab import wait_until
from scripted import inside

WEB = "192.0.2.1/32"
NAME = "kubernetes.default.svc"


@pytest.fixture
def stranger(lab):
    """An authority that nobody has asked to trust."""
    return Authority(lab.folder / "stranger", "stranger")


@pytest.mark.parametrize("names, valid, words", [
    (["10.0.2.1"], PAST, ["certificate has expired", "renew it, or set this node's clock"]),
    (["10.0.2.1"], FUTURE, ["certificate is not yet valid"]),
    (["10.0.2.9", NAME], None, ["IP address mismatch", "tls-server-name"]),
], ids=["expired", "of tomorrow", "another's"])
def test_a_certificate_that_is_not_good(ground, names, valid, words):
    """Nothing is asked, and no token is shown, until it is."""
    ground.web("web", "192.0.2.1")
    server = ground.serve(certificate=ground.authority.server(
        *names, **({"valid": valid} if valid else {})))
    ground.start()
    error = ground.wait_error("10.0.2.1:6443: the server's certificate is refused", *words)
    assert error in ground.kbgpd.process.output()
    assert server.requests == [] and ground.neighbour.routes == {}
    server.use(ground.certificate)
    ground.wait_routes(POD_CIDR, WEB)


def test_an_authority_that_is_not_trusted(ground, stranger):
    server = ground.serve(certificate=stranger.server("10.0.2.1"))
    ground.start()
    ground.wait_error("certificate is refused", "check the certificate authority")
    assert server.requests == []
    # One that is the system's does not count either where another is named.
    server.use(ground.certificate)
    ground.wait_routes(POD_CIDR)


def test_without_an_authority_the_system_is_asked(ground):
    server = ground.serve()
    ground.kubeconfig(certificate_authority="")
    ground.start()
    ground.wait_error("certificate is refused")
    assert server.requests == []


def test_a_serving_certificate_that_is_changed(synced, stranger):
    """Another authority takes over, as when a cluster's is renewed: both are trusted for a time."""
    synced.server.use(stranger.server("10.0.2.1"))
    synced.server.drop()
    synced.wait_error("certificate is refused")
    synced.store.delete("services", "web")
    synced.keeps(POD_CIDR, WEB)
    # The file is read again with the next attempt.
    synced.authority.file.write_text(synced.authority.text + stranger.text)
    synced.wait_routes(POD_CIDR)
    wait_until(lambda: synced.status()["connected"], "the server is followed again")


def test_another_name_may_be_expected(ground):
    """tls-server-name: the address leads there, and the certificate has a name only."""
    ground.serve(certificate=ground.authority.server(NAME))
    ground.kubeconfig(tls_server_name=NAME)
    ground.start_synced()


def test_a_wildcard_is_for_one_label(ground):
    server = ground.serve(certificate=ground.authority.server("*.example.net"))
    ground.kubeconfig(tls_server_name="api.lab.example.net")
    ground.start()
    ground.wait_error("certificate is refused")
    ground.kubeconfig(tls_server_name="api.example.net")
    ground.wait_routes(POD_CIDR)
    wait_until(lambda: server.problems, "the server's own word of what was refused")


def test_ipv6(ground):
    server = ground.serve("2001:db8:2::1")
    ground.kubeconfig(server="https://[2001:db8:2::1]:6443")
    ground.start_synced()
    assert server.requests[0].headers["host"] == "[2001:db8:2::1]:6443"
    assert ground.status()["server"] == "[2001:db8:2::1]:6443"


def test_a_path_in_front(ground):
    """The URL of a server may have one, as that of a proxy for many clusters."""
    server = ground.serve()
    ground.kubeconfig(server="https://10.0.2.1:6443/k8s/clusters/c-1/")
    ground.start()
    ground.wait_error("404")
    assert all(each.path.startswith("/k8s/clusters/c-1/api") for each in server.requests)


@pytest.fixture
def names(ground):
    server = DnsServer(ground.api, "10.0.2.1", {})
    yield server
    server.close()


def start_pod_with(ground, resolv_conf="", hosts=""):
    ground.kubeconfig(server=f"https://{NAME}:6443")
    pod = ground.start_pod(cluster=f"kubeconfig: {ground.kubeconfig_file}",
                           resolv_conf=resolv_conf, hosts=hosts)
    ground.meet()
    return pod


@pytest.mark.parametrize("addresses", [
    ["10.0.2.1"], ["2001:db8:2::1"], ["10.0.2.1", "2001:db8:2::1"], ["10.0.2.77", "10.0.2.1"]],
    ids=["ipv4", "ipv6", "both", "one is dead"])
def test_a_dns_name(ground, names, addresses):
    """Each address of the name is tried; the certificate is checked for the name."""
    ground.api.ip("route add unreachable 10.0.2.77/32")
    ground.node.ip("route add unreachable 10.0.2.77/32")
    names.names[NAME] = addresses
    ground.serve("10.0.2.1", "2001:db8:2::1", certificate=ground.authority.server(NAME))
    start_pod_with(ground, "nameserver 10.0.2.1\n")
    ground.wait_routes(POD_CIDR)
    assert ground.status()["server"].startswith(f"{NAME}:6443 (")


def test_a_name_that_moves(ground, names):
    """The name is looked up for each connection."""
    names.names[NAME] = ["10.0.2.1"]
    first, second = ground.serve("10.0.2.1"), ground.serve("10.0.2.9")
    start_pod_with(ground, "nameserver 10.0.2.1\n")
    ground.wait_routes(POD_CIDR)
    wait_until(first.is_followed, "watches")
    names.names[NAME] = ["10.0.2.9"]
    first.stop()
    wait_until(second.is_followed, "watches of the server that the name leads to now")
    ground.keeps(POD_CIDR)


def test_a_name_that_nobody_knows(ground, names):
    ground.serve()
    pod = start_pod_with(ground, "nameserver 10.0.2.1\n")
    ground.wait_error(f"{NAME}:6443: the name cannot be resolved")
    # /etc/hosts is read with each attempt.
    pod.hosts.write_text(f"10.0.2.1 {NAME}\n")
    ground.wait_routes(POD_CIDR)


def test_a_short_name_in_the_search_list(ground, names):
    names.names["kubernetes.default.svc.cluster.local"] = ["10.0.2.1"]
    ground.serve()
    start_pod_with(ground, "nameserver 10.0.2.1\nsearch default.svc.cluster.local "
                   "svc.cluster.local cluster.local\noptions ndots:5\n")
    ground.wait_routes(POD_CIDR)


def test_a_server_without_tls(ground):
    """What answers on the port in plain text is not believed, and gets no token."""
    with inside(ground.api):
        listener = socket.create_server(("10.0.2.1", 6443))
    heard = []

    def answer():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                heard.append(sock.recv(4096))
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        ground.start()
        ground.wait_error("10.0.2.1:6443: TLS: ")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
    assert heard and not any(b"Bearer" in each for each in heard)
