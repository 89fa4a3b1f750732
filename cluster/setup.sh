#!/usr/bin/env bash
# Makes the environment that everything here runs in: `make setup` calls it, from the top of the project.
#
#   cluster/setup.sh VENV           makes or completes the virtual environment VENV, and touches VENV/.ready at the end
#   cluster/setup.sh VENV PROGRAM.. then installs the system packages of these names whose program is missing: what
#                                   only tests need
#
# Variables: PYTHON (the interpreter to take), TORCH_INDEX (an index with builds of torch for the CPU alone), TORCH_LOCK (what
# of it: "torch==2.15.0+cpu --hash=sha256:... torchvision==..."), SYSTEM_PACKAGES=skip (never call apt-get; engines whose
# program is missing are then unavailable).
#
# Every file that is installed has a sha256 of requirements.lock, and nothing is built, so that nothing else comes in; but
# for what comes from TORCH_INDEX, which the lock does not know.
#
# Two at once are safe (the second waits, then finds nothing to do), and one that was interrupted starts over. Which
# index packages come from is pip's and uv's own configuration, not known here.
set -euo pipefail

# shellcheck source=cluster/lock.sh
. "$(dirname "$0")/lock.sh"

venv=${1:?usage: cluster/setup.sh VENV [PROGRAM...]}
programs=("${@:2}")
ready=$venv/.ready
unfinished=$venv/.unfinished

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    say "$@"
    exit 1
}

is_new_enough() { "$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Quorum needs Python 3.11 or newer, and found none (looked for: ${PYTHON:-python3.11, 3.12, 3.13, python3})." \
        "Install one (Debian: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.11"
}

install_system_packages() {
    local root=()
    if [[ ${SYSTEM_PACKAGES:-} == skip ]]; then
        say "without the system packages $*, as asked (SYSTEM_PACKAGES=skip)"
        return
    fi
    local remedy="install the system packages yourself: $*; then run make again (or go on without: SYSTEM_PACKAGES=skip)"
    command -v apt-get >/dev/null || fail "apt-get is not here; $remedy"
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || fail "apt-get needs root, and sudo is not here; $remedy"
        root=(sudo)
    fi
    say "installing the system packages $*"
    local install=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@")
    "${install[@]}" || { "${root[@]}" apt-get update && "${install[@]}"; } || fail "apt-get did not succeed; $remedy"
}

# Tesseract and its data of the languages that it is to read (ocr/text/languages.py), one package a line.
tesseract_packages=$(dirname "$0")/tesseract-packages.txt

have_tesseract_data() {
    local program=${TESSERACT_CMD:-tesseract} known package
    command -v "$program" >/dev/null || return
    known=$("$program" --list-langs 2>/dev/null) || return
    while read -r package; do
        package=${package#tesseract-ocr} && package=${package#-}
        [[ -z $package ]] || grep -qx "${package//-/_}" <<<"$known" || return
    done <"$tesseract_packages"
}

install_tesseract_data() {
    local packages
    mapfile -t packages <"$tesseract_packages"
    install_system_packages "${packages[@]}"
}

make_venv() {
    local python version
    if [[ -e $unfinished ]]; then
        say "the last setup was interrupted: starting over"
    elif is_new_enough "$venv/bin/python"; then
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
        return
    fi
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # Debian keeps what makes environments in a package of its own.
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_system_packages "python$version-venv"
    say "making $venv with $python (Python $version)"
    # --clear would delete the lock that we hold, so what an unusable environment left is removed by name.
    rm -rf "$venv"/bin "$venv"/lib "$venv"/lib64 "$venv"/include "$venv"/pyvenv.cfg "$unfinished"
    "$python" -m venv "$venv"
}

make_uv() {
    entries requirements.lock uv >"$venv/.uv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r "$venv/.uv"
    # uv does not read pip's configuration; whoever set an index for pip means it for us too.
    local index
    index=$("$venv/bin/python" -m pip config get global.index-url 2>/dev/null) || index=
    if [[ -n ${PIP_INDEX_URL:-$index} && -z ${UV_DEFAULT_INDEX:-} ]]; then
        export UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$index}
    fi
}

# The lock is complete, so nothing is resolved (--no-deps).
install() { "$venv/bin/python" -m uv pip install --python "$venv/bin/python" --no-deps "$@"; }
install_locked() { install --require-hashes --only-binary :all: "$@"; }

install_torch_for_cpus() {
    torch_for_cpus >"$venv/.torch"
    if [[ -n ${TORCH_LOCK:-} ]]; then
        install_locked --default-index "$TORCH_INDEX" -r "$venv/.torch"
    else
        say "torch comes from TORCH_INDEX unchecked, the lock does not know its files (name them: TORCH_LOCK)"
        install --only-binary :all: --default-index "$TORCH_INDEX" -r "$venv/.torch"
    fi
}

# Ray starts half a dozen processes at once and gives them 15 s to come up; compiling what they import takes that long
# on two slow cores. The second row is what every run of the tests and every command starts with, and would compile each
# time where Python is told to write no bytecode, as in many images.
compile_what_starts_often() {
    local site
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    "$venv/bin/python" -m compileall -q -j 0 "$site"/ray/{_common,_private,autoscaler,core,dashboard,serve,util} \
        "$site"/{aiohttp,fastapi,google,grpc,opentelemetry,pydantic,starlette} \
        "$site"/{_pytest,anyio,hypothesis,httpx,limits,numpy,PIL,pikepdf,rich,schemathesis,scipy,sklearn,typer,yaml} \
        >/dev/null || true # a file that does not compile is not needed here
}

install_packages() {
    touch "$unfinished"
    if [[ -n ${TORCH_INDEX:-} ]]; then
        # A torch for the CPU alone comes from its own index, and needs none of the CUDA libraries.
        other_entries requirements.lock "$torch_and_cuda" >"$venv/.without-cuda"
        install_locked -r "$venv/.without-cuda"
        install_torch_for_cpus
    else
        install_locked -r requirements.lock
    fi
    # Last, because paddlex brings opencv-contrib-python, whose cv2 is the same folder but needs libGL.
    entries requirements.lock opencv-python-headless >"$venv/.opencv"
    install_locked --quiet --reinstall --offline -r "$venv/.opencv" || install_locked --reinstall -r "$venv/.opencv"
    install --quiet --no-build-isolation --editable .
    compile_what_starts_often
    rm "$unfinished"
}

install_programs() {
    local named missing=()
    for named in "$@"; do # a program, or its package and it: iproute2=ip; or a file of it: libpdfbox2-java=/usr/...
        [[ ${named#*=} == /* && -e ${named#*=} ]] || command -v "${named#*=}" >/dev/null || missing+=("${named%%=*}")
    done
    ((${#missing[@]} == 0)) || install_system_packages "${missing[@]}"
}

mkdir -p "$venv"
if command -v flock >/dev/null; then
    exec 9>"$venv/.setup-lock" # .lock is uv's own
    flock --nonblock 9 || { say "another setup is at work in $venv; waiting for it"; flock 9; }
fi
if [[ $ready -nt requirements.lock && $ready -nt pyproject.toml && $ready -nt $0 && $ready -nt $(dirname "$0")/lock.sh &&
    $ready -nt $tesseract_packages && -z ${FORCE:-} ]]; then
    install_programs "${programs[@]}"
    exit 0
fi
have_tesseract_data || install_tesseract_data
make_venv
make_uv
install_packages
install_programs "${programs[@]}"
touch "$ready"
say "ready"
