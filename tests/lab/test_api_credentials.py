"""As whom kbgpd asks: the pod's service account, and every kind of kubeconfig."""

import base64
import os

import pytest
from api_faults import refuse
from api_ground import POD_CIDR
from api_server import TOKEN, USER
from api_shared import ground, synced  # noqa: F401  (fixtures)
from lab import wait_until

WEB = "192.0.2.1/32"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def is_secret(ground, *secrets):
    """No secret is in the log or in any answer of kbgpctl."""
    said = ground.kbgpd.process.output() + ground.kbgpd.ctl_text("status")
    return not any(secret in said for secret in secrets)


# kubeconfig


@pytest.mark.parametrize("kind", ["token", "tokenFile", "relative tokenFile", "both"])
def test_tokens(ground, kind):
    server = ground.serve()
    ground.kubeconfig(user={
        "token": {"token": TOKEN},
        "tokenFile": {"tokenFile": str(ground.token_file)},
        "relative tokenFile": {"tokenFile": "token"},
        "both": {"token": "an-old-token", "tokenFile": str(ground.token_file)},
    }[kind])
    ground.start_synced()
    assert {each.user for each in server.requests} == {USER}
    assert {each.headers["authorization"] for each in server.requests} == {f"Bearer {TOKEN}"}
    assert is_secret(ground, TOKEN)


@pytest.mark.parametrize("kind", ["data", "file", "relative file"])
def test_client_certificates(ground, kind):
    server = ground.serve(client_authority=ground.authority)
    mine = ground.authority.client("node-user", "kbgpd")
    folder = ground.kubeconfig_file.parent
    (folder / "client.crt").write_text(mine.text)
    (folder / "client.key").write_text(mine.key)
    ground.kubeconfig(certificate_authority="", certificate_authority_data=encoded(
        ground.authority.text), user={
            "data": {"client_certificate_data": encoded(mine.text),
                     "client_key_data": encoded(mine.key)},
            "file": {"client_certificate": str(mine.file), "client_key": str(mine.key_file)},
            "relative file": {"client_certificate": "client.crt", "client_key": "./client.key"},
        }[kind])
    ground.start_synced()
    assert {each.user for each in server.requests} == {"node-user"}
    assert not any("authorization" in each.headers for each in server.requests)
    assert is_secret(ground, mine.key)


def test_a_client_certificate_that_is_renewed(ground):
    """kubelets renew theirs: the next request is made with what is in the file then."""
    server = ground.serve(client_authority=ground.authority)
    old, new = ground.authority.client("old"), ground.authority.client("new")
    file = ground.kubeconfig_file.parent / "client.pem"
    file.write_text(old.text + old.key)
    ground.kubeconfig(user={"client_certificate": "client.pem", "client_key": "client.pem"})
    ground.start_synced()
    ground.bookmark_all()
    file.write_text(new.text + new.key)
    server.end_watches()
    wait_until(lambda: {each.user for each in server.requests[-3:]} == {"new"}, "the new one")
    wait_until(server.is_followed, "watches")
    assert ground.status()["failures"] == 0


@pytest.mark.parametrize("user, cluster, words", [
    ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}}, {},
     ['user "user"', "exec: programs are not run for credentials"]),
    ({"auth_provider": {"name": "gcp"}}, {}, ["auth-provider: not supported"]),
    ({"username": "admin", "password": "geheim"}, {}, ["passwords are not supported"]),
    ({"token": TOKEN, "as": "root"}, {}, ["impersonation is not supported"]),
    ({"token": TOKEN}, {"insecure_skip_tls_verify": True},
     ['cluster "cluster"', "the server's certificate is always verified"]),
    ({"token": TOKEN}, {"proxy_url": "http://10.0.2.1:3128"}, ["proxies are not supported"]),
    ({"token": TOKEN}, {"server": "http://10.0.2.1:6443"}, ["does not begin with https://"]),
    ({"tokenFile": "/nowhere"}, {}, ["tokenFile: /nowhere: cannot be read"]),
    ({"token": TOKEN}, {"certificate_authority": "/nowhere"},
     ["certificate-authority: /nowhere: cannot be read"]),
    ({"token": "two\nlines"}, {}, ["token: is no token"]),
    ({"client_certificate_data": encoded("x")}, {}, ["both or neither"]),
    ({"client_certificate_data": encoded("x"), "client_key_data": encoded("y")}, {},
     ["the client certificate is no PEM"]),
], ids=["exec", "auth-provider", "password", "as", "insecure", "proxy", "http", "no token",
        "no authority", "two lines", "no key", "no PEM"])
def test_what_is_refused_is_named(ground, user, cluster, words):
    """No request is made; and when the file is mended, kbgpd goes on by itself."""
    server = ground.serve()
    ground.kubeconfig(user=user, **cluster)
    ground.start()
    error = ground.wait_error(*words)
    assert error in ground.kbgpd.process.output()
    assert server.connection_count == 0 and is_secret(ground, "geheim", TOKEN)
    ground.kubeconfig()
    ground.wait_routes(POD_CIDR)


def test_a_kubeconfig_that_comes_later(ground):
    ground.serve()
    ground.start(cluster=f"kubeconfig: {ground.kubeconfig_file}")
    ground.wait_error("kubeconfig", "cannot be read: No such file or directory")
    ground.kubeconfig()
    ground.wait_routes(POD_CIDR)


def test_a_kubeconfig_that_leads_elsewhere(synced):
    """Another server of the same cluster: nothing is withdrawn."""
    other = synced.serve("10.0.2.9")
    synced.kubeconfig(server="https://10.0.2.9:6443")
    synced.server.drop()
    wait_until(other.is_followed, "watches of the other server")
    synced.keeps(POD_CIDR, WEB)


# Tokens that rotate


def test_a_revoked_token_is_read_again(synced):
    """401, and the file has another one: at once, and nothing is withdrawn or shown as trouble."""
    synced.bookmark_all()
    synced.server.tokens = {"another-token": USER}
    synced.write_token("another-token\n")
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.requests) >= 10, "new watches")
    wait_until(synced.server.is_followed, "watches with the new token")
    assert {each.headers["authorization"] for each in synced.server.requests[7:]} == {
        "Bearer another-token"}
    assert not synced.server.asked("list *")[3:]
    assert synced.status()["failures"] == 0
    synced.keeps(POD_CIDR, WEB)


def test_a_token_that_is_replaced_while_it_is_asked(synced):
    """The request was made with the old token, and is refused when the new one is there."""
    synced.bookmark_all()
    server = synced.server
    server.tokens = {"another-token": USER}

    def rotate(_request, answer):
        synced.write_token("another-token")
        return answer

    server.on("watch *", rotate, times=3)
    server.end_watches()
    wait_until(server.is_followed, "watches with the new token")
    synced.wait_connected()
    assert "401" not in synced.kbgpd.process.output()
    synced.keeps(POD_CIDR, WEB)


def test_a_revoked_token_without_another_one(synced):
    """What was known stays until the kubelet writes the next token."""
    synced.bookmark_all()
    synced.server.tokens = {"another-token": USER}
    synced.server.end_watches()
    synced.wait_error("401 Unauthorized", "check the service account")
    synced.store.delete("services", "web")
    synced.keeps(POD_CIDR, WEB)
    assert is_secret(synced, TOKEN)
    synced.write_token("another-token")
    synced.wait_routes(POD_CIDR)
    # Refused requests are not repeated as fast as they can be.
    assert len(synced.server.requests) < 40


# The pod's service account


def rotate_as_kubelet(folder, number, token):
    """The files of a projected volume are links by way of one that is replaced at once."""
    data = folder / f"..data-{number}"
    data.mkdir()
    (data / "token").write_text(token)
    (folder / "..new").symlink_to(data.name)
    os.rename(folder / "..new", folder / "..data")
    if not (folder / "token").is_symlink():
        (folder / "token").unlink()
        (folder / "token").symlink_to("..data/token")


@pytest.mark.parametrize("host", ["10.0.2.1", "2001:db8:2::1"])
def test_the_service_account(ground, host):
    """The folder and the variables that every pod has, and nothing in the configuration."""
    server = ground.serve(host)
    pod = ground.start_pod(service_host=host)
    ground.meet()
    ground.wait_routes(POD_CIDR)
    wait_until(server.is_followed, "watches")
    assert {each.user for each in server.requests} == {USER}

    ground.bookmark_all()
    server.tokens = {"second-token": USER}
    rotate_as_kubelet(pod.account, 1, "second-token")
    server.end_watches()
    wait_until(lambda: len(server.requests) >= 10, "new watches")
    wait_until(server.is_followed, "watches with the second token")
    server.tokens = {"third-token": USER}
    rotate_as_kubelet(pod.account, 2, "third-token")
    server.drop()
    ground.store.delete("nodes", "node")
    ground.wait_routes()


def test_a_pod_without_a_service_account(ground):
    """automountServiceAccountToken: false, and what the message makes of it."""
    ground.serve()
    pod = ground.start_pod(service_host="10.0.2.1")
    ground.meet()
    ground.wait_routes(POD_CIDR)
    (pod.account / "token").unlink()
    pod.restart()
    ground.meet()
    ground.wait_error("the pod's service account", "token: cannot be read")


def test_outside_of_a_pod_a_kubeconfig_is_asked_for(ground):
    ground.serve()
    ground.start(cluster="kubeconfig: ''")
    ground.wait_error("KUBERNETES_SERVICE_HOST", "set cluster.kubeconfig")


def test_servers_in_place_of_the_service(ground):
    """The Service kubernetes leads nowhere before kube-proxy runs: servers are named instead."""
    server = ground.serve()
    ground.start_pod(service_host="10.96.0.1", service_port=443,
                     cluster="servers: ['https://10.0.2.1:6443']")
    ground.meet()
    ground.wait_routes(POD_CIDR)
    assert {each.user for each in server.requests} == {USER}


def test_rights_that_are_missing(ground):
    """403 names what may not be done; what may be is followed meanwhile."""
    server = ground.serve()
    server.rights = lambda request: request.resource != "services"
    ground.web("web", "192.0.2.1")
    ground.start()
    ground.wait_error("403", "services is forbidden", USER, "give this user the right")
    ground.wait_routes(POD_CIDR)
    server.rights = None
    ground.wait_routes(POD_CIDR, WEB)


def test_a_proxy_that_wants_to_know_who_it_is(synced):
    """401 from something else than the API server: the token is not the problem, and stays."""
    synced.bookmark_all()
    synced.server.on("watch services", refuse(401, "Unauthorized"), times=2)
    synced.server.end_watches()
    wait_until(lambda: len(synced.server.asked("watch services")) == 4, "two attempts")
    wait_until(synced.server.is_followed, "watches")
    synced.keeps(POD_CIDR, WEB)
