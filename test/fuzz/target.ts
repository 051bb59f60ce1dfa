// What is fuzzed: a parser of bytes that others chose, what it may throw, and how much it is given. Not here: the parsers
// one by one (targets.ts).

import { DecodeError, UserError } from '../../src/base/errors.js';
import { RuleError } from '../../src/nft/iptables/syntax/rule.js';
import type { Kind } from './mutator.js';

type ErrorClass = abstract new (...parts: never[]) => Error;

export interface Target {
  /** Of its folder in corpus/, too. */
  readonly name: string;
  readonly kind: Kind;
  /** Whatever it returns is well; what it throws is well if it is of one of these classes. */
  readonly run: (input: Buffer) => unknown;
  readonly throws: readonly ErrorClass[];
  /** Words of the grammar, for the mutator. */
  readonly words: readonly string[];
  /** Bytes of an input. Whatever takes the square of it takes seconds. */
  readonly max: number;
}

type Options = Partial<Pick<Target, 'throws' | 'words' | 'max'>>;

/** Enough for each list in it to be longer than anybody's. */
const MAX = 32 * 1024;

/** A decoder of the kernel's bytes. */
export function ofBytes(name: string, decode: (bytes: Buffer) => unknown, options: Options = {}): Target {
  return { name, kind: 'bytes', run: decode, throws: [DecodeError], words: [], max: MAX, ...options };
}

/** A reader of what a user wrote. */
export function ofText(name: string, read: (text: string) => unknown, options: Options = {}): Target {
  const run = (input: Buffer): unknown => read(input.toString());
  return { name, kind: 'text', run, throws: [], words: [], max: MAX, ...options };
}

/** A reader of trees that came as JSON; what is no JSON never comes to it. */
export function ofJson(name: string, read: (tree: unknown) => unknown, options: Options = {}): Target {
  const run = (input: Buffer): unknown => {
    let tree: unknown;
    try {
      tree = JSON.parse(input.toString());
    } catch {
      return undefined;
    }
    return read(tree);
  };
  return { name, kind: 'json', run, throws: [DecodeError], words: [], max: MAX, ...options };
}

/** Of an error's message: whoever quotes somebody's text quotes the beginning of it. */
const MESSAGE_MAX = 1200;

/** What is wrong with how the target took the input; undefined where nothing is. */
export async function complaint(target: Target, input: Buffer): Promise<string | undefined> {
  try {
    await target.run(input);
    return undefined;
  } catch (err) {
    return complaintAbout(target, err);
  }
}

/** What is wrong with an error that a target threw. */
export function complaintAbout({ throws }: Target, err: unknown): string | undefined {
  if (!throws.some(allowed => err instanceof allowed)) {
    return err instanceof Error ? (err.stack ?? err.message) : `threw ${String(err)}`;
  }
  const { message } = err as Error;
  if (message.length > MESSAGE_MAX) return `a message of ${message.length} characters`;
  if (isForUsers(err) && /\p{Cc}/u.test(message)) return `a control character in ${JSON.stringify(message)}`;
  return undefined;
}

function isForUsers(err: unknown): boolean {
  return err instanceof UserError || err instanceof RuleError;
}
