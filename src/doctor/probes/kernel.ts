// What the kernel and the libraries can do, tried in a namespace that is made for it. Nothing of the host is changed; the
// kernel may load modules. Not here: what follows (doctor/checks/kernel.ts).

import { LibNftables } from '../../../native/libnftables.js';
import { messageOf, UserError } from '../../base/errors.js';
import { PROBE_TABLE } from '../../base/ownership.js';
import { type ConnectionOpener, openConnection } from '../../netlink/connection.js';
import { NETLINK_GENERIC } from '../../netlink/message.js';
import type { NetnsSwitch } from '../../netlink/netns.js';
import { WgCtrl } from '../../netlink/wireguard/client.js';
import { Nft, NftError } from '../../nft/client.js';
import { modulesOf } from '../../nft/modules.js';
import { createTable, type NftRule, type NftTable, rule } from '../../nft/table.js';
import type { KernelFacts } from '../checks/facts.js';

/** What tables of labels have beside rules of users: a rule for each module that it takes, and its hook. */
const SAMPLES: readonly {
  readonly rule: NftRule;
  readonly hook: NftTable['chains'][number]['hook'];
}[] = [
  {
    hook: { type: 'filter', hook: 'forward', priority: 0 },
    rule: rule({ match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } }),
  },
  {
    hook: { type: 'nat', hook: 'postrouting', priority: 100 },
    rule: rule({ masquerade: null }),
  },
  {
    hook: { type: 'nat', hook: 'prerouting', priority: -100 },
    rule: rule({ dnat: { family: 'ip', addr: '192.0.2.1' } }),
  },
  {
    hook: { type: 'filter', hook: 'prerouting', priority: 0 },
    rule: rule({
      match: { op: '==', left: { fib: { flags: ['daddr'], result: 'type' } }, right: 'local' },
    }),
  },
  {
    hook: { type: 'filter', hook: 'prerouting', priority: 0 },
    rule: rule({ match: { op: '==', left: { socket: { key: 'wildcard' } }, right: 1 } }),
  },
];

/** The seams for tests. */
export interface KernelParts {
  readonly netns: Pick<NetnsSwitch, 'withinNew'>;
  readonly open?: ConnectionOpener;
  readonly library?: () => ConstructorParameters<typeof Nft>[1];
}

export function probeKernel({
  netns,
  open = openConnection,
  library = () => new LibNftables(),
}: KernelParts): KernelFacts {
  const known: KernelFacts = { hasWireGuard: hasWireGuard(open), hasNftables: true, missingModules: [] };
  let nft: Nft;
  try {
    nft = new Nft(open, library());
  } catch (err) {
    if (!(err instanceof UserError)) throw err;
    return { ...known, library: messageOf(err) };
  }
  try {
    return { ...known, ...netns.withinNew(() => probeNftables(nft)) };
  } catch (err) {
    return { ...known, namespaces: messageOf(err) };
  } finally {
    nft.close();
  }
}

function hasWireGuard(open: ConnectionOpener): boolean {
  const wg = new WgCtrl(open(NETLINK_GENERIC));
  try {
    return wg.isSupported();
  } finally {
    wg.close();
  }
}

function probeNftables(nft: Nft): Pick<KernelFacts, 'hasNftables' | 'missingModules'> {
  try {
    nft.has(PROBE_TABLE);
  } catch {
    return { hasNftables: false, missingModules: [] };
  }
  const missing = isTaken(nft, SAMPLES) ? [] : SAMPLES.filter(sample => !isTaken(nft, [sample]));
  return { hasNftables: true, missingModules: modulesOf(missing.map(({ rule }) => rule)) };
}

/** Whether the kernel takes these rules. The table stays, and its namespace goes. */
function isTaken(nft: Nft, samples: typeof SAMPLES): boolean {
  const chains = samples.map(({ hook, rule }, n) => ({
    name: `c${n}`,
    ...(hook && { hook }),
    rules: [rule],
  }));
  const name = `${PROBE_TABLE.name}-${samples.length === 1 ? SAMPLES.indexOf(samples[0]!) : 'all'}`;
  try {
    nft.apply(createTable({ family: PROBE_TABLE.family, name, sets: [], chains }), 'a namespace of its own');
    return true;
  } catch (err) {
    if (err instanceof NftError) return false;
    throw err;
  }
}
