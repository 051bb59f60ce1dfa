// One question to a running daemon, by its control socket; each way to fail is one sentence. Not here: what is asked.

import { request } from 'node:http';
import { DecodeError, errorCode, messageOf, UserError } from '../../base/errors.js';
import { API_VERSION, type Problem } from '../../control/answers.js';

/** How long the daemon may take, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** Of an answer, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * What the daemon answers to a question below its version.
 * @param question such as `status`
 * @param check throws DecodeError for what is no such answer
 * @param within milliseconds
 * @param unwanted nobody wants the answer any more
 * @throws UserError when it does not run, may not be asked, does not answer, or knows no answer
 */
export async function askDaemon<T extends object>(
  socketPath: string,
  question: string,
  check: (answer: unknown) => asserts answer is T,
  within = TIMEOUT_MS,
  unwanted?: AbortSignal,
): Promise<T> {
  const path = `/${API_VERSION}/${question}`;
  const { status, text } = await ask(socketPath, path, within, unwanted).catch(err => {
    throw whyNot(err, socketPath, within);
  });
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (err) {
    throw new UserError(`what answers on ${socketPath} is not dwgd: it gives no JSON`, { cause: err });
  }
  if (status === 200) {
    try {
      check(answer);
      return answer;
    } catch (err) {
      if (!(err instanceof DecodeError)) throw err;
      throw new UserError(
        `the answer of the daemon on ${socketPath} cannot be read (${err.message}): is it of another version?`,
        { cause: err },
      );
    }
  }
  const { error } = (answer ?? {}) as Partial<Problem>;
  throw new UserError(typeof error === 'string' ? error : `the daemon answered ${status} to ${path}`);
}

function ask(
  socketPath: string,
  path: string,
  within: number,
  unwanted: AbortSignal | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(within);
    const asked = request({ socketPath, path, agent: false, signal: late }, answer => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) asked.destroy(new Error(`its answer is larger than ${MAX_BYTES} bytes`));
        else chunks.push(chunk);
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
      answer.on('error', reject);
    });
    unwanted?.addEventListener('abort', () => asked.destroy());
    asked.on('error', reject).end();
  });
}

function whyNot(err: unknown, socketPath: string, within: number): UserError {
  const because = { cause: err };
  switch (errorCode(err)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new UserError(
        `the daemon does not run: nothing answers on ${socketPath}; start it (systemctl start dwgd)`,
        because,
      );
    case 'EACCES':
    case 'EPERM':
      return new UserError(onlyRoot(socketPath), because);
    case 'ECONNRESET':
    case 'EPIPE':
      // So the daemon does with whoever is not root.
      if (process.geteuid!() !== 0) return new UserError(onlyRoot(socketPath), because);
      return new UserError(
        `the daemon closed the connection without an answer (${socketPath}): see journalctl -u dwgd`,
        because,
      );
    default:
      if ((err as Error).name === 'AbortError' || (err as Error).name === 'TimeoutError')
        return new UserError(
          `the daemon does not answer within ${within / 1000} s: see journalctl -u dwgd`,
          because,
        );
      return new UserError(`cannot ask the daemon on ${socketPath}: ${messageOf(err)}`, because);
  }
}

function onlyRoot(socketPath: string): string {
  return `only root may ask the daemon (${socketPath}): use sudo`;
}
