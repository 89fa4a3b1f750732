"""Who may talk to whom, worked out from the rendered policies as a network plugin would."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from cluster.kuberay import Outside
from cluster.kuberay.pods import labels
from ocr.errors import InvalidRequest
from quorum.cli.render import manifests
from tests.cluster.kuberay.conftest import ROOT, selected

Document = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A pod in a namespace, or an address outside of the cluster."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = "here"
    address: str = ""


HEAD, WORKER, REDIS = Peer(labels("head")), Peer(labels("worker-cpu")), Peer(labels("redis"))
NEIGHBOUR = Peer({"app": "shop"})
STRANGER = Peer({"app": "shop"}, "elsewhere")
DNS = Peer({"k8s-app": "kube-dns"}, "kube-system")
INTERNET = Peer(address="203.0.113.9")
API = Peer(address="10.96.0.1")


def opens(peers: list[Document] | None, peer: Peer) -> bool:
    """Whether one of the peers of a rule is this one; a rule without peers opens to everybody."""
    return peers is None or any(_is(entry, peer) for entry in peers)


def _is(entry: Document, peer: Peer) -> bool:
    if "ipBlock" in entry:
        block = ipaddress.ip_network(entry["ipBlock"]["cidr"])
        return bool(peer.address) and ipaddress.ip_address(peer.address) in block
    if peer.address:
        return False
    wanted = entry.get("namespaceSelector")
    here = peer.namespace == "here" if wanted is None else selected(wanted, _namespace_labels(peer))
    return here and ("podSelector" not in entry or selected(entry["podSelector"], peer.labels))


def _namespace_labels(peer: Peer) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": peer.namespace}


def allowed(policies: list[Document], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out of its source and into its target."""
    ways = ((source, target, "egress", "to"), (target, source, "ingress", "from"))
    return all(_lets(policies, pod, other, way, key, port, protocol) for pod, other, way, key in ways)


def _lets(policies: list[Document], pod: Peer, other: Peer, way: str, key: str, port: int, protocol: str) -> bool:
    if pod.address or pod.namespace != "here":
        return True  # the policies here do not select it
    ours = [
        policy["spec"]
        for policy in policies
        if way.capitalize() in policy["spec"]["policyTypes"] and selected(policy["spec"]["podSelector"], pod.labels)
    ]
    rules = [rule for policy in ours for rule in policy.get(way, [])]
    return not ours or any(
        opens(rule.get(key), other) and ("ports" not in rule or {"protocol": protocol, "port": port} in rule["ports"])
        for rule in rules
    )


def policies_of(text: str) -> list[Document]:
    return [document for document in yaml.safe_load_all(text) if document["kind"] == "NetworkPolicy"]


@pytest.fixture
def policies(documents: list[Document]) -> list[Document]:
    return [document for document in documents if document["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (NEIGHBOUR, WORKER, 8000),
        (Peer(namespace="ingress-nginx"), WORKER, 8000),
        (Peer(namespace="monitoring"), WORKER, 8080),
        (Peer(namespace="monitoring"), HEAD, 8080),
        (Peer(namespace="kuberay-operator"), HEAD, 8265),
        (WORKER, HEAD, 6379),
        (HEAD, WORKER, 10_002),
        (WORKER, WORKER, 40_123),
        (WORKER, DNS, 53),
        (HEAD, API, 443),
    ],
)
def test_what_quorum_needs_is_open(policies: list[Document], source: Peer, target: Peer, port: int) -> None:
    assert allowed(policies, source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        (STRANGER, WORKER, 8000),
        (NEIGHBOUR, WORKER, 8080),
        (NEIGHBOUR, WORKER, 10_002),
        (NEIGHBOUR, HEAD, 6379),
        (NEIGHBOUR, HEAD, 8265),
        (Peer(namespace="monitoring"), HEAD, 8265),
        (Peer(namespace="ingress-nginx"), WORKER, 10_002),
        (NEIGHBOUR, REDIS, 6379),
        (NEIGHBOUR, REDIS, 8000),
        (STRANGER, REDIS, 6379),
        (WORKER, INTERNET, 443),
        (WORKER, INTERNET, 53),
        (WORKER, NEIGHBOUR, 8000),
        (WORKER, API, 443),
        (HEAD, INTERNET, 80),
        (REDIS, WORKER, 10_002),
        (REDIS, INTERNET, 443),
        (REDIS, DNS, 53),
    ],
)
def test_everything_else_is_closed(policies: list[Document], source: Peer, target: Peer, port: int) -> None:
    assert not allowed(policies, source, target, port)


def test_redis_is_open_to_rays_pods_where_there_is_one(overlay: str, policies: list[Document]) -> None:
    assert [allowed(policies, pod, REDIS, 6379) for pod in (HEAD, WORKER)] == [overlay in ("ha", "incremental")] * 2
    assert not allowed(policies, WORKER, REDIS, 22)


def test_names_are_asked_by_udp_too(policies: list[Document]) -> None:
    assert allowed(policies, WORKER, DNS, 53, "UDP")
    assert allowed(policies, WORKER, Peer(address="169.254.20.10"), 53, "UDP")


def test_with_the_network_of_the_api_the_head_reaches_nothing_else() -> None:
    policies = policies_of(manifests("cpu", api_server=("10.96.0.1/32",)))
    assert allowed(policies, HEAD, API, 443)
    assert not allowed(policies, HEAD, INTERNET, 443)


@pytest.mark.parametrize(
    ("url", "peer", "port"),
    [
        ("http://collector.tracing.svc:4318", Peer(namespace="tracing"), 4318),
        ("http://collector.tracing.svc.cluster.local:14318", Peer(namespace="tracing"), 14_318),
        ("http://collector.tracing", Peer(namespace="tracing"), 4318),
        ("http://10.0.0.7:4318", Peer(address="10.0.0.7"), 4318),
    ],
)
def test_a_collector_that_is_configured_is_told_to_the_pods_and_opened(url: str, peer: Peer, port: int) -> None:
    text = manifests("cpu", otlp=url)
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT: {url}\n" in text
    assert allowed(policies_of(text), WORKER, peer, port)
    assert not allowed(policies_of(text), WORKER, peer, 80)
    assert not allowed(policies_of(manifests("cpu")), WORKER, peer, port)


@pytest.mark.parametrize("url", ["http://collector.example.com", "collector.tracing.svc", "http://collector", ""])
def test_a_collector_that_no_rule_can_name_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"SERVICE\.NAMESPACE"):
        Outside(otlp=url)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"10\.0\.0\.1/32"):
        Outside(api_server=("everywhere",))


def test_the_page_shows_how_to_open_more(policies: list[Document]) -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    [shown] = [
        yaml.safe_load(block.partition("```")[0])
        for block in page.split("```yaml\n")[1:]
        if "kind: NetworkPolicy" in block
    ]
    import kubernetes_validate

    kubernetes_validate.validate(shown, kubernetes_validate.latest_version(), strict=True)
    caller = Peer(namespace="shop")
    assert not allowed(policies, caller, WORKER, 8000)
    assert allowed([*policies, shown], caller, WORKER, 8000)


def test_only_with_callbacks_pods_reach_public_addresses_and_then_no_private_ones() -> None:
    def blocks(text: str) -> list[dict[str, object]]:
        [policy] = [
            document
            for document in yaml.safe_load_all(text)
            if document["kind"] == "NetworkPolicy" and document["metadata"]["name"] == "quorum-ray"
        ]
        peers = [peer for rule in policy["spec"]["egress"] for peer in rule.get("to", ())]
        return [peer["ipBlock"] for peer in peers if "except" in peer.get("ipBlock", {})]

    assert blocks(manifests("ha")) == []
    everywhere, _ = blocks(manifests("ha", callbacks=True))
    assert everywhere["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} <= set(everywhere["except"])  # type: ignore[arg-type]
