#!/usr/bin/env bash
# Builds the wheel of what is committed into dist/, and tries it in a fresh environment, away from this folder.
#
#   cluster/release/wheel.sh VENV [TAG]      VENV has uv; with TAG (v0.2.0) the version must be that one
#
# The environment has the versions of requirements.lock. What is tried: the client, the command line, and that the models
# and tables that the wheel brings are there.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$(cd "${1:?usage: cluster/release/wheel.sh VENV [TAG]}" && pwd)
uv="$venv/bin/python -m uv --quiet"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

version=$("$venv/bin/python" -c 'import sys, tomllib; print(tomllib.load(open(sys.argv[1], "rb"))["project"]["version"])' "$root/pyproject.toml")
if [[ -n ${2:-} && $2 != "v$version" ]]; then
    echo "the tag is $2, but pyproject.toml says $version: change one of them" >&2
    exit 1
fi
grep -q "^## \[$version\]" "$root/CHANGELOG.md" || { echo "CHANGELOG.md has no entry for $version: write one" >&2; exit 1; }

mkdir -p "$root/dist" "$work/source"
git -C "$root" archive HEAD | tar -x -C "$work/source"
$uv build --wheel --out-dir "$root/dist" "$work/source"
wheel="$root/dist/quorum_ocr-$version-py3-none-any.whl"

$uv venv --python "$venv/bin/python" "$work/environment"
$uv pip install --python "$work/environment" --constraint "$root/requirements.lock" "$wheel"
cd "$work"
environment/bin/quorum --help > /dev/null
environment/bin/quorum render monitoring --out monitoring > /dev/null
environment/bin/python - "$version" <<'END'
import sys
from importlib.metadata import version
from importlib.resources import files

from quorum.client import Client

assert version("quorum-ocr") == sys.argv[1], version("quorum-ocr")
for name in ("emnist_cnn", "easyocr", "easyocr/handwriting", "trocr"):
    found = list((files("cluster") / "bundled" / name / "openvino").iterdir())
    assert found, f"the wheel lacks the bundled model {name}"
assert (files("deployments") / "gateway/web_ui/files/page.js").is_file(), "the wheel lacks the web page"
with Client("http://127.0.0.1:9", timeout_s=2.0) as client:
    try:
        client.status()
    except Exception as error:
        assert "127.0.0.1:9" in str(error), error
END
echo "$wheel: $(stat -c %s "$wheel" | numfmt --to=si)B, tried in an environment of its own"
