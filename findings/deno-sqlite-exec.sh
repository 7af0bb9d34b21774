#!/bin/sh
# Deno 2.9.6: the error of `DatabaseSync.exec` of node:sqlite.
# Expected: as in Node, and as Deno's own `prepare(…).run()`, `errcode` 5 (SQLITE_BUSY) where
# another connection holds the lock.
# Seen: `exec` has no `errcode` and no `errstr`; only the text tells a file that is locked from one
# that is broken.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund deno@2.9.6
cat > busy.mjs <<'JS'
import { DatabaseSync } from 'node:sqlite';

const [one, other] = [new DatabaseSync('a.db'), new DatabaseSync('a.db')];
one.exec('CREATE TABLE t (a)');
one.exec('BEGIN IMMEDIATE');
for (const [name, work] of [['exec', () => other.exec('BEGIN IMMEDIATE')], ['run', () => other.prepare('BEGIN IMMEDIATE').run()]]) {
  try {
    work();
  } catch (error) {
    console.log(name, error.message, error.errcode);
  }
}
JS
seen=$(node_modules/.bin/deno run --allow-all busy.mjs)
echo "seen: $seen"
[ "$seen" = 'exec database is locked undefined
run database is locked 5' ]
