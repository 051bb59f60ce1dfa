// Where the routes and forwards of a namespace lead: their destinations are looked up among all containers and in the DNS.
// What cannot be resolved or made is reported. Pure. Not here: the lookup (name-index.ts), the ingress interfaces of
// forwards (labels/table/ingress-interfaces.ts), what the kernel is to hold (sandbox-plan.ts).

import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixContains,
  prefixCovers,
  samePrefix,
} from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import type { Attachment } from '../discovery/container.js';
import { waiting } from '../spec/diagnostics.js';
import type { Diagnostic, ForwardIntent } from '../spec/intent.js';
import { ANY } from '../spec/interface-pattern.js';
import { countPorts } from '../spec/ports.js';
import { type RuleBudget, TOO_MANY_RULES } from '../spec/rule-budget.js';
import type { ResolvedForward } from '../table/forward-rules.js';
import { ingressInterfaces, whyNoIngress } from '../table/ingress-interfaces.js';
import { planShifts } from '../table/port-shifts.js';
import { type Attributed, diagnosticOf, type MergedIntent, type SandboxMembers } from './merge.js';
import type { Inquiry, NameIndex } from './name-index.js';
import type { Candidate, Resolution } from './preference.js';
import type { ResolvedRoute } from './routing-loops.js';
import type { Lookups } from './steps.js';
import { whyIgnored } from './unresolved.js';
import type { WaysBack } from './ways-back.js';

/** A namespace, and what its labels ask for together. */
export interface Requester {
  readonly members: SandboxMembers;
  readonly intent: MergedIntent;
}

/** How names are resolved, and what is reported on the way. */
export interface ResolveContext extends Inquiry {
  readonly names: NameIndex;
  readonly diagnostics: Diagnostic[];
  /** What does not keep a label from being in force. */
  readonly warnings: Diagnostic[];
  /** Labels with a name that the DNS has not answered for yet. */
  readonly awaited: Attributed<{ readonly key: string }>[];
}

/** What comes of resolving, and what is told of it. */
export interface Outcome<T> extends Pick<ResolveContext, 'diagnostics' | 'warnings' | 'awaited'> {
  readonly found: T;
  readonly asked: readonly string[];
  readonly watched: readonly Candidate[];
  readonly lookups: Lookups;
}

/** Resolves, and keeps what is told on the way. */
export function resolving<T>(
  names: NameIndex,
  lookups: Lookups,
  resolve: (context: ResolveContext) => T,
): Outcome<T> {
  const [asked, watched] = [new Set<string>(), new Map<string, Candidate>()];
  const told = { diagnostics: [], warnings: [], awaited: [] };
  const found = resolve({ names, lookups, asked, watched, ...told });
  return { found, lookups, ...told, asked: [...asked], watched: [...watched.values()] };
}

/** The routes that are made; one without a gateway is only the unreachable fallback. */
export function resolveRoutes({ members, intent }: Requester, context: ResolveContext): ResolvedRoute[] {
  const { attachments } = members;
  const subnets = attachments.flatMap(({ subnets = [] }) => subnets);
  return intent.routes.flatMap((attributed): ResolvedRoute[] => {
    const { container, intent } = attributed;
    const { destination, network } = intent;
    // A route to it, and its fallback, would win over the kernel's own and cut the container off.
    const own = subnets.find(subnet => samePrefix(subnet, network));
    if (own) {
      context.diagnostics.push(diagnosticOf(attributed, whyOwnSubnet(network, own)));
      return [];
    }
    // The parser has reported what is wrong with the label.
    if (!destination) return [{ attributed, gateway: undefined }];
    const resolution = context.names.resolve(
      destination,
      container,
      members,
      context,
      network.address.family,
    );
    const consequence = `until then ${formatPrefix(network)} is unreachable`;
    const gateway = ifUsable(addressesOf(resolution, attributed, consequence, context)[0], attachments, why =>
      context.diagnostics.push(waiting(diagnosticOf(attributed, `${why}; ${consequence}`))),
    );
    const near =
      gateway && prefixContains(network, gateway) && subnets.find(subnet => prefixCovers(subnet, network));
    if (!near) return [{ attributed, gateway }];
    context.diagnostics.push(diagnosticOf(attributed, whyOwnSubnet(network, near, gateway)));
    return [];
  });
}

/** The gateway, unless it is on a network on which the kernel ignores next hops: that is reported. */
function ifUsable(
  gateway: Address | undefined,
  attachments: readonly Attachment[],
  report: (why: string) => void,
): Address | undefined {
  if (!gateway) return undefined;
  const [nearest] = attachments
    .flatMap(attachment => (attachment.subnets ?? []).map(subnet => ({ attachment, subnet })))
    .filter(({ subnet }) => prefixContains(subnet, gateway))
    .sort((a, b) => b.subnet.length - a.subnet.length);
  if (!nearest?.attachment.ignoresNextHop) return gateway;
  report(`${formatAddress(gateway)} cannot be a gateway: ${whyIgnored(nearest.attachment)}`);
  return undefined;
}

function whyOwnSubnet(network: Prefix, subnet: Prefix, gateway?: Address): string {
  const holds = gateway
    ? `, and ${formatPrefix(network)} holds the gateway ${formatAddress(gateway)} itself`
    : '';
  return `no route to ${formatPrefix(network)} is made: the container is on ${formatPrefix(subnet)} and reaches it without a gateway${holds}; remove the label, or give another network`;
}

/** The forwards with a destination, as far as the budget has room for their rules. */
export function resolveForwards(
  { members, intent }: Requester,
  budget: RuleBudget,
  context: ResolveContext,
  waysBack: WaysBack,
): ResolvedForward[] {
  const wayBackFrom = waysBack.from(members, context.lookups);
  return intent.forwards.flatMap(attributed => {
    const { container, intent: forward } = attributed;
    const ingress = ingressInterfaces(forward, intent);
    if (ingress.length === 0) {
      context.diagnostics.push(diagnosticOf(attributed, whyNoIngress(forward, intent)));
      return [];
    }
    const { key, pattern = ANY, protocol, ports, destination, destinationPort } = forward;
    const resolution = context.names.resolve(destination, container, members, context);
    const addresses = addressesOf(resolution, attributed, 'until then the port is not forwarded', context);
    if (addresses.length === 0) return [];
    if (!budget.take(addresses.length * rulesOf(forward, ingress.length))) {
      context.diagnostics.push(diagnosticOf(attributed, TOO_MANY_RULES));
      return [];
    }
    const kept = addresses.flatMap(address => {
      const found = wayBackFrom(address, forward.clients);
      if (found?.bypassing !== undefined)
        context.warnings.push(
          diagnosticOf(attributed, whyBypassing(found.bypassing, address, container.name)),
        );
      return found ? [[address.family, found.kept] as const] : [];
    });
    const clients = kept.length > 0 && { kept: Object.fromEntries(kept) };
    return [{ key, pattern, ingress, protocol, ports, addresses, destinationPort, ...clients }];
  });
}

function whyBypassing(destination: string, { family }: Address, gateway: string): string {
  const network = family === 4 ? '0.0.0.0/0' : '::/0';
  return `${plain(destination, 80)} answers the clients whose addresses are kept past this container, unless it has routes of its own: give it the label twine.route.${network}=${plain(gateway, 80)}, or leave "keep" out`;
}

/** Each address takes one masquerading rule. The translation is one rule for all single ports, but one for each range. */
function rulesOf({ ports, destinationPort }: ForwardIntent, interfaces: number): number {
  if (countPorts(ports) === 1) return 1;
  const parts = destinationPort === ports.first ? 0 : planShifts(ports, destinationPort).length;
  return 1 + Math.max(1, parts) * (interfaces + 1) + 2 * parts;
}

/** The addresses; where there are none the reason is reported, unless the DNS has not answered yet. */
function addressesOf(
  resolution: Resolution,
  attributed: Attributed<{ readonly key: string }>,
  consequence: string,
  { diagnostics, warnings, awaited }: ResolveContext,
): readonly Address[] {
  if (resolution.kind === 'found') {
    for (const why of resolution.passedOver ?? [])
      warnings.push(waiting(diagnosticOf(attributed, `${why}; the others of the list count`)));
    return resolution.addresses;
  }
  if (resolution.kind === 'unknown') awaited.push(attributed);
  if (resolution.kind === 'missing')
    diagnostics.push(waiting(diagnosticOf(attributed, `${resolution.why}; ${consequence}`)));
  return [];
}
