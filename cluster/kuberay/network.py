"""Who may talk to whom: NetworkPolicies that close everything but what Quorum needs.

A policy opens, and everything that selects a pod counts: more is opened by a policy of your own beside these. They say
nothing where the cluster's network plugin does not enforce policies.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cluster.kuberay.pods import APP, METRICS_PORT, SERVE_PORT, Document, labels, named
from ocr.errors import InvalidRequest

_PART_OF = {"app.kubernetes.io/part-of": APP}
_RAY = {
    "matchLabels": _PART_OF,
    "matchExpressions": [{"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["redis"]}],
}
_REDIS_PORT = 6379
_DASHBOARD_PORT = 8265
_OTLP_PORT = 4318
# Where a cluster has a cache of its DNS on each node, it is at this address.
_NODE_LOCAL_DNS = "169.254.20.10/32"
_ANYWHERE = ("0.0.0.0/0", "::/0")

_PUBLIC: tuple[Document, ...] = (
    {
        "cidr": "0.0.0.0/0",
        "except": ["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
    },
    {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]},
)
"""Every address, but those of networks that are somebody's own."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What pods may reach outside of their own: `api_server` are the networks (CIDR) of the Kubernetes API, anywhere
    when there is none; `otlp` is the URL of a collector of traces. With `callbacks` public addresses are reached over
    HTTP and HTTPS, to tell those who submitted jobs.

    Raises InvalidRequest for a network that is none, and for a collector that no rule can name.
    """

    api_server: tuple[str, ...] = ()
    otlp: str | None = None
    callbacks: bool = False

    def __post_init__(self) -> None:
        for network in self.api_server:
            _checked(network)
        if self.otlp is not None:
            _collector(self.otlp)

    def settings(self) -> dict[str, str]:
        """Environment variables of the pods."""
        if self.otlp is None:
            return {}
        return {
            "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "deployments.observability.tracing:exporter",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp,
        }


def policies(outside: Outside, *, redis: bool) -> list[Document]:
    """Every NetworkPolicy; with `redis` for a Redis among the pods as well."""
    made = [_closed(), _ray(outside, redis=redis), _head(outside)]
    return [*made, _redis()] if redis else made


def _closed() -> Document:
    return _policy(APP, {"matchLabels": _PART_OF}, ingress=[], egress=[])


def _ray(outside: Outside, *, redis: bool) -> Document:
    """Head and workers: each other, HTTP from this namespace and ingress-nginx, metrics for monitoring, operator."""
    ours = [{"podSelector": _RAY}]
    ingress = [
        {"from": ours},
        {"from": [{"podSelector": {}}, _namespace("ingress-nginx")], "ports": _tcp(SERVE_PORT)},
        {"from": [_namespace("monitoring")], "ports": _tcp(METRICS_PORT)},
        {"from": [_namespace("kuberay-operator")], "ports": _tcp(_DASHBOARD_PORT, SERVE_PORT)},
    ]
    egress = [{"to": ours}, _dns()]
    if redis:
        egress.append({"to": [{"podSelector": {"matchLabels": labels("redis")}}], "ports": _tcp(_REDIS_PORT)})
    if outside.callbacks:
        egress.append({"to": [{"ipBlock": block} for block in _PUBLIC], "ports": _tcp(80, 443)})
    if outside.otlp is not None:
        peer, port = _collector(outside.otlp)
        egress.append({"to": [peer], "ports": _tcp(port)})
    return _policy(f"{APP}-ray", _RAY, ingress=ingress, egress=egress)


def _head(outside: Outside) -> Document:
    """The autoscaler beside the head asks Kubernetes for pods."""
    to = [{"ipBlock": {"cidr": network}} for network in outside.api_server or _ANYWHERE]
    return _policy(f"{APP}-head", {"matchLabels": labels("head")}, egress=[{"to": to, "ports": _tcp(443, 6443)}])


def _redis() -> Document:
    ingress = [{"from": [{"podSelector": _RAY}], "ports": _tcp(_REDIS_PORT)}]
    return _policy(f"{APP}-redis", {"matchLabels": labels("redis")}, ingress=ingress)


def _dns() -> Document:
    pods = {"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}, **_namespace("kube-system")}
    return {
        "to": [pods, {"ipBlock": {"cidr": _NODE_LOCAL_DNS}}],
        "ports": [{"protocol": "UDP", "port": 53}, *_tcp(53)],
    }


def _collector(url: str) -> tuple[Document, int]:
    """Whom a rule names for the host of `url`, and the port: a service of the cluster by its namespace, an address by
    itself.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or _OTLP_PORT
        return {"ipBlock": {"cidr": str(ipaddress.ip_network(host))}}, port
    except ValueError:
        pass
    name, _, rest = host.partition(".")
    namespace, _, domain = rest.partition(".")
    if parts.scheme not in ("http", "https") or not (name and namespace) or domain.split(".")[0] not in ("svc", ""):
        raise InvalidRequest(
            f"a network policy cannot allow {url}",
            "give the collector as http://SERVICE.NAMESPACE.svc:4318, or by its address: http://10.0.0.7:4318",
        )
    return _namespace(namespace), port


def _checked(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise InvalidRequest(f"{network} is no network: {error}", "give one as 10.0.0.1/32") from error


def _policy(name: str, pods: dict[str, Any], **directions: list[Document]) -> Document:
    kinds = {"ingress": "Ingress", "egress": "Egress"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": named(name),
        "spec": {
            "podSelector": pods,
            "policyTypes": [kinds[direction] for direction in directions],
            **{direction: rules for direction, rules in directions.items() if rules},
        },
    }


def _namespace(name: str) -> Document:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _tcp(*ports: int) -> list[Document]:
    return [{"protocol": "TCP", "port": port} for port in ports]
