// dockerd's end of the daemon's socket: one kept-alive connection, a call at a time, timed from the first byte
// sent to the last received. Hand-made, because an HTTP client in JavaScript would be part of what is measured.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { daemonSocket } from '../lab/lab.js';

/** Sixty-four hexadecimal digits, as Docker's ids are. */
export const newId = (): string => randomBytes(32).toString('hex');

export class Connection {
  readonly #socket: Socket;
  #text = '';
  #answered: ((text: string) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => this.#receive(chunk));
  }

  static async open(path: string = daemonSocket): Promise<Connection> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One call, such as `Join`; how many milliseconds it took. @throws Error with the driver's own sentence */
  async call(method: string, body: object): Promise<number> {
    const path = method.includes('.') ? method : `NetworkDriver.${method}`;
    const text = JSON.stringify(body);
    const request = `POST /${path} HTTP/1.1\r\nHost: dwgd.sock\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: ${text.length}\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\nAccept-Encoding: gzip\r\n\r\n${text}`;
    const answer = new Promise<string>(resolve => {
      this.#answered = resolve;
    });
    const start = performance.now();
    this.#socket.write(request);
    const response = await answer;
    const taken = performance.now() - start;
    if (!response.startsWith('HTTP/1.1 200 ')) throw new Error(`${path}: ${response}`);
    return taken;
  }

  #receive(chunk: string): void {
    this.#text += chunk;
    const head = this.#text.indexOf('\r\n\r\n');
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(this.#text)?.[1];
    if (head < 0 || length === undefined || this.#text.length < head + 4 + Number(length)) return;
    const whole = this.#text;
    this.#text = '';
    this.#answered?.(whole);
  }
}
