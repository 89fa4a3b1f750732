#!/usr/bin/env bash
# s3fs 2026.9.0 (fsspec 2026.9.0): an error inside "with fs.open(path, 'wb')" puts what was written until then in place
# of the object that was there, as if it were complete.
#
# An object store shows an object whole or not at all, so one would think that a program that fails while it writes
# leaves the old object. The exit of fsspec's file does not look at the exception: it closes, which sends the rest and
# completes the upload. Nothing tells the half object from a whole one. smart_open, the other file interface to S3,
# gives the upload up. In "with fs.transaction" s3fs does so too.
#
# Seen on 2026-11-30 with s3fs 2026.9.0, smart-open 9.0.2, moto 5.2.5 as the store, Python 3.11:
#   s3fs, error after 3 MB: the object has 3 MB and is new
#   s3fs, error after 9 MB, sent in parts: the object has 9 MB and is new
#   s3fs in a transaction, error after 9 MB: the object has 1 MB and is old
#   smart_open, error after 9 MB: the object has 1 MB and is old
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet s3fs==2026.9.0 fsspec==2026.9.0 aiobotocore==3.10.0 'smart-open[s3]==9.0.2' 'moto[s3,server]==5.2.5'
cat > "$folder/try.py" <<'PYTHON'
import boto3
import s3fs
import smart_open
from moto.server import ThreadedMotoServer

MB = 1 << 20
KEYS = {"aws_access_key_id": "none", "aws_secret_access_key": "none", "region_name": "us-east-1"}


class PageFailed(Exception):
    """What goes wrong while a file is written."""


def write_until_it_fails(file, megabytes):
    with file:
        for _ in range(megabytes):
            file.write(b"new" + bytes(MB - 3))
        raise PageFailed


def kept(store):
    content = store.get_object(Bucket="results", Key="answer")["Body"].read()
    return f"the object has {len(content) / MB:.0f} MB and is {'new' if content.startswith(b'new') else 'old'}"


def tried(store, what):
    store.put_object(Bucket="results", Key="answer", Body=b"old" + bytes(MB - 3))
    try:
        what()
    except PageFailed:
        return kept(store)
    return "no error"


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
try:
    address = "http://{}:{}".format(*server.get_host_and_port())
    store = boto3.client("s3", endpoint_url=address, **KEYS)
    store.create_bucket(Bucket="results")
    fs = s3fs.S3FileSystem(key="none", secret="none", endpoint_url=address, skip_instance_cache=True)

    def in_a_transaction():
        with fs.transaction:
            write_until_it_fails(fs.open("results/answer", "wb", block_size=5 * MB), 9)

    def with_smart_open():
        settings = {"client": store, "min_part_size": 5 * MB}
        write_until_it_fails(smart_open.open("s3://results/answer", "wb", transport_params=settings), 9)

    cases = {
        "s3fs, error after 3 MB": lambda: write_until_it_fails(fs.open("results/answer", "wb"), 3),
        "s3fs, error after 9 MB, sent in parts": lambda: write_until_it_fails(
            fs.open("results/answer", "wb", block_size=5 * MB), 9
        ),
        "s3fs in a transaction, error after 9 MB": in_a_transaction,
        "smart_open, error after 9 MB": with_smart_open,
    }
    for name, what in cases.items():
        print(f"{name}: {tried(store, what)}")
finally:
    server.stop()
PYTHON
"$folder/env/bin/python" "$folder/try.py" 2> "$folder/errors" | tee "$folder/seen" || cat "$folder/errors"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
