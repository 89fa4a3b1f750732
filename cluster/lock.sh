# Reads requirements.lock and the files of its form; setup.sh and docker/install.sh source it. An entry is a line that pins
# a distribution, and after it a line for the sha256 of each of its files.

# locked NAME [FILE]: the version that FILE (default requirements.lock) pins.
locked() { sed -n "s/^$1==\([^ ;]*\).*/\1/p" "${2:-requirements.lock}"; }

# entries FILE PATTERN: the entries of the distributions whose whole name matches the extended regular expression.
entries() { awk -v pattern="^($2)==" '/^[^ ]/ { wanted = $0 ~ pattern } wanted' "$1"; }

# other_entries FILE PATTERN: those of all others.
other_entries() { awk -v pattern="^($2)==" '/^[^ ]/ { wanted = $0 !~ pattern } wanted' "$1"; }

# What the build of torch for the CPU alone is, or needs nothing of.
torch_and_cuda='torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+'

# torch_for_cpus: the entries of torch and torchvision, a line each: those of TORCH_LOCK, with hashes, or requirements.lock's
# versions, without. Fails when TORCH_LOCK names other versions.
torch_for_cpus() {
    local name version
    for name in torch torchvision; do
        version=$(locked "$name")
        if [[ -z ${TORCH_LOCK:-} ]]; then
            echo "$name==$version"
        elif ! tr -s ' \n' '\n' <<<"$TORCH_LOCK" | awk -v start="$name==$version" '
            /==/ { wanted = $0 == start || index($0, start "+") == 1 }
            wanted { printf "%s ", $0; hashes += /^--hash=sha256:/ }
            END { print ""; exit !hashes }'; then
            echo "TORCH_LOCK has no \"$name==$version+cpu --hash=sha256:...\"" >&2
            return 1
        fi
    done
}
