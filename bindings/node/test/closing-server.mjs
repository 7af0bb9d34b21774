// `closing-server.mjs`: answers every request, and closes the connection at a random moment around
// the one at which the next request is written. It prints its port and that of a server that tells,
// as JSON, how often each path came.
import http from 'node:http';
import net from 'node:net';

const LONGEST_MS = 0.6;
const paths = Object.create(null);

/** Calls back after so many milliseconds, which may be a small part of one. */
function soon(ms, done) {
  const end = performance.now() + ms;
  const look = () => (performance.now() < end ? setImmediate(look) : done());
  look();
}

const closing = net.createServer({ noDelay: true }, (socket) => {
  let head = '';
  let answered = 0;
  socket.on('error', () => {}).on('data', (bytes) => {
    head += bytes.toString('latin1');
    const ends = head.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (ends === -1 || head.length < ends + 4 + length) return;
    const path = head.split(' ')[1];
    paths[path] = (paths[path] ?? 0) + 1;
    head = '';
    answered += 1;
    const until = answered;
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    soon(Math.random() * LONGEST_MS, () => {
      // Not while a request is on its way: its answer is owed.
      if (answered === until && head === '') socket.destroy();
    });
  });
});
const telling = http.createServer((_, response) => response.end(JSON.stringify(paths)));
const listening = [closing, telling].map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))));
console.log((await Promise.all(listening)).join(' '));
