// Reads what `capture` wrote: commands of ip(8) and wg(8) with the datagrams that went to the kernel and came
// back. And attributes as trees, to compare messages that say the same in another order.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readAttrs } from '../../src/netlink/attributes.js';
import { type Message, readMessages } from '../../src/netlink/message.js';

/** One command and its datagrams. */
export interface Exchange {
  readonly command: string;
  readonly sent: readonly Buffer[];
  readonly received: readonly Buffer[];
  /** Its standard output. */
  readonly printed: readonly string[];
}

/** The commands of `test/golden/<name>.txt`, in order. */
export function readGolden(name: string): Exchange[] {
  // From dist/test/golden.
  const text = readFileSync(new URL(`../../../test/golden/${name}.txt`, import.meta.url), 'utf8');
  const exchanges: { command: string; sent: string[]; received: string[]; printed: string[] }[] = [];
  let current: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    const rest = line.slice(2);
    const exchange = exchanges.at(-1);
    if (line.startsWith('$')) exchanges.push({ command: rest, sent: [], received: [], printed: [] });
    else if (line.startsWith(' ')) current[current.length - 1] += line.slice(1);
    else {
      current = { '>': exchange!.sent, '<': exchange!.received, '=': exchange!.printed }[line[0]!]!;
      current.push(rest);
    }
  }
  return exchanges.map(({ sent, received, ...rest }) => ({
    ...rest,
    sent: unhex(sent),
    received: unhex(received),
  }));
}

const unhex = (texts: string[]): Buffer[] => texts.map(text => Buffer.from(text, 'hex'));

/** The n-th exchange of a command. */
export function golden(name: string, command: string, n = 0): Exchange {
  const found = readGolden(name).filter(exchange => exchange.command === command)[n];
  assert.ok(found, `test/golden/${name}.txt has no "${command}" number ${n}`);
  return found;
}

/** The messages that the kernel sent. */
export function replies(exchange: Exchange): Message[] {
  return exchange.received.flatMap(readMessages);
}

/** The first message of a type that the command sent. */
export function request(exchange: Exchange, type: number): Message {
  const found = exchange.sent.flatMap(readMessages).find(message => message.type === type);
  assert.ok(found, `${exchange.command}: no message of type ${type}`);
  return found;
}

/** Which attributes hold attributes; `any` stands for every type. */
export interface Nests {
  readonly [type: number]: Nests;
  readonly any?: Nests;
}

export type Tree = readonly [type: number, value: string | Tree[]][];

/** The attributes sorted by type, without flags and padding: nests as trees, values in hex. */
export function tree(buffer: Buffer, nests: Nests = {}): Tree {
  return readAttrs(buffer)
    .map(({ type, value }): [number, string | Tree] => {
      const inner = nests[type] ?? nests.any;
      return [type, inner ? tree(value, inner) : value.toString('hex')];
    })
    .sort(([a], [b]) => a - b) as unknown as Tree;
}
