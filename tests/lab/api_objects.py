"""Kubernetes objects as an API server has them, with the fields that nobody here needs, too."""

NODE_NOISE = {
    "capacity": {"cpu": "4", "memory": "16384024Ki", "pods": "110"},
    "allocatable": {"cpu": "4", "memory": "16281624Ki", "pods": "110"},
    "nodeInfo": {"architecture": "amd64", "kubeletVersion": "v1.29.4", "operatingSystem": "linux",
                 "osImage": "Debian GNU/Linux 12 (bookworm)"},
    "images": [{"names": ["registry.k8s.io/pause@sha256:7031c1b28338", "registry.k8s.io/pause:3.9"],
                "sizeBytes": 321520}],
}


def metadata(name, namespace=None, labels=None, annotations=None):
    value = {
        "name": name,
        "labels": labels or {},
        "annotations": {"note": "größer als \U0001f40b \"\\\u2028", **(annotations or {})},
        "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1",
                           "fieldsV1": {"f:metadata": {"f:labels": {".": {}}}}}],
    }
    if namespace:
        value["namespace"] = namespace
    return value


def node(name, *pod_cidrs, address="10.0.0.1", labels=None, annotations=None, ready="True",
         conditions=(), **spec):
    """conditions: more of them, as {"type": ..., "status": ...}; spec: more of its fields."""
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": metadata(name, labels={"kubernetes.io/hostname": name, **(labels or {})},
                             annotations=annotations),
        "spec": {**({"podCIDR": pod_cidrs[0], "podCIDRs": list(pod_cidrs)} if pod_cidrs else {}),
                 **spec},
        "status": {
            "addresses": [*({"type": "InternalIP", "address": each} for each in address.split(",")),
                          {"type": "Hostname", "address": name}],
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": ready, "reason": "KubeletReady",
                 "lastHeartbeatTime": "2024-05-02T09:20:02Z"}, *conditions],
            **NODE_NOISE,
        },
    }


def service(name, *ingress, namespace="default", kind="LoadBalancer", labels=None, **spec):
    """A Service with these load balancer IPs: texts, or entries of status.loadBalancer.ingress."""
    return {
        "apiVersion": "v1", "kind": "Service",
        "metadata": metadata(name, namespace, labels),
        "spec": {
            "type": kind, "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"],
            "externalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 31080}],
            "selector": {"app": name}, "sessionAffinity": "None", **spec},
        "status": {"loadBalancer": {"ingress": [
            each if isinstance(each, dict) else {"ip": each} for each in ingress]}},
    }


def pod(name, on_node, *addresses, namespace="default", labels=None, ready="True"):
    """A Pod that runs on a Node with these addresses."""
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata(name, namespace, labels),
        "spec": {"nodeName": on_node, "containers": [{"name": "web", "image": "web"}]},
        "status": {
            "phase": "Running", "podIP": addresses[0],
            "podIPs": [{"ip": each} for each in addresses],
            "conditions": [{"type": "Ready", "status": ready},
                           {"type": "ContainersReady", "status": ready}]},
    }


def endpoint(node_name="node", address="10.244.1.10", **conditions):
    """An endpoint that is ready, if nothing else is said: ready=, serving=, terminating=."""
    return {"addresses": [address], "nodeName": node_name, "zone": "zone-a",
            "conditions": conditions or {"ready": True},
            "targetRef": {"kind": "Pod", "name": f"pod-on-{node_name}", "namespace": "default"}}


def endpoint_slice(service_name, *endpoints, namespace="default", suffix="x7k2p", family="IPv4",
                   labels=None):
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": metadata(f"{service_name}-{suffix}", namespace, {
            "kubernetes.io/service-name": service_name,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            **(labels or {})}),
        "addressType": family, "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }
