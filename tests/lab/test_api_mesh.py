"""The mesh of two nodes that learn of each other from an API server."""

import base64

from api_ground import Ground
from api_objects import metadata, node
from daemons import Kbgpd
from lab import stays, wait_until

CONFIGURATION = """
router: {{asn: 64512}}
cluster: {{source: kubernetes, namespace: bgp, kubeconfig: {kubeconfig}}}
mesh: {{enabled: true, connectRetryTime: 1s, passwordSecret: {{name: mesh, key: password}}}}
advertisements:
- {{name: pods, type: PodCIDR}}
"""

NODES = {"node": ("10.0.2.2", "10.244.1.0/24"), "api": ("10.0.2.1", "10.244.2.0/24")}


def secret(password):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata("mesh", "bgp"),
            "data": {"password": base64.b64encode(password.encode()).decode()}}


def test_mesh_from_the_api_server(lab, build):
    ground = Ground(lab, build)
    ground.kubeconfig()

    def put(name, **options):
        address, pods = NODES[name]
        ground.store.put(node(name, pods, address=address, **options))

    for name in NODES:
        put(name)
    ground.store.put(secret("one"))
    server = ground.serve()
    kbgpd = {name: Kbgpd(lab.hosts[name], build,
                         CONFIGURATION.format(kubeconfig=ground.kubeconfig_file))
             for name in NODES}
    other = {"node": "api", "api": "node"}

    def peer(name):
        return kbgpd[name].ctl("peers", f"mesh/{other[name]}")[0]

    def events_of_all():
        """How many each has had of the API server."""
        return [each.ctl("status")["cluster"]["apiServer"]["events"] for each in kbgpd.values()]

    def wait_up():
        for name in NODES:
            address, pods = NODES[other[name]]
            wait_until(lambda name=name: peer(name)["state"] == "Established", "the session")
            wait_until(lambda name=name, pods=pods, address=address:
                       lab.hosts[name].bgp_routes() == {pods: {address}}, "the other's pods")

    wait_up()
    assert peer("node")["password"]
    # What is annotated and what the Secret holds take effect at both ends.
    put("api", annotations={"kbgpd.io/asn": "65002"})
    wait_until(lambda: peer("node")["remoteASN"] == 65002, "another AS")
    wait_up()
    flaps = peer("node")["flaps"]
    events = events_of_all()
    ground.store.put(secret("two"))
    wait_until(lambda: events_of_all() == [each + 1 for each in events], "the Secret")
    for name in NODES:
        kbgpd[name].ctl_text("clear", f"mesh/{other[name]}")
    wait_up()
    assert peer("node")["flaps"] > flaps
    # Heartbeats are nothing; without the API server all stays.
    flaps = [peer(name)["flaps"] for name in NODES]
    events = events_of_all()
    put("api", annotations={"kbgpd.io/asn": "65002", "others.io/seen": "now"}, ready="Unknown")
    wait_until(lambda: events_of_all() == [each + 1 for each in events], "the heartbeat")
    server.stop()
    stays(lambda: [peer(name)["flaps"] for name in NODES] == flaps and
          peer("node")["state"] == "Established", 2, "the session")
    server.start()
    ground.store.delete("nodes", "api")
    wait_until(lambda: not kbgpd["node"].ctl("peers"), "no peer without a Node")
    wait_until(lambda: not lab.hosts["node"].bgp_routes(), "no routes to it either")
