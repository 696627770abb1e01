"""Kubernetes objects as `kubectl get -o yaml` prints them, kept in a folder of manifests."""

import os

NODE = """\
apiVersion: v1
kind: Node
metadata:
  annotations:
    node.alpha.kubernetes.io/ttl: "0"
    volumes.kubernetes.io/controller-managed-attach-detach: "true"
{annotations}  creationTimestamp: "2024-05-02T09:12:31Z"
{metadata}  labels:
    beta.kubernetes.io/arch: amd64
    beta.kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    kubernetes.io/hostname: {name}
    kubernetes.io/os: linux
{labels}  name: {name}
  resourceVersion: "{version}"
  uid: 0c8e3bd5-6a2c-4a5b-9d0a-{number:012d}
spec:
{spec}  podCIDR: "{pod_cidr}"
  podCIDRs:
{pod_cidrs}status:
  addresses:
{addresses}  - address: {name}
    type: Hostname
  allocatable:
    cpu: "4"
    memory: 16281624Ki
    pods: "110"
  capacity:
    cpu: "4"
    memory: 16384024Ki
    pods: "110"
  conditions:
  - lastHeartbeatTime: "2024-05-02T09:20:02Z"
    lastTransitionTime: "2024-05-02T09:12:30Z"
    message: kubelet has sufficient memory available
    reason: KubeletHasSufficientMemory
    status: "False"
    type: MemoryPressure
  - lastHeartbeatTime: "2024-05-02T09:20:02Z"
    lastTransitionTime: "2024-05-02T09:12:45Z"
    message: kubelet is posting ready status
    reason: KubeletReady
    status: "{ready}"
    type: Ready
  daemonEndpoints:
    kubeletEndpoint:
      Port: 10250
  nodeInfo:
    architecture: amd64
    bootID: 2b4b3b0a-9d5e-4b83-8e3c-7d3c3c3a8f10
    containerRuntimeVersion: containerd://1.7.13
    kernelVersion: 6.1.0-20-amd64
    kubeletVersion: v1.29.4
    operatingSystem: linux
    osImage: Debian GNU/Linux 12 (bookworm)
"""

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}"}},"spec":{{}}}}
  creationTimestamp: "2024-05-02T09:31:10Z"
  labels:
    app: {name}
    expose: public
  name: {name}
  namespace: default
  resourceVersion: "{version}"
  uid: 7f1f7a6e-41cf-4d0b-9c5f-{number:012d}
spec:
  allocateLoadBalancerNodePorts: true
  clusterIP: 10.96.12.{number}
  clusterIPs:
  - 10.96.12.{number}
  externalTrafficPolicy: {policy}
  internalTrafficPolicy: Cluster
  ipFamilies:
  - IPv4
  ipFamilyPolicy: SingleStack
  ports:
  - name: http
    nodePort: 31080
    port: 80
    protocol: TCP
    targetPort: 8080
  selector:
    app: {name}
  sessionAffinity: None
  type: LoadBalancer
status:
  loadBalancer:
    ingress:
{ingress}"""

ENDPOINT_SLICE = """\
addressType: {family}
apiVersion: discovery.k8s.io/v1
endpoints:{endpoints}
kind: EndpointSlice
metadata:
  creationTimestamp: "2024-05-02T09:31:10Z"
  generateName: {name}-
  generation: 3
  labels:
    app: {name}
    endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
    kubernetes.io/service-name: {name}
  name: {name}-{suffix}
  namespace: default
  ownerReferences:
  - apiVersion: v1
    blockOwnerDeletion: true
    controller: true
    kind: Service
    name: {name}
    uid: 7f1f7a6e-41cf-4d0b-9c5f-000000000001
  resourceVersion: "{version}"
  uid: 55d3f8a8-7f5f-4a35-8a86-000000000001
ports:
- name: http
  port: 8080
  protocol: TCP
"""

ENDPOINT = """
- addresses:
  - {address}
  conditions:
    ready: {ready}
    serving: {serving}
    terminating: {terminating}
  nodeName: {node}
  targetRef:
    kind: Pod
    name: {name}
    namespace: default
    uid: 3f7c0ec6-3b19-4ab4-9f5a-000000000001
  zone: zone-a"""


def endpoint(node, address, ready=True, terminating=False):
    def word(value):
        return "true" if value else "false"
    return ENDPOINT.format(
        node=node, address=address, name=f"pod-on-{node}", ready=word(ready),
        serving=word(ready or terminating), terminating=word(terminating))


class Manifests:
    """A folder of manifests; every write replaces a file at once."""

    def __init__(self, folder):
        self.folder, self.version = folder, 1000
        folder.mkdir()

    def write(self, file, text):
        new = self.folder / f".{file}.new"
        new.write_text(text)
        os.replace(new, self.folder / file)

    def remove(self, file):
        (self.folder / file).unlink()

    def next_version(self):
        self.version += 1
        return self.version

    def node(self, name, number, pod_cidrs, labels=None, ready=True, spec="", metadata="",
             addresses=None, annotations=None):
        """`spec` and `metadata` are one more line of these each, such as "unschedulable: true".

        `addresses` are its InternalIPs, else 10.0.<number>.2.
        """
        def lines(values):
            return "".join(f'    {key}: "{value}"\n' for key, value in (values or {}).items())
        if addresses is None:
            addresses = [f"10.0.{number}.2"]
        self.write(f"node-{name}.yaml", NODE.format(
            name=name, number=number, pod_cidr=pod_cidrs[0], labels=lines(labels),
            annotations=lines(annotations),
            spec=f"  {spec}\n" if spec else "", metadata=f"  {metadata}\n" if metadata else "",
            pod_cidrs="".join(f'  - "{cidr}"\n' for cidr in pod_cidrs),
            addresses="".join(f'  - address: "{address}"\n    type: InternalIP\n'
                              for address in addresses),
            ready=ready, version=self.next_version()))

    def service(self, name, addresses, policy="Cluster", number=1):
        self.write(f"service-{name}.yaml", SERVICE.format(
            name=name, number=number, policy=policy, version=self.next_version(),
            ingress="".join(f"    - ip: {address}\n" for address in addresses)))

    def endpoints(self, name, *endpoints, family="IPv4", suffix="x7k2p"):
        self.write(f"endpoints-{name}-{suffix}.yaml", ENDPOINT_SLICE.format(
            name=name, endpoints="".join(endpoints) or " []", family=family, suffix=suffix,
            version=self.next_version()))
