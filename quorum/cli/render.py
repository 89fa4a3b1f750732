"""`quorum render`: write configuration files for Kubernetes, Prometheus and Grafana, from the tables of this program.

    quorum render kuberay --overlay gpu                    manifests for `kubectl apply -f -`
    quorum render kuberay --overlay ha --image registry.example/quorum
    quorum render kuberay --overlay incremental --gateway-class istio      requests go over to a new version by steps
    quorum render kuberay --overlay gpu --models-claim official-models
    quorum render kuberay --overlay cpu --digest cpu=sha256:...       images by digest, not by tag alone
    quorum render kuberay --overlay cpu --api-server 10.0.0.1/32      the head reaches only this and its own pods
    quorum render monitoring --out monitoring/             rules and a dashboard for your own Prometheus and Grafana

The files in cluster/kuberay/ are what `quorum render kuberay` writes; a test keeps them equal.

Exit codes: 0 written; 2 the command was not understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from ocr.errors import InvalidRequest
from quorum.terminal.output import complain, errors_speak
from quorum.terminal.output import out as stdout

group = typer.Typer(no_args_is_help=True, help="Write manifests, rules and dashboards.")

_HEADER = """\
# Quorum on Kubernetes. {title}
# Written by `quorum render kuberay --overlay {name}`; a test holds it equal to that. See docs/kubernetes.md.
"""


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="render")


@group.command()
def kuberay(
    overlay: Annotated[Literal["cpu", "gpu", "ha", "incremental"], typer.Option(help="Which way to run.")],
    image: Annotated[str, typer.Option(help="Where your registry has the image.")] = "quorum",
    tag: Annotated[str | None, typer.Option(help="Its tag; this version by default.")] = None,
    models_claim: Annotated[str | None, typer.Option(help="A volume claim with official models.")] = None,
    digest: Annotated[
        list[str] | None, typer.Option(help="STAGE=sha256:..., for each image; also for redis.", metavar="STAGE=DIGEST")
    ] = None,
    api_server: Annotated[
        list[str] | None, typer.Option(help="Where the Kubernetes API is; anywhere by default.", metavar="CIDR")
    ] = None,
    otlp_endpoint: Annotated[str | None, typer.Option(help="A collector that traces are sent to.")] = None,
    callbacks: Annotated[
        bool, typer.Option("--callbacks", help="Let pods reach public addresses, for the callbacks of jobs.")
    ] = False,
    gateway_class: Annotated[
        str | None, typer.Option(help="The GatewayClass through which an upgrade by steps goes; istio by default.")
    ] = None,
    monitoring: Annotated[bool, typer.Option(help="With what the Prometheus operator and Grafana read.")] = True,
) -> None:
    """Manifests of everything that Quorum needs on Kubernetes, for KubeRay."""
    with errors_speak():
        digests = _digests(digest or [], overlay)
        text = manifests(
            overlay,
            image,
            tag,
            models_claim,
            digests=digests,
            api_server=tuple(api_server or ()),
            otlp=otlp_endpoint,
            callbacks=callbacks,
            gateway_class=gateway_class,
            monitored=monitoring,
        )
    if loose := sorted(set(re.findall(r"^ +(?:- )?image: ([^@\s]+)$", text, re.MULTILINE))):
        complain(
            f"pinned by a tag alone, which can point to another image later: {', '.join(loose)}",
            "pin each of them: --digest STAGE=sha256:... (docs/kubernetes.md)",
        )
    typer.echo(text, nl=False)


def _digests(given: list[str], overlay: str) -> dict[str, str]:
    """The digests by what they are of."""
    from cluster.kuberay import OVERLAYS, images

    needed = images(OVERLAYS[overlay])
    digests = dict(_digest(each) for each in given)
    if unknown := digests.keys() - needed:
        raise InvalidRequest(f"overlay {overlay} has no image of {', '.join(unknown)}", f"it has {', '.join(needed)}")
    return digests


def _digest(given: str) -> tuple[str, str]:
    stage, equals, digest = given.partition("=")
    if not (stage and equals):
        raise InvalidRequest(f"--digest {given} names no image", "write it as --digest cpu=sha256:...")
    return stage, digest


@group.command()
def monitoring(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("monitoring"),
) -> None:
    """Rules for Prometheus and a dashboard for Grafana."""
    from cluster.kuberay.monitoring import dashboard, rules

    out.mkdir(parents=True, exist_ok=True)
    (out / "rules.yaml").write_text(yaml.safe_dump(rules(), sort_keys=False))
    (out / "dashboard.json").write_text(json.dumps(dashboard(), indent=1) + "\n")
    stdout().print(f"{out}/rules.yaml, {out}/dashboard.json")


def manifests(
    overlay: str,
    image: str = "quorum",
    tag: str | None = None,
    models_claim: str | None = None,
    *,
    digests: Mapping[str, str] | None = None,
    api_server: tuple[str, ...] = (),
    otlp: str | None = None,
    callbacks: bool = False,
    gateway_class: str | None = None,
    monitored: bool = True,
) -> str:
    """All documents of one overlay as YAML. Raises InvalidRequest for a class of gateway where none is used."""
    from importlib.metadata import version

    from cluster.kuberay import OVERLAYS, Outside, Release, documents
    from cluster.kuberay.monitoring import operator_documents
    from deployments.placement import kubernetes_serve_config

    chosen = OVERLAYS[overlay] if gateway_class is None else OVERLAYS[overlay].through(gateway_class)
    served = kubernetes_serve_config(gpus=chosen.has_gpus)
    release = Release(image, tag or version("quorum-ocr"), version("ray"), models_claim, digests or {})
    made = documents(chosen, served, release, Outside(api_server, otlp, callbacks))
    watched = operator_documents() if monitored else []
    return _HEADER.format(title=chosen.title, name=overlay) + as_yaml([*made, *watched])


def as_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """Several documents in one text; long strings as blocks, as a person would write them."""

    class Readable(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Readable.add_representer(str, text)
    return yaml.dump_all(documents, Dumper=Readable, sort_keys=False, explicit_start=True, width=120)
