// One GET to Docker's API over its socket. Redirects are not followed, and the size of what is read is bounded, since
// the answer may come from anybody. Not here: what is asked, how long it may take (api-client.ts).

import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { DecodeError, errorCode } from '../base/errors.js';

/** How much of an error's body is read to find the reason, in bytes. */
const REASON_BYTES = 64 * 1024;
/** How much of the reason is shown, in characters. */
const REASON_LENGTH = 300;

/** What a proxy answers to what it does not let through, and Docker itself where an authorization plugin forbids it. */
export const FORBIDDEN = 403;

/** A status other than 200, redirects included. */
export class RefusalError extends Error {
  override name = 'RefusalError';
  constructor(
    readonly statusCode: number,
    path: string,
    reason: string,
  ) {
    const what = statusCode === FORBIDDEN ? `${statusCode}${whatIsForbidden(path)}` : `${statusCode}`;
    super(`Docker answered ${what}${reason === '' ? '' : `: ${reason}`}`);
  }
}

/** The forbidden path without query and ids, and the setting of a proxy that lets it through, which goes by the first word. */
function whatIsForbidden(path: string): string {
  const pattern = path.split('?')[0]!.replace(/^(\/\w+)\/(?!json$)[^/]+/, '$1/*');
  const [, word = ''] = pattern.split('/');
  return ` to GET ${pattern}, which has to be let through (docker-socket-proxy: ${word.toUpperCase()}=1)`;
}

/** The connection went away before the answer was whole. One text by default, whichever system call has noticed. */
export class BrokenError extends Error {
  override name = 'BrokenError';
  constructor(message = 'the answer of Docker broke off', options?: ErrorOptions) {
    super(message, options);
  }
}

/** One text for every way in which a connection breaks; whatever else as it is. */
export function brokenAlike(err: unknown): unknown {
  const isBroken = err instanceof BrokenError || ['ECONNRESET', 'EPIPE'].includes(errorCode(err) ?? '');
  return isBroken ? new BrokenError(undefined, { cause: err }) : err;
}

/** An answer, or one line of it, exceeds its maximum size. */
export class TooLargeError extends Error {
  override name = 'TooLargeError';
  constructor(most: number) {
    super(`the answer of Docker is larger than ${most} bytes`);
  }
}

/**
 * Asks, and gives the body of the answer, of which nothing is read yet.
 * @param options with the path, and the socket's path, `host` and `port`, or `createConnection`
 * @throws RefusalError for any status but 200; BrokenError; the error of the connection
 */
export async function openAnswer(options: RequestOptions): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ ...options, method: 'GET' }, resolve);
    // Of a name with several addresses, each has its own error in it.
    asked.on('error', err => reject(err instanceof AggregateError ? (err.errors[0] ?? err) : err));
    // The connection was upgraded, or closed without an answer and without an error.
    asked.on('close', () => reject(new BrokenError('the connection to Docker ended without an answer')));
    asked.end();
  });
  if (answer.statusCode === 200) return answer;
  const reason = reasonIn(await textOf(answer, REASON_BYTES));
  throw new RefusalError(answer.statusCode ?? 0, options.path ?? '', reason);
}

/**
 * A body as a whole. The iterator of `node:stream/consumers` takes longer, with every answer.
 * @param most bytes
 * @throws TooLargeError; BrokenError; the error of a body that breaks off
 */
export function textOf(body: IncomingMessage, most: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const brokeOff = (): void => reject(new BrokenError());
    // Nobody hears of one that broke off before anybody listened.
    if (body.destroyed) brokeOff();
    body.on('error', reject).on('close', brokeOff);
    if (Number(body.headers['content-length'] ?? 0) > most) body.destroy(new TooLargeError(most));
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) body.destroy(new TooLargeError(most));
      else chunks.push(chunk);
    });
    body.on('end', () => resolve(Buffer.concat(chunks).toString()));
  });
}

/** What a body, or a line of it, says. @throws DecodeError; what `parse` throws besides */
export function parseAnswer<T>(text: string, parse: (text: string) => unknown = JSON.parse): T {
  try {
    return parse(text) as T;
  } catch (err) {
    if (!(err instanceof SyntaxError)) throw err;
    throw new DecodeError("Docker's answer is not JSON", { cause: err });
  }
}

/** Limits on a stream of lines, in bytes. */
interface LineBounds {
  readonly line: number;
  /** Of all lines together. */
  readonly all: number;
}

/**
 * Hands on each line that is not empty. Resolves when the stream ends; a stream that breaks has ended.
 * @throws TooLargeError; whatever `take` throws
 */
export function readLines(stream: Readable, bounds: LineBounds, take: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest: string[] = [];
  let length = 0;
  let size = 0;
  return new Promise((resolve, reject) => {
    const fail = (err: unknown): void => {
      reject(err);
      stream.destroy();
    };
    if (stream.destroyed) resolve();
    stream.on('close', resolve).on('end', resolve).on('error', resolve);
    stream.on('data', (chunk: Buffer) => {
      if (stream.destroyed) return;
      size += chunk.length;
      if (size > bounds.all) return fail(new TooLargeError(bounds.all));
      const [first, ...more] = decoder.write(chunk).split('\n');
      rest.push(first!);
      length += first!.length;
      for (const begun of more) {
        const line = rest.join('');
        rest = [begun];
        length = begun.length;
        if (line.trim() === '') continue;
        try {
          take(line);
        } catch (err) {
          return fail(err);
        }
      }
      if (length > bounds.line) fail(new TooLargeError(bounds.line));
    });
  });
}

/** The path with a query: an object stands for its JSON. */
export function withQuery(path: string, query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) search.set(name, JSON.stringify(value));
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The reason in an error's body: Docker's `{"message": …}`, or the text itself. */
function reasonIn(text: string): string {
  let reason = text;
  try {
    const { message } = JSON.parse(text);
    if (typeof message === 'string') reason = message;
  } catch {
    // Not Docker's JSON: a proxy answered, or something hostile. A page tells nothing.
    if (text.trimStart().startsWith('<')) return '';
  }
  return reason.slice(0, REASON_LENGTH).trim();
}
