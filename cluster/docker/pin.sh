#!/usr/bin/env bash
# Digests of the images in images.env: a tag can come to mean another image tomorrow, a digest cannot.
#
#   pin.sh            asks the registries, and writes the digest behind the tag of each image
#   pin.sh --show     asks, and prints what would be written
#   pin.sh --check    asks nobody; fails when an image has no digest
set -euo pipefail

file=$(dirname "$0")/images.env

# What is behind the tag now, of every platform.
digest() { docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'; }

pinned() {
    local line image found
    while IFS= read -r line; do
        if [[ $line == *_IMAGE=* ]]; then
            image=${line#*=}
            image=${image%@*}
            found=$(digest "$image")
            [[ $found =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "pin.sh: no digest of $image: $found" >&2; return 1; }
            line=${line%%=*}=$image@$found
        fi
        printf '%s\n' "$line"
    done <"$file"
}

check() {
    local loose
    if loose=$(grep -E '_IMAGE=' "$file" | grep -vE '@sha256:[0-9a-f]{64}$'); then
        printf 'no digest: %s\n' $loose >&2
        echo "run cluster/docker/pin.sh where the registries can be reached, and commit images.env" >&2
        return 1
    fi
}

case ${1:-} in
--show) pinned ;;
--check) check ;;
"")
    text=$(pinned)
    printf '%s\n' "$text" >"$file"
    ;;
*)
    echo "pin.sh: what is '$1'?" >&2
    exit 2
    ;;
esac
