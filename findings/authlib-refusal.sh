#!/bin/sh
# Authlib 1.6.6 (PyPI), requests client. A token endpoint refuses a refresh with 429 and a JSON body
# that holds no member "error", as a gateway's often does.
# Expected: an exception, and a session that keeps its tokens.
# Seen: refresh_token() answers the refusal's body as the token, and the session has lost its access
# token.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir"
"$dir/bin/pip" -q --disable-pip-version-check install authlib==1.6.6 requests==2.32.5
cat > "$dir/try.py" <<'PY'
import http.server
import json
import threading
import warnings

warnings.filterwarnings("ignore")
from authlib.integrations.requests_client import OAuth2Session


class Busy(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"message": "too many requests"}).encode()
        self.send_response(429)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
token = {"access_token": "old", "refresh_token": "r", "token_type": "Bearer", "expires_at": 1}
session = OAuth2Session("id", "secret", token=token)
answer = session.refresh_token(f"http://127.0.0.1:{server.server_port}/token")
print(json.dumps(answer), session.token.get("access_token"))
PY
seen=$("$dir/bin/python" "$dir/try.py")
echo "seen: $seen"
[ "$seen" = '{"message": "too many requests", "refresh_token": "r"} None' ]
