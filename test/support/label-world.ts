// Worlds of containers for the tests of labels: small words for what Docker would say.
import assert from 'node:assert/strict';
import { type Address, formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../src/base/ip.js';
import type { DesiredRoute, SandboxDesired } from '../../src/labels/diff/state.js';
import type { Attachment, ContainerView } from '../../src/labels/discovery/container.js';
import { type Plan, type PlanInput, planWorld } from '../../src/labels/planner/plan.js';
import type { Diagnostic } from '../../src/labels/spec/intent.js';
import { decodeLabels } from '../../src/labels/spec/parse.js';
import type { NftTable } from '../../src/nft/table.js';

/** `{ main: '10.0.0.2 fd00::2 alias-of-it' }`: networks by name, with what the container has there. */
export type Networks = Readonly<Record<string, string>>;

/** What a container differs in from one that has a namespace of its own and no labels. */
export interface ContainerOptions {
  readonly networks?: Networks;
  readonly labels?: Readonly<Record<string, string>>;
  /** The namespace's key; null while it is not running. */
  readonly netns?: string | null;
  /** `project/service`. */
  readonly service?: string;
  /** Whether it is one of `docker compose run`. */
  readonly isOneOff?: true;
  /** Networks on which the kernel ignores gateways. */
  readonly ignoring?: readonly string[];
  readonly hostNetwork?: boolean;
  readonly imageLabels?: readonly string[];
  /** Labels that may be the image's. */
  readonly unverified?: Readonly<Record<string, string>>;
  /** Addresses that it may have at any moment, by network. */
  readonly former?: Networks;
  readonly driver?: string;
  readonly id?: string;
  readonly health?: 'starting' | 'unhealthy';
  /** What it calls other containers. */
  readonly links?: Readonly<Record<string, string>>;
  readonly taskNames?: readonly string[];
  /** Docker's gateways, by network: `10.0.0.1 fd00::1`. */
  readonly gateways?: Readonly<Record<string, string>>;
  /** Whether its networks are internal. */
  readonly isInternal?: boolean;
  /** By network: `10.0.0.0/24 fd00::/64`. */
  readonly subnets?: Readonly<Record<string, string>>;
}

/** Of the container made last. */
let revision = 0;

export function container(name: string, options: ContainerOptions = {}): ContainerView {
  const { networks = {}, labels = {}, netns = `4:${name}`, service, hostNetwork = false } = options;
  const [project, serviceName] = service?.split('/') ?? [];
  return {
    revision: ++revision,
    id: options.id ?? `${Buffer.from(name).toString('hex')}${'0'.repeat(64)}`.slice(0, 64),
    name,
    ...(netns !== null && { netns: { key: netns, path: `/proc/${name}/ns/net` } }),
    hostNetwork,
    ...(project !== undefined && serviceName !== undefined && { service: { project, name: serviceName } }),
    ...(options.isOneOff && { isOneOff: true }),
    ...(options.health && { health: options.health }),
    ...(options.links && { links: new Map(Object.entries(options.links)) }),
    ...(options.taskNames && { taskNames: options.taskNames }),
    labels: new Map(Object.entries(labels)),
    imageLabels: options.imageLabels ?? [],
    ...(options.unverified && {
      unverified: {
        labels: new Map(Object.entries(options.unverified)),
        why: "the container's image is gone",
      },
    }),
    attachments: Object.entries(networks).map(([network, text]) => ({
      ...attachment(network, text, options.driver),
      ...(options.former?.[network] && {
        formerAddresses: options.former[network].split(' ').map(address),
      }),
      ...(options.subnets?.[network] && {
        subnets: options.subnets[network].split(' ').map(prefix),
      }),
      ...(options.isInternal && { isInternal: true }),
      ...(options.ignoring?.includes(network) && { ignoresNextHop: 'driver dwgd' }),
      ...(options.gateways?.[network] && {
        gateways: options.gateways[network].split(' ').flatMap(text => parseAddress(text) ?? []),
      }),
    })),
  };
}

function attachment(network: string, text: string, driver = 'bridge'): Attachment {
  const words = text.split(' ').filter(word => word !== '');
  return {
    networkId: `id-of-${network}`,
    networkName: network,
    driver,
    addresses: words.flatMap(word => parseAddress(word) ?? []),
    aliases: words.filter(word => !parseAddress(word)),
  };
}

/** The plan of a world, with its labels read; mistakes of the grammar come first. */
export function plan(
  containers: readonly ContainerView[],
  rest: Partial<Omit<PlanInput, 'containers' | 'intents'>> = {},
): Plan {
  const decoded = containers
    .filter(({ labels }) => labels.size > 0)
    .map(({ id, name, labels }) => ({ id, ...decodeLabels(name, labels) }));
  const unverified = containers.flatMap(({ id, name, unverified }) =>
    unverified ? [[id, decodeLabels(name, unverified.labels).intent] as const] : [],
  );
  const plan = planWorld({
    containers,
    intents: new Map(decoded.map(({ id, intent }) => [id, intent])),
    unverified: new Map(unverified),
    external: new Map(),
    allowHostRoutes: [],
    hostAddresses: [],
    nextHops: [],
    hostInterfaceAddresses: [],
    ...rest,
  });
  return {
    ...plan,
    diagnostics: [...decoded.flatMap(({ diagnostics }) => diagnostics), ...plan.diagnostics],
  };
}

export const address = (text: string): Address => parseAddress(text)!;
export const prefix = (text: string) => parsePrefix(text)!;

/** `10.0.0.0/8 via 10.0.0.1`, `unreachable 10.0.0.0/8`. */
export function showRoute({ network, gateway }: DesiredRoute): string {
  return gateway
    ? `${formatPrefix(network)} via ${formatAddress(gateway)}`
    : `unreachable ${formatPrefix(network)}`;
}

/** `container key: message`. */
export function showMistake({ container, key, message }: Diagnostic): string {
  return `${container} ${key}: ${message}`;
}

/** The one sandbox of a world, and what is wrong with it. */
export function only(containers: readonly ContainerView[], rest?: Partial<PlanInput>) {
  const { sandboxes, diagnostics, ...others } = plan(containers, rest);
  assert.equal(sandboxes.length, 1);
  return { ...sandboxes[0]!, diagnostics: diagnostics.map(showMistake), ...others };
}

/** Its routes, as `showRoute` shows them. */
export const routesOf = ({ routes }: SandboxDesired): string[] => routes.map(showRoute);
/** A chain of a table. */
export const chain = (table: NftTable | undefined, name: string) =>
  table?.chains.find(chain => chain.name === name);

/** Where the first map of a chain leads each protocol and port. */
export function forwardsOf(table: NftTable | undefined, name: string): string[] {
  const text = JSON.stringify(chain(table, name)?.rules ?? []);
  return [...text.matchAll(/\[\{"concat":\["(\w+)",(\d+)\]\},\{"concat":\["([^"]+)",(\d+)\]\}\]/g)].map(
    ([, protocol, port, to, toPort]) => `${port}/${protocol} → ${to} ${toPort}`,
  );
}

/** A gateway `gw`. */
export const gw = (networks: Record<string, string>, rest = {}) => container('gw', { networks, ...rest });
/** A container `app` with labels. */
export const routed = (networks: Record<string, string>, labels: Record<string, string>, rest = {}) =>
  container('app', { networks, labels, ...rest });
