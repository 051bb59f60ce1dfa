// A read-only proxy of Docker's API, by TCP on the loopback: whatever is no GET is refused. proxy.js PORT SOCKET
import { createServer, request } from 'node:http';

const [port, socketPath] = process.argv.slice(2);
createServer((asked, answer) => {
  // The command docker asks by HEAD whether anybody is there.
  if (asked.method !== 'GET' && asked.method !== 'HEAD') {
    answer.writeHead(403).end('only GETs go through here\n');
    return;
  }
  const { method, url, headers } = asked;
  const forwarded = request({ socketPath, method, path: url, headers }, response => {
    answer.writeHead(response.statusCode!, response.headers);
    // Of a list of events that lasts the head goes at once.
    answer.flushHeaders();
    response.pipe(answer);
  });
  forwarded.on('error', err => answer.destroy(err));
  answer.on('close', () => forwarded.destroy());
  forwarded.end();
}).listen(Number(port), '127.0.0.1');
