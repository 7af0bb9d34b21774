#!/bin/sh
# moto 5.1.18 (PyPI), its S3 server: PUTs to a presigned address with a Content-MD5 of other bytes,
# and with one that is no digest.
# Expected: 400 BadDigest and 400 InvalidDigest, and no object, as Amazon's S3 answers.
# Seen: 200 twice, and the object is there. A client's check of damaged uploads cannot be tested
# with it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir"
"$dir/bin/pip" -q --disable-pip-version-check install 'moto[s3]==5.1.18' flask==3.1.2 flask-cors==6.0.1 requests==2.32.5
cat > "$dir/try.py" <<'PY'
import base64
import hashlib
import logging

import boto3
import requests
from moto.server import ThreadedMotoServer

logging.disable(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
address = "http://%s:%s" % server.get_host_and_port()
keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
s3 = boto3.client("s3", endpoint_url=address, **keys)
s3.create_bucket(Bucket="bucket")
url = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "k"}, ExpiresIn=600)
other = base64.b64encode(hashlib.md5(b"other").digest()).decode()
for digest in (other, "zzz"):
    print(requests.put(url, data=b"bytes", headers={"Content-MD5": digest}).status_code, end=" ")
print(s3.head_object(Bucket="bucket", Key="k")["ContentLength"])
server.stop()
PY
seen=$("$dir/bin/python" "$dir/try.py" 2>/dev/null | tail -1)
echo "seen: $seen"
[ "$seen" = "200 200 5" ]
