// The hold in the host's kernel: its table made, elements entered and taken out, all of it removed. A table of that name with
// a stamp is not ours: this host is another daemon's container, whose labels it has. Not here: what is in the table
// (hold-table.ts).

import { STAMP_CHAIN, TABLE } from '../../base/ownership.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Trace } from '../../netlink/trace.js';
import { type Nft, NftError } from '../../nft/client.js';
import { deleteTable, type NftTransaction } from '../../nft/table.js';
import type { Host } from '../discovery/host.js';
import { type HeldEndpoint, holdElements, holdOnly, openHold, releaseElements } from './hold-table.js';

const SUBJECT = 'the host';

export class HeldSet {
  readonly #host: Pick<Host, 'within'>;
  readonly #nft: Pick<Nft, 'apply' | 'has' | 'readStampChain'>;
  readonly #trace: Trace | undefined;

  constructor(host: Pick<Host, 'within'>, nft: Pick<Nft, 'apply' | 'has' | 'readStampChain'>, trace?: Trace) {
    this.#host = host;
    this.#nft = nft;
    this.#trace = trace;
  }

  /** Makes the table where there is none. Who was held stays so. @throws NftError, OpError, ChannelError; Error where the table is another daemon's */
  open(): void {
    if (this.#isForeign())
      throw new Error(`${SUBJECT} is itself a container that another dwgd applies labels to`);
    this.#apply(openHold());
    faultPoint('hold-opened');
  }

  /** Has endpoints held, for HOLD_SECONDS from now on. Throws as open() does. */
  add(endpoints: readonly HeldEndpoint[]): void {
    this.#change(holdElements(endpoints));
    faultPoint('hold-entered');
  }

  /** Lets go of endpoints. Throws as open() does. */
  delete(endpoints: readonly HeldEndpoint[]): void {
    this.#change(releaseElements(endpoints));
    faultPoint('hold-left');
  }

  /** Lets go of all but these. Throws as open() does. */
  retainOnly(endpoints: readonly HeldEndpoint[]): void {
    this.#change(holdOnly(endpoints));
    faultPoint('hold-inherited');
  }

  /** Removes the table. @returns whether there was one @throws NftError, OpError, ChannelError */
  remove(): boolean {
    const isThere = this.#host.within(() => this.#nft.has(TABLE)) && !this.#isForeign();
    if (isThere) this.#apply(deleteTable(TABLE));
    faultPoint('hold-removed');
    return isThere;
  }

  /** Where others have flushed the host's ruleset, the table is made anew. */
  #change(transaction: NftTransaction): void {
    try {
      this.#apply(transaction);
    } catch (err) {
      if (!(err instanceof NftError)) throw err;
      this.open();
      this.#apply(transaction);
    }
  }

  #isForeign(): boolean {
    return this.#host.within(() => this.#nft.readStampChain(TABLE, STAMP_CHAIN).rules.length > 0);
  }

  #apply(transaction: NftTransaction): void {
    this.#host.within(() => this.#nft.apply(transaction, SUBJECT, this.#trace));
  }
}
