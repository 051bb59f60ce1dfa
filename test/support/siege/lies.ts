// A docker.sock that lies: it redirects, never ends, answers a gigabyte, JSON of nothing but brackets, and networks
// without number. Each question gets the next lie.
import { createServer, type Socket } from 'node:net';
import type { Counts } from './attack.js';

type Lie = readonly [name: string, answer: (socket: Socket) => void];

const MIB = 1024 * 1024;
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

const whole = (text: string): string => `${OK}Content-Length: ${text.length}\r\n\r\n${text}`;

/** Sends a chunk for as long as the other end takes it. */
const endless =
  (head: string, chunk: string) =>
  (socket: Socket): void => {
    socket.write(head);
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  };

const redirect = (location: string): Lie => [
  'redirects',
  socket => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
];

/** JSON that takes far more memory and time than its length lets expect. */
const wide = (bytes: number): string => `[${Array.from({ length: bytes / 3 }, () => '{}').join(',')}]`;

const hostile = { 'dwgd.pubkey': `${'A'.repeat(42)}E=`, 'dwgd.endpoint': 'dead.invalid:1', 'dwgd.seed': 's' };
const described = `{"Options":${JSON.stringify(hostile)},"IPAM":{"Config":[{"Subnet":"10.66.0.0/24"}]},"X":`;

const BY_LENGTH = [MIB / 32, MIB / 32, MIB / 32, MIB / 4, MIB / 32, 7 * MIB].map(
  bytes => `${described}${wide(bytes)}}`,
);
const BRACKETS = '['.repeat(7 * MIB);

/** Of whatever is asked. */
const LIES: readonly Lie[] = [
  redirect('ftp://x/'),
  ['brackets', socket => socket.end(whole(BRACKETS))],
  ['answers without end', endless(CHUNKED, `${(MIB / 8).toString(16)}\r\n${' '.repeat(MIB / 8)}\r\n`)],
  ['gigabytes', endless(`${OK}Content-Length: ${1024 * MIB}\r\n\r\n`, ' '.repeat(MIB / 8))],
  redirect('http+unix:///run/docker.sock/networks'),
  redirect('http://127.0.0.1:1/internal'),
  ['refusals without end', endless('HTTP/1.1 500 No\r\n\r\n', ' '.repeat(MIB / 8))],
  ['heads without end', endless(OK, `X: ${'x'.repeat(1000)}\r\n`)],
  ['answers cut off', socket => socket.end(`${OK}Content-Length: 9\r\n\r\n{`)],
  ['silence', () => undefined],
  ['no HTTP', socket => socket.end('\0\0\0\0\r\n\r\n')],
];

/** How long a stream of events stands; one that ends before five seconds are over is asked for less and less often. */
const EVENTS_MS = 5_200;

export class LyingDocker {
  readonly #counts: Counts;
  #next = 0;
  #asked = 0;

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  /** Listens at a path until the end of the process. */
  listen(path: string): void {
    createServer(socket => {
      socket.on('error', () => undefined);
      socket.once('data', data => this.#answer(socket, /^GET (\S+)/.exec(String(data))?.[1] ?? ''));
    }).listen(path);
  }

  #answer(socket: Socket, path: string): void {
    this.#counts.add('questions of the daemon');
    const n = this.#asked++;
    if (path.startsWith('/events')) {
      if (n % 4 === 3) this.#lie(socket);
      else this.#streamEvents(socket);
    } else if (path.startsWith('/networks?')) {
      if (n % 2 === 1) this.#lie(socket);
      else this.#list(socket, n);
    } else if (n % 32 === 31) {
      this.#lie(socket);
    } else {
      this.#counts.add('networks that do not exist');
      socket.end(whole(BY_LENGTH[n % BY_LENGTH.length]!));
    }
  }

  #streamEvents(socket: Socket): void {
    this.#counts.add('streams of events');
    socket.write(CHUNKED);
    setTimeout(() => socket.destroy(), EVENTS_MS);
  }

  #list(socket: Socket, n: number): void {
    this.#counts.add('lists of 4,000 networks');
    socket.end(whole(JSON.stringify(Array.from({ length: 4000 }, (_, id) => ({ Id: `n${n}-${id}` })))));
  }

  #lie(socket: Socket): void {
    const [name, answer] = LIES[this.#next++ % LIES.length]!;
    this.#counts.add(`lies: ${name}`);
    answer(socket);
  }
}
