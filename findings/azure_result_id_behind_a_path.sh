#!/usr/bin/env bash
# azure-ai-documentintelligence 1.0.2: where the service lies below a path, a result comes, and its id does not.
#
# The endpoint may have a path: a gateway in front of the service often adds one. Everything works, until somebody asks
# for `poller.details`, which has the id that `get_analyze_result_pdf` and `delete_analyze_result` need. The pattern that
# takes it out of the header Operation-Location wants "/documentintelligence/" right behind the host; where it does not
# match, its match is used all the same.
#
# Seen on 2026-11-30 with azure-ai-documentintelligence 1.0.2, azure-core 1.41.0, Python 3.11, and a service of 25 lines
# that answers as the protocol has it:
#   endpoint http://HOST: content 'Hello', details {'operation_id': '7f3a'}
#   endpoint http://HOST/gateway: content 'Hello', details AttributeError: 'NoneType' object has no attribute 'group'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet azure-ai-documentintelligence==1.0.2 azure-core==1.41.0
cat > "$folder/try.py" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from azure.ai.documentintelligence import DocumentIntelligenceClient
from azure.ai.documentintelligence.models import AnalyzeDocumentRequest
from azure.core.credentials import AzureKeyCredential


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        path = self.path.partition(":analyze")[0]
        self.send_response(202)
        self.send_header("Operation-Location", f"http://{self.headers['host']}{path}/analyzeResults/7f3a?api-version=2024-11-30")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        result = {"apiVersion": "2024-11-30", "modelId": "prebuilt-read", "stringIndexType": "textElements"}
        body = json.dumps({"status": "succeeded", "analyzeResult": {**result, "content": "Hello", "pages": []}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def details(poller):
    try:
        return poller.details
    except Exception as error:
        return f"{type(error).__name__}: {error}"


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
for path in ("", "/gateway"):
    host = f"127.0.0.1:{server.server_port}"
    with DocumentIntelligenceClient(f"http://{host}{path}", AzureKeyCredential("any")) as client:
        poller = client.begin_analyze_document("prebuilt-read", AnalyzeDocumentRequest(bytes_source=b"a file"))
        print(f"endpoint http://HOST{path}: content {poller.result().content!r}, details {details(poller)}")
PYTHON
"$folder/env/bin/python" "$folder/try.py" 2> "$folder/errors" | tee "$folder/seen" || cat "$folder/errors"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
