#!/bin/sh
# node-sqlite3-wasm 0.8.60 (npm): stores a JavaScript string that holds U+0000, as a parameter.
# Expected: the whole text comes back: SQLite keeps it, and 10 bytes lie in the file.
# Seen: it is cut at the NUL when it is written; 4 bytes are stored, without an error.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund node-sqlite3-wasm@0.8.60
cat > try.mjs <<'JS'
import sqlite from 'node-sqlite3-wasm';
const db = new sqlite.Database(':memory:');
db.run('create table t (x)');
db.run('insert into t values (?)', ['left\0right']);
console.log(JSON.stringify(db.get('select x, hex(x) as stored from t')));
db.close();
JS
seen=$(node try.mjs)
echo "seen: $seen"
[ "$seen" = '{"x":"left","stored":"6C656674"}' ]
