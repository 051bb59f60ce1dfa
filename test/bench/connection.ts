// A kept-alive connection to the daemon, held by the program call.c, which does the timing.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { daemonSocket } from '../support/lab.js';

const PROGRAM = `${import.meta.dirname}/call`;

/** Sixty-four hexadecimal digits, as Docker's ids are. */
export const newId = (): string => randomBytes(32).toString('hex');

export class Connection {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor(path: string = daemonSocket) {
    this.#child = spawn(PROGRAM, [path]);
    this.#child.stderr.pipe(process.stderr);
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  close(): void {
    this.#child.stdin.end();
  }

  /** One call, such as `NetworkDriver.Join`; how many milliseconds it took. @throws Error with the driver's own sentence */
  async call(method: string, body: object): Promise<number> {
    this.#child.stdin.write(`/${method} ${JSON.stringify(body)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${method}: the connection is lost`);
    const [, ms, status, answer] = /^(\S+) (\S+) (.*)$/.exec(value)!;
    if (status !== '200') throw new Error(`${method}: ${answer}`);
    return Number(ms);
  }
}
