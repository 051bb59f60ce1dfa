// nftables of the namespace of the calling thread: carry out a transaction, look at what is there. Synchronous, so that
// it can be used in a window of another namespace. What holds a socket is let go later, because closing one waits until
// the kernel has destroyed what a transaction took away. Not here: what is written (ruleset.ts).

import { LibNftables, NFT_CTX_OUTPUT_JSON } from '../../native/libnftables.js';
import { ChannelError } from '../base/errors.js';
import { formatAddress } from '../base/ip.js';
import type { Trace } from '../base/trace.js';
import { type Connection, DUMP_BUFFER_BYTES, GUARDED, openConnection } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import { decodeFlow, deleteFlowRequest, type Flow, getFlowsRequest } from './conntrack.js';
import {
  decodeTableName,
  getChainsRequest,
  getRulesRequest,
  getSetsRequest,
  getTableRequest,
  getTablesRequest,
  NETLINK_NETFILTER,
  type StampedTableAnswers,
} from './messages.js';
import { type NftFamily, type NftTable, type NftTransaction, nftCommand, nftScript } from './table.js';
import { decodeSnapshot, type TableSnapshot } from './table-snapshot.js';

type TableName = Pick<NftTable, 'family' | 'name'>;

/** The kernel has destroyed by then what a transaction took away. */
const RELEASE_AFTER_MS = 50;
/**
 * What may wait to be let go at once: each has a socket, a context some 150 KB beside it. Beyond, the oldest go in one
 * lot, so that only the first of them may have to wait.
 */
const RELEASE_BEYOND = 32;
const RELEASE_LOT = 24;
/** In UTF-16 units: what libnftables quotes may be of any length. */
const REASON_LENGTH = 500;

/** The kernel or libnftables refused a transaction. */
export class NftError extends Error {
  override readonly name = 'NftError';

  /**
   * @param subject what the transaction was for
   * @param reason libnftables' own text, on one line
   * @param transaction what was refused, whole
   */
  constructor(
    readonly subject: string,
    readonly reason: string,
    readonly transaction: NftTransaction,
  ) {
    super(`programming nftables of ${subject}: ${reason}`);
  }
}

export class Nft {
  readonly #library: LibNftables;
  readonly #buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES);
  /** Oldest first. */
  readonly #held: { readonly release: () => void; readonly until: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @throws UserError when libnftables is not installed */
  constructor() {
    this.#library = new LibNftables();
  }

  /** Lets go at once of what is still held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#release(this.#held.length);
  }

  /**
   * Carries out a transaction: all of it or nothing.
   * @param subject whose ruleset it is, for the error
   * @param trace is told the transaction, and if it is refused, each command of it with its number
   * @throws NftError
   */
  apply(transaction: NftTransaction, subject: string, trace?: Trace): void {
    trace?.(nftCommand(transaction));
    const context = this.#library.context(NFT_CTX_OUTPUT_JSON);
    try {
      if (context.run(JSON.stringify(transaction))) return;
      if (trace) for (const line of nftScript(transaction)) trace(line);
      throw new NftError(subject, reasonOf(context.error), transaction);
    } finally {
      this.#releaseLater(() => context.free());
    }
  }

  /**
   * The rules of a chain, for readLook(), and the names of the tables of its family where there are none.
   * @param others whether the tables are wanted anyway
   * @throws OpError; ChannelError when there are more than MOST_ANSWERS
   */
  readStampChain(table: TableName, chain: string, others = false): StampedTableAnswers {
    return this.#ask(socket => {
      const rules = rulesOf(socket, table, chain);
      if (rules.length > 0 && !others) return { rules };
      return { rules, tables: tablesOf(socket, table.family) };
    });
  }

  /** What is in a table. @throws OpError: ENOENT; ChannelError when there is more than MOST_ANSWERS of something */
  snapshot(name: TableName): TableSnapshot {
    return this.#ask(socket => {
      const list = (what: string, request: Request): Buffer[] => {
        const purpose = { op: `listing nftables ${what} of`, subject: name.name };
        return socket.request(request, purpose).map(({ payload }) => payload);
      };
      // In this order: whatever changes between the answers is of a later generation than the first of them.
      return decodeSnapshot(name.name, {
        table: tableOf(socket, name),
        chains: list('chains', getChainsRequest(name.family)),
        sets: list('sets', getSetsRequest(name.family, name.name)),
        rules: list('rules', getRulesRequest(name.family, name.name)),
      });
    });
  }

  /** The tracked flows to a UDP port. @throws OpError; ChannelError when there are more than MOST_ANSWERS */
  flows(port: number): Flow[] {
    const purpose = { op: 'listing flows to udp port', subject: String(port) };
    const replies = ([4, 6] as const).flatMap(family =>
      this.#ask(socket => socket.request(getFlowsRequest(family, port), purpose)),
    );
    return replies.flatMap(({ payload }) => decodeFlow(payload) ?? []);
  }

  /** @throws OpError: ENOENT */
  deleteFlow(flow: Flow, trace?: Trace): void {
    const { address, port } = flow.destination;
    const subject = `${formatAddress(address)} port ${port}`;
    trace?.(`conntrack -D -p udp -d ${formatAddress(address)} --dport ${port}`);
    const purpose = { op: 'letting go of a flow to', subject };
    this.#ask(socket => socket.request(deleteFlowRequest(flow), purpose));
  }

  #ask<T>(question: (socket: Connection) => T): T {
    const socket = openConnection(NETLINK_NETFILTER, { buffer: this.#buffer, limits: GUARDED });
    try {
      return question(socket);
    } finally {
      // Nothing was taken away of late: there is nothing that the kernel would have to wait for.
      if (this.#held.length === 0) socket.close();
      else this.#releaseLater(() => socket.close());
    }
  }

  #releaseLater(release: () => void): void {
    this.#held.push({ release, until: performance.now() + RELEASE_AFTER_MS });
    if (this.#held.length > RELEASE_BEYOND) this.#release(RELEASE_LOT);
    this.#timer ??= setTimeout(() => this.#tick(), RELEASE_AFTER_MS);
  }

  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    const young = this.#held.findIndex(({ until }) => until > now);
    this.#release(young < 0 ? this.#held.length : young);
    const [oldest] = this.#held;
    if (oldest) this.#timer = setTimeout(() => this.#tick(), oldest.until - now);
  }

  #release(count: number): void {
    for (const { release } of this.#held.splice(0, count)) release();
  }
}

function rulesOf(socket: Connection, { family, name }: TableName, chain: string): Buffer[] {
  const purpose = { op: 'listing nftables chain', subject: `${name} ${chain}` };
  const replies = socket.request(getRulesRequest(family, name, chain), purpose);
  return replies.map(({ payload }) => payload);
}

/** @throws OpError: ENOENT */
function tableOf(socket: Connection, { family, name }: TableName): Buffer {
  const purpose = { op: 'reading nftables table', subject: name };
  const [table] = socket.request(getTableRequest(family, name), purpose);
  if (!table) throw new ChannelError(`${purpose.op} ${name}: an answer without it`);
  return table.payload;
}

/** A question for one that may be missing would be answered by an error, which is dear to make. */
function tablesOf(socket: Connection, family: NftFamily): string[] {
  const purpose = { op: 'listing nftables tables of', subject: family };
  const replies = socket.request(getTablesRequest(family), purpose);
  return replies.flatMap(({ payload }) => decodeTableName(payload) ?? []);
}

/** The first complaint, without the position that says nothing in JSON. */
function reasonOf(error: string): string {
  const [first] = error.split('\n').filter(line => line.trim() !== '');
  return first?.replace(/^\S+: Error: /, '').slice(0, REASON_LENGTH) ?? 'refused without a reason';
}
