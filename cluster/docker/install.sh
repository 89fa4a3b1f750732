#!/usr/bin/env bash
# The steps of the Dockerfile that are more than one command. Run in the folder that has pyproject.toml.
#
#   install.sh begin                 makes the virtual environment, with the uv that the lock names
#   install.sh extras EXTRA...       installs what these extras of pyproject.toml need, as the lock pins it, and Quorum
#   install.sh card FRAMEWORK        makes /opt/quorum-FRAMEWORK for engines on a card: cluster/gpu/FRAMEWORK.txt, and Quorum
#   install.sh models PACK           unpacks a file of the build's folder, made by `quorum models pack`; "" is none
#
# Variables: QUORUM_VENV (default /opt/quorum), TORCH_INDEX (an index with builds of torch for the CPU alone), TORCH_LOCK
# (what of it: "torch==2.15.0+cpu --hash=sha256:... torchvision==..."), PIP_INDEX_URL. Every file has a sha256 of the lock, but
# for what comes from TORCH_INDEX, which the lock does not know.
set -euo pipefail

# shellcheck source=cluster/lock.sh
. "$(dirname "$0")/../lock.sh"

step=${1:?usage: install.sh begin | extras EXTRA... | card FRAMEWORK | models PACK}
shift

[[ $step != card ]] || QUORUM_VENV=/opt/quorum-${1:?which framework?}
venv=${QUORUM_VENV:-/opt/quorum}
python=$venv/bin/python

install() { "$python" -m uv pip install --python "$python" --no-cache --no-deps "$@"; }
install_locked() { install --require-hashes --only-binary :all: "$@"; }

begin() {
    python3 -m venv "$venv"
    local uv
    uv=$(mktemp)
    entries requirements.lock uv >"$uv"
    "$python" -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r "$uv"
    rm "$uv"
}

# The part of the lock that the extras need; and setuptools, with which Quorum itself is built, and which Ray's workers want.
choose() {
    local extra names options=()
    for extra in "$@"; do options+=(--extra "$extra"); done
    names=$("$python" -m uv pip compile pyproject.toml "${options[@]}" --constraint requirements.lock \
        --no-annotate --no-header --quiet | sed 's/==.*//' | paste --serial --delimiters '|')
    entries requirements.lock "$names|setuptools"
}

extras() {
    [[ -z ${PIP_INDEX_URL:-} ]] || export UV_DEFAULT_INDEX=$PIP_INDEX_URL
    local chosen rest
    chosen=$(mktemp) rest=$(mktemp)
    choose "$@" >"$chosen"
    if [[ -n ${TORCH_INDEX:-} && -n $(locked torch "$chosen") ]]; then
        other_entries "$chosen" "$torch_and_cuda" >"$rest"
        install_locked -r "$rest"
        torch_for_cpus >"$rest"
        if [[ -n ${TORCH_LOCK:-} ]]; then
            install_locked --default-index "$TORCH_INDEX" -r "$rest"
        else
            echo "install.sh: torch comes from TORCH_INDEX unchecked (name its files: TORCH_LOCK)" >&2
            install --only-binary :all: --default-index "$TORCH_INDEX" -r "$rest"
        fi
    else
        install_locked -r "$chosen"
    fi
    finish "$chosen"
    rm "$chosen" "$rest"
}

card() {
    [[ -z ${PIP_INDEX_URL:-} ]] || export UV_DEFAULT_INDEX=$PIP_INDEX_URL
    begin
    local setuptools
    setuptools=$(mktemp)
    entries requirements.lock setuptools >"$setuptools"
    install_locked -r "cluster/gpu/$1.txt" -r "$setuptools"
    rm "$setuptools"
    finish "cluster/gpu/$1.txt"
}

# What comes after the packages of the file.
finish() {
    # Last, because paddlex brings opencv-contrib-python, whose cv2 is the same folder but needs libGL.
    if [[ -n $(locked opencv-python-headless "$1") ]]; then
        local headless
        headless=$(mktemp)
        entries "$1" opencv-python-headless >"$headless"
        install_locked --reinstall -r "$headless"
        rm "$headless"
    fi
    install --no-build-isolation --editable .
    # Nothing is written where it runs, so what is imported is compiled now.
    "$python" -m compileall -q -j 0 "$venv/lib" "$PWD" >/dev/null || true # a file that does not compile is not imported
}

models() {
    [[ -z ${1:-} ]] || quorum models unpack "/context/$1" --model-dir /models
}

case $step in
begin | extras | card | models) "$step" "$@" ;;
*)
    echo "install.sh: there is no step '$step'" >&2
    exit 2
    ;;
esac
