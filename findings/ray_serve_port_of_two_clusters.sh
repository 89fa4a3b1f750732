#!/usr/bin/env bash
# ray[serve] 2.60.0: two clusters on one machine serve at the same port without an error, and share its requests.
#
# Serve's HTTP proxy opens its port with SO_REUSEPORT, so that a new proxy can take over from an old one. On Linux that
# lets any other process of the same user do the same: a second cluster (another head, another temp folder, another
# application) that is started with the same HTTP port comes up as healthy. The kernel then hands each new connection to
# one proxy or the other. What a client sees is a service that answers now this, now that, or 404 every other time,
# while both clusters report that they run. A server that binds as most do gets "address already in use" instead.
#
# Seen on 2026-11-30 with ray 2.60.0, Python 3.11 on Linux:
#   both clusters are up: True
#   who answers 60 connections to one port: ['first', 'second']
#   http.server beside them: [Errno 98] Address already in use
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "ray[serve]==2.60.0"
cat > "$folder/served.py" <<'PYTHON'
import sys
import time

import ray
from ray import serve

name, port, home = sys.argv[1], int(sys.argv[2]), sys.argv[3]


@serve.deployment(ray_actor_options={"num_cpus": 0})
class Answer:
    async def __call__(self, request):
        return name


ray.init("local", num_cpus=1, include_dashboard=False, _temp_dir=home, configure_logging=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(Answer.bind(), route_prefix="/")
print("up", flush=True)
time.sleep(600)
PYTHON
cat > "$folder/try.py" <<'PYTHON'
import http.server
import os
import socket
import subprocess
import sys
import urllib.request

FOLDER = sys.argv[1]
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]

environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
started = []
try:
    for name in ("first", "second"):
        command = [f"{FOLDER}/env/bin/python", f"{FOLDER}/served.py", name, str(PORT), f"{FOLDER}/{name}"]
        log = open(f"{FOLDER}/{name}.log", "w")
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True))
    said = [next((line for line in each.stdout if line.startswith("up")), "") for each in started]
    print("both clusters are up:", all(said))
    answers = {urllib.request.urlopen(f"http://127.0.0.1:{PORT}/").read().decode() for _ in range(60)}
    print("who answers 60 connections to one port:", sorted(answers))
    try:
        http.server.HTTPServer(("127.0.0.1", PORT), http.server.BaseHTTPRequestHandler)
    except OSError as error:
        print("http.server beside them:", error)
finally:
    for each in started:
        each.terminate()
    for each in started:
        each.wait(60)
PYTHON
"$folder/env/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
