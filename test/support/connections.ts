// TCP connections that stay, between a test's namespaces: an echo, and what a program sees that says one thing after the other.
// Not here: a question and its answer (sockets.ts).
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { literal, type Place } from './sockets.js';

/** Far longer than an answer takes on a machine that does much else. */
const ANSWER_MS = 10_000;

/** A server that sends back what it hears, by whatever connection; everything that it has heard. */
export async function echoOn(t: TestContext, place: Place, port: number): Promise<readonly string[]> {
  const heard: string[] = [];
  const server = createServer(socket => {
    t.after(() => socket.destroy());
    socket
      .on('error', () => {})
      .on('data', data => socket.write(`${heard.at(heard.push(String(data)) - 1)}`));
  });
  place.within(() => void server.listen(port));
  if (!server.listening) await once(server, 'listening');
  t.after(() => server.close());
  return heard;
}

interface Connection {
  /** What comes back: the echo, the errno's name, or `nothing`. */
  say(word: string): Promise<string>;
}

/** A connection that is there until the test ends. */
export async function connectFrom(
  t: TestContext,
  from: Place,
  host: string,
  port: number,
): Promise<Connection> {
  const socket = from.within(() => {
    // A name, because what is an address is connected to in a later turn.
    const lookup: typeof literal = (_name, options, done) => literal(host, options, done);
    return connect({ host: 'there', port, lookup, autoSelectFamily: false });
  });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return {
    say: word =>
      new Promise(resolve => {
        const timer = setTimeout(() => resolve('nothing'), ANSWER_MS);
        const come = (text: string): void => {
          clearTimeout(timer);
          socket.removeAllListeners('data').removeAllListeners('error');
          resolve(text);
        };
        socket.on('data', data => come(String(data)));
        socket.on('error', (err: NodeJS.ErrnoException) => come(err.code ?? err.message));
        socket.write(word);
      }),
  };
}
