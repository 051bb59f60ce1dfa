// The verbs of nft(8) on contexts of libnftables: run a transaction, list a chain. Synchronous, so that they can be
// used in a window of another namespace; contexts are freed later, because closing their socket waits for the
// kernel. Not here: what is written (ruleset.ts).

import { LibNftables, NFT_CTX_OUTPUT_JSON, type NftContext } from '../../native/libnftables.js';
import type { NftFamily, NftTransaction } from './ruleset.js';

/** The kernel has destroyed by then what a transaction took away. */
const FREE_AFTER_MS = 50;

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

/** A rule as `list chain` gives it, with what is of use here. */
export interface ListedRule {
  readonly handle: number;
  readonly comment?: string;
}

export class Nft {
  readonly #library: LibNftables;
  #freeing: NodeJS.Timeout | undefined;
  #used: NftContext[] = [];

  /** @throws UserError when libnftables is not installed */
  constructor() {
    this.#library = new LibNftables();
  }

  /** Frees at once what is still to be freed. */
  close(): void {
    clearTimeout(this.#freeing);
    this.#free();
  }

  /**
   * Carries out a transaction in the namespace of the calling thread: all of it or nothing.
   * @param subject whose ruleset it is, for the error
   * @throws NftError
   */
  apply(transaction: NftTransaction, subject: string): void {
    const { ok, error } = this.#run(JSON.stringify(transaction));
    if (!ok) throw new NftError(subject, reasonOf(error), transaction);
  }

  /**
   * The rules of a chain in the namespace of the calling thread; undefined where there is no such chain.
   * @throws NftError when it cannot be read
   */
  listChain(family: NftFamily, table: string, chain: string): ListedRule[] | undefined {
    const command = { nftables: [{ list: { chain: { family, table, name: chain } } }] };
    const { ok, output, error } = this.#run(JSON.stringify(command));
    if (!ok) {
      if (isMissing(error)) return undefined;
      throw new NftError(`chain ${table} ${chain}`, reasonOf(error), command);
    }
    const { nftables } = JSON.parse(output) as { nftables: { rule?: ListedRule }[] };
    return nftables.flatMap(({ rule }) => rule ?? []);
  }

  #run(command: string) {
    const context = this.#library.context(NFT_CTX_OUTPUT_JSON);
    this.#used.push(context);
    this.#freeing ??= setTimeout(() => this.#free(), FREE_AFTER_MS);
    return context.run(command);
  }

  #free(): void {
    this.#freeing = undefined;
    for (const context of this.#used.splice(0)) context.free();
  }
}

/** libnftables says so by text alone; the words are strerror(ENOENT)'s. */
function isMissing(error: string): boolean {
  return error.includes('No such file or directory');
}

/** The first complaint, without the position that says nothing in JSON. */
function reasonOf(error: string): string {
  const [first] = error.split('\n').filter(line => line.trim() !== '');
  return first?.replace(/^\S+: Error: /, '') ?? 'refused without a reason';
}
