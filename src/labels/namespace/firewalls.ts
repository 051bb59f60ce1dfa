// What firewalls of a container's own do to what its labels forward, as a warning. Not here: what is read of them
// (nft/firewalls.ts, nft/legacy-tables.ts), what they do (labels/diff/foreign-firewall.ts).

import { ChannelError, DecodeError, OpError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { TABLE } from '../../base/ownership.js';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';
import type { Trace } from '../../netlink/trace.js';
import type { Nft } from '../../nft/client.js';
import type { ForwardChain } from '../../nft/filter-chain.js';
import { legacyForwardChains } from '../../nft/legacy-tables.js';
import { whyFiltered } from '../diff/foreign-firewall.js';
import type { DesiredState, SandboxDesired } from '../diff/state.js';
import type { ApplyResult } from './outcome.js';

/** The chains of others that forwarded packets pass, in the namespace of the calling thread. */
export type FirewallReader = (families: readonly Family[]) => ForwardChain[];

/** None where they cannot be read: nothing depends on them. */
export function readFirewalls(
  nft: Pick<Nft, 'forwardChains'>,
  legacy: typeof legacyForwardChains,
  families: readonly Family[],
  trace: Trace | undefined,
): ForwardChain[] {
  try {
    return [...nft.forwardChains(TABLE), ...legacy(families)];
  } catch (err) {
    if (!(err instanceof OpError || err instanceof ChannelError || err instanceof DecodeError)) throw err;
    trace?.(`# ${err.message}`);
    return [];
  }
}

/** What was wrong, and that a firewall drops what is to be forwarded. */
export function withFirewalls<T extends object>(
  { forwarding }: Pick<DesiredState, 'forwarding'>,
  warned: T,
  read: FirewallReader,
): T & Pick<ApplyResult, 'notices'> {
  const why = forwarding && whyFiltered(forwarding, read(forwarding.families));
  return why === undefined ? warned : { ...warned, notices: [why] };
}

/** What a namespace's own firewalls do to what is to be forwarded there. */
export function firewallNotices(desired: SandboxDesired, netns: NetnsSwitch, nft: Nft): readonly string[] {
  if (!desired.forwarding) return [];
  let target: Netns;
  try {
    target = new Netns(desired.netns.path);
  } catch {
    // It is gone by now.
    return [];
  }
  try {
    if (target.key !== desired.netns.key) return [];
    const read = () =>
      withFirewalls(desired, {}, families => readFirewalls(nft, legacyForwardChains, families, undefined));
    return netns.within(target, read).notices ?? [];
  } finally {
    target.close();
  }
}
