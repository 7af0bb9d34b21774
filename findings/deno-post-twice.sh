#!/bin/sh
# Deno 2.9.6, node:http with an agent that keeps connections: a POST on a kept connection, whose
# server takes it whole and closes without an answer.
# Expected: an error, as in Node and Bun: whether it was executed is for the caller to find out.
# Seen: Deno sends the POST again on another connection, and tells of one success. The server has it
# twice.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund deno@2.9.6
cat > post.mjs <<'JS'
import http from 'node:http';
import net from 'node:net';

let records = 0;
const server = net.createServer((socket) => {
  let answered = 0;
  socket.on('error', () => {});
  socket.on('data', (request) => {
    if (request.toString().startsWith('POST /record')) {
      records += 1;
      if (answered > 0) return socket.destroy();
    }
    answered += 1;
    return socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const agent = new http.Agent({ keepAlive: true });
const post = (path) =>
  new Promise((resolve) => {
    const options = { port: server.address().port, path, method: 'POST', agent, headers: { 'content-length': 2 } };
    const request = http.request(options, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)));
    request.on('error', (error) => resolve(error.code));
    request.end('{}');
  });
await post('/first');
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(`told: ${await post('/record')}; the server has it ${records} times`);
process.exit(0);
JS
node=$(node post.mjs)
deno=$(node_modules/.bin/deno run --allow-all post.mjs)
echo "Node: $node"
echo "Deno: $deno"
[ "$node" = 'told: ECONNRESET; the server has it 1 times' ]
[ "$deno" = 'told: 200; the server has it 2 times' ]
