// The desired state of namespaces as text and as data: routes and policy rules as ip(8) would make them, sysctls, the table as
// nft(8) would list it. Pure. Not here: the plan (labels/planner), reading what it is for (plan-project.ts).

import { formatAddress } from '../../base/ip.js';
import { forTerminal } from '../../base/text.js';
import { diff } from '../../labels/diff/diff.js';
import { diffHostRoutes } from '../../labels/diff/diff-routes.js';
import type {
  Change,
  DesiredRoute,
  DesiredSysctl,
  SandboxDesired,
  SandboxObserved,
} from '../../labels/diff/state.js';
import { ipRouteAdd, ipRule } from '../../netlink/route/describe.js';
import type { NftTable } from '../../nft/table.js';
import { printTable } from '../../nft/text/listing.js';

/** What one namespace would hold. */
interface PlannedState {
  readonly containers: readonly string[];
  /** `name=value`. */
  readonly sysctls: readonly string[];
  /** Commands of ip(8), in the order in which the daemon makes them. */
  readonly routes: readonly string[];
  /** Absent: no table. */
  readonly nft?: string;
  /** Whether nothing but loopback passes, since a label of a strict container is not in force. */
  readonly isClosed: boolean;
}

/** A namespace that holds nothing of ours. */
const NOTHING: SandboxObserved = { before: [], hasTable: false, routes: [], rules: [], sysctls: [] };

export function plannedStates(all: readonly SandboxDesired[]): PlannedState[] {
  // Namespaces whose labels are the same have one table.
  const printed = new Map<NftTable, string>();
  return all.map(desired => {
    const { table } = desired;
    if (!table) return plannedState(desired, undefined);
    const nft = printed.get(table) ?? printTable(table);
    printed.set(table, nft);
    return plannedState(desired, nft);
  });
}

function plannedState(desired: SandboxDesired, nft: string | undefined): PlannedState {
  const { containers, sysctls, isClosed, loopbackTowards = [] } = desired;
  return {
    containers,
    sysctls: [...new Set(sysctls.map(printSysctl))],
    routes: [
      ...diff(desired, NOTHING).flatMap(ipCommand),
      ...new Set(
        loopbackTowards.map(to => `ip -6 route add local ::1/128 dev <interface to ${formatAddress(to)}>`),
      ),
    ],
    ...(nft !== undefined && { nft }),
    isClosed: isClosed === true,
  };
}

function printSysctl({ name, value, towards }: DesiredSysctl): string {
  const real = towards ? name.replace('*', `<interface to ${formatAddress(towards)}>`) : name;
  return `net.${real.replaceAll('/', '.')}=${value}`;
}

/** Routes of the host. */
export function plannedHostRoutes(routes: readonly DesiredRoute[]): string[] {
  const { fallbacks, gateways } = diffHostRoutes(routes, []);
  return [...fallbacks, ...gateways].flatMap(ipCommand);
}

function ipCommand(change: Change): string[] {
  if (change.kind === 'addRoute') return [ipRouteAdd(change.route, 'prepend')];
  return change.kind === 'addRule' ? [ipRule('add', change.rule)] : [];
}

/** The states one below the other. @param names what is made up in them, with what it stands for */
export function printStates(
  states: readonly PlannedState[],
  hostRoutes: readonly string[],
  names: ReadonlyMap<string, string> = new Map(),
): string {
  const blocks = states.map(({ containers, sysctls, routes, nft, isClosed }) => {
    const isEmpty = sysctls.length + routes.length === 0 && nft === undefined;
    return [
      `# ${containers.join(', ')}${isClosed ? ': closed' : ''}${isEmpty ? ': nothing' : ''}`,
      ...sysctls.map(sysctl => `sysctl -w ${sysctl}`),
      ...routes,
      ...(nft === undefined ? [] : [nft.trimEnd()]),
      '',
    ].join('\n');
  });
  const host = hostRoutes.length > 0 ? [['# the host', ...hostRoutes, ''].join('\n')] : [];
  return forTerminal(withNames([...blocks, ...host].join('\n'), names));
}

/** A text with names in place of what is made up. */
export function withNames(text: string, names: ReadonlyMap<string, string>): string {
  // Whole words alone: one address may begin as another does. One without a dot or a colon is none.
  return text.replace(
    /[0-9a-f]*[.:][0-9a-f.:]*(?:\/\d+)?/gi,
    word => names.get(word) ?? named(word, names) ?? word,
  );
}

/** An address with something behind it: `198.18.0.2:80`. */
function named(word: string, names: ReadonlyMap<string, string>): string | undefined {
  const at = word.lastIndexOf(':');
  const name = at > 0 ? names.get(word.slice(0, at)) : undefined;
  return name === undefined ? undefined : name + word.slice(at);
}
