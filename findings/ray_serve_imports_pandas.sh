#!/usr/bin/env bash
# ray[serve] 2.60.0: every replica, proxy and controller imports pandas where some other package has installed it.
#
# Serve has an encoder for a DataFrame in an answer, and for that ray/serve/_private/utils.py imports pandas when it can.
# Whether anything of the application uses pandas does not matter. A replica that answers with a string takes some 80 MB
# more and a second longer to start on the day on which an unrelated package brings pandas along; so do the controller and
# the proxy of each node. Nothing says so, and no setting leaves it out. `RAY_preload_python_modules`, which every worker
# process imports before it is told what to be, may name a module that imports ray.serve while sys.modules["pandas"] is
# None; pandas itself can be imported afterwards.
#
# Seen on 2026-11-30 with ray 2.60.0, pandas 3.1.1, psutil 7.2.2, Python 3.11:
#   without pandas: pandas is not imported
#   with pandas: pandas is imported
#   a replica has at least 40 MB more, and its import of Serve takes at least a quarter longer
#   preloaded: pandas is not imported
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "ray[serve]==2.60.0" psutil==7.2.2
cat > "$folder/leave_pandas_out.py" <<'PYTHON'
import sys

sys.modules["pandas"] = None
import ray.serve

del sys.modules["pandas"]
PYTHON
cat > "$folder/try.py" <<'PYTHON'
import json
import sys
import time

import psutil
import ray
from ray import serve


@serve.deployment
class Greeter:
    def __call__(self) -> tuple[bool, int]:
        import sys

        import psutil

        return "pandas.core.frame" in sys.modules, psutil.Process().memory_info().rss // 2**20


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
imported, megabytes = serve.run(Greeter.bind()).remote().result()
print(json.dumps({"imported": imported, "mb": megabytes}))
PYTHON
run() { (cd "$folder" && env RAY_USAGE_STATS_ENABLED=0 PYTHONPATH="$folder" "${@:2}" env/bin/python try.py 2> "$1.log" | tail -n 1 > "$1.json"); }
seconds() { (cd "$folder" && env/bin/python -c "import time; t = time.process_time(); import ray.serve; print(time.process_time() - t)"); }
seconds > /dev/null
without=$(seconds)
run without
"$folder/env/bin/pip" install --quiet pandas==3.1.1
seconds > /dev/null
with=$(seconds)
run with
run preloaded RAY_preload_python_modules=leave_pandas_out
"$folder/env/bin/python" - "$folder" "$without" "$with" <<'PYTHON' | tee "$folder/seen"
import json
import sys
from pathlib import Path

folder, without_s, with_s = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
seen = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("without", "with", "preloaded")}
says = {True: "pandas is imported", False: "pandas is not imported"}
print("without pandas:", says[seen["without"]["imported"]])
print("with pandas:", says[seen["with"]["imported"]])
more = seen["with"]["mb"] - seen["without"]["mb"]
enough = more >= 40 and with_s >= 1.25 * without_s
told = "at least 40 MB more, and its import of Serve takes at least a quarter longer"
print("a replica has", told if enough else f"{more} MB more; {without_s:.2f} and {with_s:.2f} s")
print("preloaded:", says[seen["preloaded"]["imported"]])
PYTHON
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
