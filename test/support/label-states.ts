// What namespaces shall hold and hold, and the changes between, in few words for tests.
import { formatAddress, formatPrefix } from '../../src/base/ip.js';
import { RTPROT_DWGD, STAMP_CHAIN } from '../../src/base/ownership.js';
import { routingTable } from '../../src/labels/diff/policy-routing.js';
import { readStamp } from '../../src/labels/diff/stamp.js';
import type { Change, DesiredState, SandboxObserved } from '../../src/labels/diff/state.js';
import { type Route, RTN_UNICAST, RTN_UNREACHABLE } from '../../src/netlink/route/route.js';
import { address, prefix } from './label-world.js';

/** A namespace that shall hold nothing of ours but what is said. */
export const desired = (part: Partial<DesiredState>): DesiredState => ({
  netns: { key: '4:1', path: '' },
  containers: ['c'],
  routes: [],
  sysctls: [],
  ...part,
});

/** A namespace that holds nothing of ours but what is said. */
export const observed = (part: Partial<SandboxObserved>): SandboxObserved => ({
  before: [],
  hasTable: false,
  routes: [],
  rules: [],
  sysctls: [],
  ...part,
});

/** A change in a line. */
export function show(change: Change): string {
  switch (change.kind) {
    case 'setSysctl':
      return `${change.sysctl.name}=${change.sysctl.value}`;
    case 'createTable':
    case 'replaceTable': {
      const comments = change.table.chains.find(({ name }) => name === STAMP_CHAIN)!.rules;
      const { before } = readStamp(comments.map(({ comment }) => comment));
      return `table ${change.table.chains[0]!.name}${before.map(({ name, value }) => ` ${name}=${value}`).join('')}`;
    }
    case 'deleteTable':
      return 'no table';
    case 'deleteProbe':
      return 'no probe';
    case 'putRouters':
      return 'routers';
    case 'deleteRouters':
      return 'no routers';
    case 'addNeighbour':
    case 'deleteNeighbour':
      return `${change.kind} ${formatAddress(change.neighbour.address)}`;
    case 'addRoute':
    case 'deleteRoute': {
      const { destination, gateway } = change.route;
      const via = gateway ? formatAddress(gateway) : 'nowhere';
      return `${change.kind === 'addRoute' ? 'add' : 'delete'} ${formatPrefix(destination)} ${via}`;
    }
    case 'addRule':
    case 'deleteRule':
      return `${change.kind} ${change.rule.family} ${change.rule.priority}`;
  }
}

/** A route of ours as the kernel lists it. */
export function route(network: string, gateway?: string, metric = 0): Route {
  const destination = prefix(network);
  return {
    destination,
    ...(gateway !== undefined && { gateway: address(gateway), index: 2 }),
    type: gateway === undefined ? RTN_UNREACHABLE : RTN_UNICAST,
    protocol: RTPROT_DWGD,
    metric,
    table: routingTable(destination),
  };
}
