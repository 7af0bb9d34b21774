#!/bin/sh
# pg 8.23.0 and postgres 3.4.8 (npm). A connection URI that names two servers, as libpq, psycopg,
# pgjdbc and the crate tokio-postgres take it for failover.
# Expected: both servers are known, or the URI is refused as one that this driver does not support.
# Seen: postgres knows both. pg keeps the list as the name of one host, which no resolver knows, so
# that the failure looks like one of the network.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund pg@8.23.0 postgres@3.4.8
cat > try.mjs <<'JS'
import pg from 'pg';
import postgres from 'postgres';

const uri = 'postgres://reader@db1.example,db2.example/records';
console.log('pg:', JSON.stringify(new pg.Client({ connectionString: uri }).host));
console.log('postgres:', JSON.stringify(postgres(uri).options.host));
JS
seen=$(node try.mjs)
echo "$seen"
[ "$seen" = 'pg: "db1.example,db2.example"
postgres: ["db1.example","db2.example"]' ]
