#!/usr/bin/env bash
# ray 2.60.0: "ray start --node-ip-address 127.0.0.1" listens on every interface of the machine, and so does 127.0.0.2.
#
# On Linux Ray replaces 127.0.0.1 by the address of a network interface. Any other address, a loopback one too, is only
# what a node tells others: its C++ processes bind to the address alone when it is exactly 127.0.0.1, and to every
# interface otherwise. So whoever wants several nodes on one machine, at 127.0.0.2 and 127.0.0.3, or none that others
# can reach, gets ports that are open to the network. With RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0, a variable that by its
# name is for other systems, 127.0.0.1 is taken as it is; a second node is refused then.
#
# The machine needs a network interface besides loopback. Each start lasts for some seconds and wants a token.
#
# Seen on 2026-11-30 with ray 2.60.0, Python 3.11 on Linux:
#   127.0.0.1: gcs_server on every interface, raylet on every interface
#   127.0.0.2: gcs_server on every interface, raylet on every interface
#   127.0.0.1, RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0: gcs_server on loopback, raylet on loopback
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet ray==2.60.0 psutil==7.2.2
cat > "$folder/try.py" <<'PYTHON'
import ipaddress
import os
import secrets
import socket
import subprocess
import sys
import time

import psutil

FOLDER = sys.argv[1]
PORTS = {"gcs_server": 1, "raylet": 2}
"""How many ports each process opens at least."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(head):
    """The addresses that each process listens at, when all are there."""
    for _ in range(240):
        time.sleep(0.5)
        found = {name: [] for name in PORTS}
        for process in head.children(recursive=True):
            try:
                if process.name() in found:
                    sockets = process.net_connections("tcp")
                    found[process.name()] += [each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN]
            except psutil.NoSuchProcess:
                continue
        if all(len(found[name]) >= ports for name, ports in PORTS.items()):
            return found
    raise TimeoutError("Ray has not started")


def in_words(addresses):
    if all(address in ("::", "0.0.0.0") for address in addresses):
        return "on every interface"
    alone = all(ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback for address in addresses)
    return "on loopback" if alone else f"on {sorted(addresses)}"


def tried(name, address, settings):
    home = f"{FOLDER}/{name}"
    os.mkdir(home)
    command = [f"{FOLDER}/env/bin/ray", "start", "--head", "--block", f"--node-ip-address={address}", f"--temp-dir={home}"]
    command += [f"--port={free_port()}", f"--dashboard-agent-listen-port={free_port()}", "--num-cpus=0"]
    command += ["--include-dashboard=false", "--disable-usage-stats"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"HOME": home, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **settings}
    with open(f"{home}/log", "w") as log:
        started = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        head = psutil.Process(started.pid)
        try:
            found = listening(head)
        finally:
            processes = [head, *head.children(recursive=True)]
            head.terminate()
            for process in psutil.wait_procs(processes, timeout=60)[1]:
                process.kill()
    return ", ".join(f"{name} {in_words(addresses)}" for name, addresses in found.items())


print("127.0.0.1:", tried("a", "127.0.0.1", {}))
print("127.0.0.2:", tried("b", "127.0.0.2", {}))
one_node = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
print("127.0.0.1, RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0:", tried("c", "127.0.0.1", one_node))
PYTHON
"$folder/env/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
