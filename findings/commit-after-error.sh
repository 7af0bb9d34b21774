#!/bin/sh
# PGlite 0.5.14 (npm) and psycopg 3.3.2 (PyPI), on PGlite's PostgreSQL. A transaction inserts a row;
# a later statement in it fails, and the caller catches that. Then it commits.
# Expected: transaction() rejects, commit() raises: PostgreSQL answers ROLLBACK to such a COMMIT.
# Seen: both end normally, and no row is there.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/py"
"$dir/py/bin/pip" -q --disable-pip-version-check install 'psycopg[binary]==3.3.2'
cd "$dir"
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat > try.py <<'PY'
import sys

import psycopg

host, port = sys.argv[1].split(":")
row = psycopg.connect(host=host, port=port, user="postgres", dbname="postgres", sslmode="disable")
row.execute("insert into t values (2)")
try:
    row.execute("select 1/0")
except psycopg.Error:
    pass
print("psycopg commit()", row.commit(), row.execute("select count(*) from t").fetchone()[0])
PY
cat > try.mjs <<'JS'
import { spawn } from 'node:child_process';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
const db = await PGlite.create();
await db.exec('create table t (x int)');
const answer = await db.transaction(async (tx) => {
  await tx.query('insert into t values (1)');
  await tx.query('select 1/0').catch(() => {});
  return 'done';
});
console.log('PGlite', answer, (await db.query('select count(*)::int as n from t')).rows[0].n);
const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1' });
await server.start();
const python = spawn('py/bin/python', ['try.py', server.getServerConn()], { stdio: 'inherit' });
python.on('exit', (code) => process.exit(code));
JS
seen=$(node try.mjs)
echo "seen: $seen"
[ "$seen" = "PGlite done 0
psycopg commit() None 0" ]
