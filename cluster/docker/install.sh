#!/usr/bin/env bash
# The steps of the Dockerfile that are more than one command. Run in the folder that has pyproject.toml.
#
#   install.sh begin                 makes the virtual environment, with the uv that the lock names
#   install.sh extras EXTRA...       installs what these extras of pyproject.toml need, as the lock pins it, and Quorum
#   install.sh card FRAMEWORK        makes /opt/quorum-FRAMEWORK for engines on a card: cluster/gpu/FRAMEWORK.txt, and Quorum
#   install.sh models PACK           unpacks a file of the build's folder, made by `quorum models pack`; "" is none
#
# Variables: QUORUM_VENV (default /opt/quorum), TORCH_INDEX (an index with builds of torch for the CPU alone),
# PIP_INDEX_URL.
set -euo pipefail

step=${1:?usage: install.sh begin | extras EXTRA... | card FRAMEWORK | models PACK}
shift

[[ $step != card ]] || QUORUM_VENV=/opt/quorum-${1:?which framework?}
venv=${QUORUM_VENV:-/opt/quorum}
python=$venv/bin/python

locked() { sed -n "s/^$1==\([^ ;]*\).*/\1/p" "${2:-requirements.lock}"; }
install() { "$python" -m uv pip install --python "$python" --no-cache --no-deps "$@"; }

begin() {
    python3 -m venv "$venv"
    "$python" -m pip install --no-cache-dir --disable-pip-version-check "uv==$(locked uv)"
}

# The part of the lock that the extras need.
choose() {
    local extra options=()
    for extra in "$@"; do options+=(--extra "$extra"); done
    "$python" -m uv pip compile pyproject.toml "${options[@]}" --constraint requirements.lock \
        --no-annotate --no-header --quiet
    # Quorum itself is built with it, and Ray's workers want it.
    echo "setuptools==$(locked setuptools)"
}

extras() {
    [[ -z ${PIP_INDEX_URL:-} ]] || export UV_DEFAULT_INDEX=$PIP_INDEX_URL
    local chosen torch
    chosen=$(mktemp)
    choose "$@" >"$chosen"
    torch=$(locked torch "$chosen")
    if [[ -n ${TORCH_INDEX:-} && -n $torch ]]; then
        sed -i -E '/^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/d' "$chosen"
        install -r "$chosen"
        install --default-index "$TORCH_INDEX" "torch==$torch" "torchvision==$(locked torchvision)"
    else
        install -r "$chosen"
    fi
    finish "$chosen"
    rm "$chosen"
}

card() {
    [[ -z ${PIP_INDEX_URL:-} ]] || export UV_DEFAULT_INDEX=$PIP_INDEX_URL
    begin
    install -r "cluster/gpu/$1.txt" "setuptools==$(locked setuptools)"
    finish "cluster/gpu/$1.txt"
}

# What comes after the packages of the file.
finish() {
    # Last, because paddlex brings opencv-contrib-python, whose cv2 is the same folder but needs libGL.
    if [[ -n $(locked opencv-python-headless "$1") ]]; then
        install --reinstall "opencv-python-headless==$(locked opencv-python-headless)"
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
