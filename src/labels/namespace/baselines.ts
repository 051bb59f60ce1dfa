// Baselines: what the kernel has made of each table that was installed, recorded a moment later, when no container waits
// to start. Not here: comparing with them (tamper-check.ts).

import { messageOf } from '../../base/errors.js';
import type { Trace } from '../../netlink/trace.js';
import type { NftTable } from '../../nft/table.js';
import { desiredStamp } from '../diff/stamp.js';
import type { SandboxDesired, SandboxObserved } from '../diff/state.js';
import type { NetnsRef } from '../discovery/container.js';
import type { NetnsSession, TableRead } from './session.js';
import type { SessionOpener } from './session-opener.js';
import type { TamperCheck } from './tamper-check.js';

/** By then Docker has added its own rules, each of which raises the ruleset's generation. */
const BASELINE_DELAY_MS = 250;
/** How long the event loop may be blocked for baselines at a time. */
const MAX_BLOCK_MS = 2;

export class Baselines {
  readonly #tamperCheck: TamperCheck;
  readonly #sessions: SessionOpener;
  readonly #trace: Trace | undefined;
  /** Installed tables without a baseline yet; by the keys of their namespaces. */
  readonly #pending = new Map<string, { readonly netns: NetnsRef; readonly table: NftTable }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tamperCheck: TamperCheck, sessions: SessionOpener, trace: Trace | undefined) {
    this.#tamperCheck = tamperCheck;
    this.#sessions = sessions;
    this.#trace = trace;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Whether somebody has changed the table of a namespace beneath its stamp, and why it cannot be read, if it cannot. */
  check(
    desired: SandboxDesired,
    observed: SandboxObserved,
    session: Pick<NetnsSession, 'readTable'>,
  ): { readonly isTampered: boolean; readonly unreadable?: Error | undefined } {
    const { netns, table } = desired;
    // A table with another stamp is replaced anyway.
    if (!table || observed.stamp !== desiredStamp(desired)) return { isTampered: false };
    const placed = this.#pending.get(netns.key)?.table ?? table;
    let read: TableRead = {};
    const isTampered = this.#tamperCheck.isTampered(netns.key, observed.generation, placed, () => {
      read = session.readTable();
      return read.snapshot;
    });
    return { isTampered, unreadable: read.unreadable };
  }

  /** Drops the namespace's baseline, and schedules that of the table that has just been installed there, if one was. */
  recordLater(netns: NetnsRef, table: NftTable | undefined): void {
    this.#tamperCheck.forget(netns.key);
    if (table) this.#pending.set(netns.key, { netns, table });
    else this.#pending.delete(netns.key);
    if (this.#pending.size > 0)
      this.#timer ??= setTimeout(() => this.record(MAX_BLOCK_MS), BASELINE_DELAY_MS);
  }

  /** Records what is pending. @param withinMs after which the rest is left for a later turn of the event loop */
  record(withinMs = Number.POSITIVE_INFINITY): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const began = performance.now();
    for (const [key, { netns, table }] of this.#pending) {
      this.#pending.delete(key);
      try {
        this.#sessions.within(netns, session =>
          this.#tamperCheck.recordBaseline(key, table, session.readTable().snapshot),
        );
      } catch (err) {
        // If the error lasts, the next resync reports it.
        this.#trace?.(`# ${messageOf(err)}`);
      }
      if (performance.now() - began >= withinMs) break;
    }
    if (this.#pending.size > 0) this.#timer = setTimeout(() => this.record(MAX_BLOCK_MS), MAX_BLOCK_MS);
  }
}
