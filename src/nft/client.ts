// nftables of the namespace of the calling thread: carry out a transaction, read what is there. Synchronous, so that
// it can be used in a session in another namespace. Not here: what is written (table.ts), when sockets are let go of
// (sockets.ts).

import { LibNftables, NFT_CTX_OUTPUT_JSON, type NftContext } from '../../native/libnftables.js';
import { ChannelError, TooManyError } from '../base/errors.js';
import { faultPoint } from '../fault/fault-point.js';
import { type Connection, type ConnectionOpener, GUARDED, openConnection } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import type { Trace } from '../netlink/trace.js';
import { changeElements, describeLateRule, type ElementChange, insertRules } from './batches.js';
import type { ForwardChain } from './filter-chain.js';
import { FIREWALL_LIMITS, forwardChainsIn } from './firewalls.js';
import { Conntrack } from './flows-client.js';

import {
  decodeTableUse,
  getChainsRequest,
  getRulesRequest,
  getSetsRequest,
  getTablesRequest,
  type StampedTableAnswers,
} from './messages.js';
import {
  generationOf,
  hasTable,
  payloadsOf,
  rulesOf,
  SET_LIMITS,
  setKeysOf,
  type TableName,
  tableOf,
  tablesOf,
} from './questions.js';
import { NetfilterSockets } from './sockets.js';
import { type NftTransaction, nftCommand, nftScript } from './table.js';
import { decodeSnapshot, type TableSnapshot } from './table-snapshot.js';

/** In UTF-16 units: what libnftables quotes may be of any length. */
const REASON_LENGTH = 500;

/**
 * Tables, chains, sets and objects of a namespace in all: for each transaction libnftables reads every one of them, which
 * takes some 15 µs and a few kilobytes. A transaction may have as many more as it has commands.
 */
export const MAX_OBJECTS = 2_048;
/**
 * Chains and sets that a transaction may make: what has been put in place can always be replaced and taken away, and the
 * rules that come late (batches.ts) fit into one datagram.
 */
const MAX_OWN_OBJECTS = 512;

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

/** What carries out commands of libnftables-json(5). */
interface NftLibrary {
  /** A context in the namespace of the calling thread. */
  context(flags: number): Pick<NftContext, 'run' | 'error' | 'free'>;
}

export class Nft {
  /** The flows that the same namespace tracks. */
  readonly conntrack: Conntrack;
  readonly #library: NftLibrary;
  readonly #sockets: NetfilterSockets;

  /**
   * @param open opens connections to netfilter in the namespace of the calling thread
   * @param library carries out transactions
   * @throws UserError when libnftables is not installed
   */
  constructor(open: ConnectionOpener = openConnection, library: NftLibrary = new LibNftables()) {
    this.#library = library;
    this.#sockets = new NetfilterSockets(open);
    this.conntrack = new Conntrack(this.#sockets);
  }

  /** Lets go at once of what is still held. */
  close(): void {
    this.#sockets.close();
  }

  /**
   * Carries out a transaction: all of it or nothing. What it has of late rules comes after it, in one of their own.
   * @param subject whose ruleset it is, for the error
   * @param trace is told the transaction, and if it is refused, each command of it with its number
   * @throws NftError; OpError when the kernel refuses late rules; ChannelError where the namespace has more than MAX_OBJECTS, or
   *   would get more than MAX_OWN_OBJECTS
   */
  apply(transaction: NftTransaction, subject: string, trace?: Trace): void {
    const own = transaction.nftables.filter(makesObject).length;
    if (own > MAX_OWN_OBJECTS)
      throw new ChannelError(
        `programming nftables of ${subject}: its labels ask for ${own} chains and sets, and ${MAX_OWN_OBJECTS} are the most: give fewer ranges of ports that are forwarded to other ports, or fewer rules that count or keep addresses (connlimit, hashlimit, recent)`,
      );
    const most = MAX_OBJECTS + transaction.nftables.length;
    if (this.#countObjects(most) > most)
      throw new ChannelError(
        `programming nftables of ${subject}: its tables have more than ${most} chains and sets, all of which would be read each time: remove those that the container does not need`,
      );
    trace?.(nftCommand(transaction));
    const context = this.#library.context(NFT_CTX_OUTPUT_JSON);
    try {
      const { nftables, late } = transaction;
      faultPoint('nft');
      if (context.run(JSON.stringify({ nftables }))) {
        if (late) this.#insert(late, trace);
        faultPoint('nft-committed');
        return;
      }
      if (trace) for (const line of nftScript(transaction)) trace(line);
      throw new NftError(subject, reasonOf(context.error), transaction);
    } finally {
      this.#sockets.releaseLater(() => context.free());
    }
  }

  /** Whether the namespace has more than MAX_OBJECTS, so that no transaction is carried out. @throws OpError */
  isCrowded(): boolean {
    return this.#countObjects(MAX_OBJECTS) > MAX_OBJECTS;
  }

  /** What libnftables would read, by what the kernel says of each table. @param most no more tables are read */
  #countObjects(most: number): number {
    const context = { op: 'counting nftables tables', subject: 'of all families' };
    try {
      const tables = this.#sockets.ask(connection => payloadsOf(connection, getTablesRequest(), context), {
        ...GUARDED,
        messages: most,
      });
      return tables.reduce((sum, table) => sum + 1 + decodeTableUse(table), 0);
    } catch (err) {
      if (err instanceof TooManyError) return Number.POSITIVE_INFINITY;
      throw err;
    }
  }

  /** @throws OpError */
  #insert({ table, rules }: NonNullable<NftTransaction['late']>, trace?: Trace): void {
    for (const rule of rules) trace?.(describeLateRule(table, rule));
    const context = { op: 'inserting nftables rules into', subject: table.name };
    faultPoint('nft-late');
    this.#sockets.ask(connection => connection.batch(insertRules(table, rules), context));
  }

  /**
   * Changes elements of sets: all of it or nothing.
   * @param changes at least one, with at least one element each
   * @throws OpError: ENOENT where there is no such set, or an element that is to be deleted is not there
   */
  changeElements(table: TableName, changes: readonly ElementChange[]): void {
    const context = { op: 'changing nftables sets of', subject: table.name };
    this.#sockets.ask(connection => connection.batch(changeElements(table, changes), context));
  }

  /** The rules of a table as the kernel has them, chain by chain; none where there is no such table. @throws OpError, ChannelError */
  rules(table: TableName): Buffer[] {
    return this.#sockets.ask(connection => rulesOf(connection, table));
  }

  /**
   * The rules of a chain, for decodeStampedTable(), and the names of the tables of its family where there are none.
   * @param others whether the tables are wanted anyway
   * @throws OpError; ChannelError when the chain has more than MAX_DUMP_MESSAGES
   */
  readStampChain(table: TableName, chain: string, others = false): StampedTableAnswers {
    return this.#sockets.ask(connection => {
      const rules = rulesOf(connection, table, chain);
      if (rules.length > 0 && !others) return { rules };
      return { rules, tables: this.#tablesOf(connection, table) };
    });
  }

  /** Names of a family's tables; where there are too many, of this one alone, if it is there. */
  #tablesOf(connection: Connection, table: TableName): string[] {
    try {
      return tablesOf(connection, table.family);
    } catch (err) {
      if (!(err instanceof TooManyError)) throw err;
    }
    // What is left of the list goes with its own connection.
    return this.#sockets.ask(other => (hasTable(other, table) ? [table.name] : []));
  }

  /** Whether the namespace has a table of that family and name. @throws OpError */
  has(table: TableName): boolean {
    return this.#sockets.ask(connection => hasTable(connection, table));
  }

  /** The keys of a set's elements. @throws OpError: ENOENT; ChannelError where there are more than MAX_DUMP_MESSAGES */
  setKeys(table: TableName, set: string): Buffer[] {
    return this.#sockets.ask(connection => setKeysOf(connection, table, set), SET_LIMITS);
  }

  /** What is in a table. @throws OpError: ENOENT; ChannelError when there is more than MAX_DUMP_MESSAGES of something */
  snapshot(name: TableName): TableSnapshot {
    return this.#sockets.ask(connection => {
      const list = (what: string, request: Request): Buffer[] => {
        const context = { op: `listing nftables ${what} of`, subject: name.name };
        return payloadsOf(connection, request, context);
      };
      // The generation is read first: a change during the other requests then shows as a newer generation.
      return decodeSnapshot(name.name, {
        table: tableOf(connection, name),
        chains: list('chains', getChainsRequest(name.family)),
        sets: list('sets', getSetsRequest(name.family, name.name)),
        rules: list('rules', getRulesRequest(name.family, name.name)),
      });
    });
  }

  /** Of the whole ruleset, its lower 16 bits: each transaction of anybody's makes it another. @throws OpError, ChannelError */
  generation(): number {
    return this.#sockets.ask(generationOf);
  }

  /** As forwardChainsIn() has them. @throws OpError, ChannelError, DecodeError */
  forwardChains(own: TableName): ForwardChain[] {
    return this.#sockets.ask(connection => forwardChainsIn(connection, own), FIREWALL_LIMITS);
  }
}

/** The first error message, without its position, which is meaningless for JSON input. */
function reasonOf(error: string): string {
  const [first] = error.split('\n').filter(line => line.trim() !== '');
  return first?.replace(/^\S+: Error: /, '').slice(0, REASON_LENGTH) ?? 'refused without a reason';
}

/** Whether a command makes a chain or a set. */
function makesObject(command: { readonly add?: object }): boolean {
  return command.add !== undefined && ('chain' in command.add || 'set' in command.add);
}
