#!/bin/sh
# clio-manage-api-client 0.1.5 (PyPI): creates a matter in a practice area, as Clio's API takes it:
# practice_area={"id": 5}.
# Expected: {"practice_area": {"id": 5}} in the request, or an error before anything is sent.
# Seen: the client's own validation fails, and the text of its error is sent as the value.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir"
"$dir/bin/pip" -q --disable-pip-version-check install clio-manage-api-client==0.1.5
cat > "$dir/try.py" <<'PY'
import contextlib
import io

from clio_manage_python_client import Manage

sent = []
matters = Manage(access_token="none").create.matters
matters.request_handler = lambda url, method, params, payload, **_: sent.append(payload["data"])
with contextlib.redirect_stdout(io.StringIO()):
    matters(client={"id": 1}, description="Byron v. Babbage", practice_area={"id": 5})
print(sent[0]["client"], list(sent[0]["practice_area"]))
PY
seen=$("$dir/bin/python" "$dir/try.py" 2>/dev/null)
echo "seen: $seen"
[ "$seen" = "{'id': 1} ['error']" ]
