// What the programs of a hostile local user have in common: he is himself, does several things at once until his time is
// up, and counts what came of it. Not here: what he does.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often something was done, by its name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort());
  }
}

/** Becomes a user for good; every child process, too. */
export function become(uid: number): void {
  process.setgroups!([]);
  process.setgid!(uid);
  process.setuid!(uid);
}

/** Does something until it has not failed, with a rest in between. @param rest milliseconds */
export async function insist(rest: number, work: () => unknown): Promise<void> {
  for (;;) {
    try {
      await work();
      return;
    } catch {
      // A connection that was refused, or a socket that is not there just now.
    }
    await sleep(rest);
  }
}

/** Does something again and again, with a rest in between; what fails is tried again. @param rest milliseconds */
export async function forever(rest: number, work: () => unknown): Promise<never> {
  for (;;) {
    await insist(rest, work);
    await sleep(rest);
  }
}

/** What a user calls his own plugin socket by. */
export type Call = (method: string, body: unknown) => Promise<string>;

/** A call of the protocol; the error in the answer, or `''`. @throws Error when there is no answer */
export function callBy(path: () => string): Call {
  return (method, body) =>
    new Promise((resolve, reject) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const options = { socketPath: path(), method: 'POST', path: `/NetworkDriver.${method}`, agent: false };
      const asked = request(options, answer => {
        let said = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          said += part;
        });
        answer.on('error', reject).on('end', () => {
          // The server itself answers without a body.
          if (answer.statusCode === 408 || said === '') reject(new Error('no answer'));
          else resolve((JSON.parse(said) as { Err?: string }).Err ?? '');
        });
      });
      asked.on('error', reject).end(text);
    });
}
