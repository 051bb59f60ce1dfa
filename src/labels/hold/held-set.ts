// The hold in the host's kernel: its table made, elements entered and taken out, all of it removed. A table of that name with
// a stamp is not ours: this host is another daemon's container, whose labels it has. Not here: what is in the table
// (hold-table.ts).

import { OpError } from '../../base/errors.js';
import { STAMP_CHAIN, TABLE } from '../../base/ownership.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { Trace } from '../../netlink/trace.js';
import type { ElementChange } from '../../nft/batches.js';
import { type Nft, NftError } from '../../nft/client.js';
import { nfAttributes } from '../../nft/nfgenmsg.js';
import { deleteTable, type NftTransaction } from '../../nft/table.js';
import type { Host } from '../discovery/host.js';
import {
  describeChange,
  forgetting,
  guarding,
  type HeldEndpoint,
  holding,
  holdingOnly,
  knowing,
  openHold,
  releasing,
} from './hold-table.js';

const SUBJECT = 'the host';
/** Endpoints of one transaction, which is one datagram. */
const MAX_LOT = 1_024;

export class HeldSet {
  readonly #host: Pick<Host, 'within'>;
  readonly #nft: Pick<Nft, 'apply' | 'changeElements' | 'has' | 'readStampChain' | 'rules'>;
  readonly #trace: Trace | undefined;
  /** Those entered and not taken out, for a table that has to be made anew. */
  readonly #entered = new Map<string, HeldEndpoint>();
  /** The table's rules as they were made. */
  #rules: Buffer[] = [];

  constructor(
    host: Pick<Host, 'within'>,
    nft: Pick<Nft, 'apply' | 'changeElements' | 'has' | 'readStampChain' | 'rules'>,
    trace?: Trace,
  ) {
    this.#host = host;
    this.#nft = nft;
    this.#trace = trace;
  }

  /**
   * Makes the table where there is none, and anew where others have left something of that name. Who is held in it stays so.
   * @throws NftError, OpError, ChannelError; Error where the table is another daemon's
   */
  open(): void {
    if (this.#isForeign())
      throw new Error(`${SUBJECT} is itself a container that another dwgd applies labels to`);
    try {
      this.#apply(openHold());
    } catch (err) {
      if (!(err instanceof NftError)) throw err;
      this.#apply({ nftables: [...deleteTable(TABLE).nftables, ...openHold().nftables] });
    }
    this.#rules = this.#rulesNow();
    faultPoint('hold-opened');
  }

  /** Makes the table anew where others have taken it away or changed it: that takes longer than one that starts may wait. Throws as open() does. */
  mend(): void {
    this.#mendRules();
  }

  /** Has endpoints held, for HOLD_SECONDS from now on. Throws as open() does. */
  add(endpoints: readonly HeldEndpoint[]): void {
    for (const one of endpoints) this.#entered.set(textOf(one), one);
    this.#mendRules();
    this.#change(holding(endpoints));
    faultPoint('hold-entered');
  }

  /** Lets go of endpoints. Throws as open() does. */
  delete(endpoints: readonly HeldEndpoint[]): void {
    for (const one of endpoints) this.#entered.delete(textOf(one));
    this.#change(releasing(endpoints));
    faultPoint('hold-left');
  }

  /** Lets go of all but these. Throws as open() does. */
  retainOnly(endpoints: readonly HeldEndpoint[]): void {
    this.#entered.clear();
    for (const one of endpoints) this.#entered.set(textOf(one), one);
    this.#change(holdingOnly(endpoints));
    faultPoint('hold-inherited');
  }

  /** Has nobody pass a bridge, for GUARD_SECONDS from now on, but these. Throws as open() does. */
  guard(bridge: string, known: readonly HeldEndpoint[]): void {
    this.#mendRules();
    this.#change([...knowing(known.slice(0, MAX_LOT)), ...guarding(bridge, true)]);
    this.know(known.slice(MAX_LOT));
  }

  /** Has all pass it again. Throws as open() does. */
  unguard(bridge: string): void {
    this.#change(guarding(bridge, false));
  }

  /** Has endpoints known, for HOLD_SECONDS from now on. Throws as open() does. */
  know(endpoints: readonly HeldEndpoint[]): void {
    for (let at = 0; at < endpoints.length; at += MAX_LOT)
      this.#change(knowing(endpoints.slice(at, at + MAX_LOT)));
  }

  /** Has endpoints known no more. Throws as open() does. */
  forget(endpoints: readonly HeldEndpoint[]): void {
    this.#change(forgetting(endpoints));
  }

  /** Removes the table. @returns whether there was one @throws NftError, OpError, ChannelError */
  remove(): boolean {
    this.#entered.clear();
    const isThere = this.#host.within(() => this.#nft.has(TABLE)) && !this.#isForeign();
    if (isThere) this.#apply(deleteTable(TABLE));
    faultPoint('hold-removed');
    return isThere;
  }

  /** Others may have flushed the host's ruleset. */
  #change(changes: readonly ElementChange[]): void {
    if (changes.length === 0) return;
    try {
      this.#write(changes);
    } catch (err) {
      if (!(err instanceof OpError)) throw err;
      this.#remake();
      this.#write(changes);
    }
  }

  #write(changes: readonly ElementChange[]): void {
    this.#host.within(() => this.#nft.changeElements(TABLE, changes));
    for (const change of this.#trace ? changes : []) this.#trace?.(describeChange(change));
  }

  /** Makes the table anew where its rules are not what they were. Handles are compared, too, so one that was made since is another. */
  #mendRules(): void {
    const now = this.#rulesNow();
    const isIntact =
      now.length > 0 &&
      now.length === this.#rules.length &&
      now.every((one, n) => one.equals(this.#rules[n]!));
    if (!isIntact) this.#remake();
  }

  /** All who are entered are held in the new one. */
  #remake(): void {
    this.open();
    const all = [...this.#entered.values()];
    for (let at = 0; at < all.length; at += MAX_LOT) this.#write(holding(all.slice(at, at + MAX_LOT)));
  }

  /** Without the generation of the ruleset. */
  #rulesNow(): Buffer[] {
    return this.#host.within(() => this.#nft.rules(TABLE).map(nfAttributes));
  }

  #isForeign(): boolean {
    return this.#host.within(() => this.#nft.readStampChain(TABLE, STAMP_CHAIN).rules.length > 0);
  }

  #apply(transaction: NftTransaction): void {
    this.#host.within(() => this.#nft.apply(transaction, SUBJECT, this.#trace));
  }
}

function textOf({ bridge, mac }: HeldEndpoint): string {
  return `${bridge} ${mac}`;
}
