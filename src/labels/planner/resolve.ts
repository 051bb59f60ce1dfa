// Where the routes and forwards of a namespace lead: their destinations, found among all containers and in the DNS. What
// cannot be found or made is a mistake. Not here: the finding (name-index.ts), by which interfaces forwards' connections come
// (ingress-interfaces.ts), what the kernel shall hold then (plan.ts).

import {
  type Address,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixContains,
  prefixCovers,
  samePrefix,
} from '../../base/ip.js';
import type { Attachment } from '../discovery/container.js';
import type { Diagnostic } from '../spec/intent.js';
import { ANY } from '../spec/interface-pattern.js';
import { type RuleBudget, TOO_MANY_RULES } from '../spec/rule-budget.js';
import type { ResolvedForward } from './forward-rules.js';
import { ingressInterfaces, whyNoIngress } from './ingress-interfaces.js';
import { type Attributed, diagnosticOf, type MergedIntent, type SandboxMembers } from './merge.js';
import type { NameIndex, Resolution } from './name-index.js';
import type { ResolvedRoute } from './routing-loops.js';
import { whyIgnored } from './unresolved.js';

/** A namespace, and what its labels ask for together. */
export interface Requester {
  readonly members: SandboxMembers;
  readonly intent: MergedIntent;
}

/** What names are found by, and what is found to be wrong on the way. */
export interface ResolveContext {
  readonly names: NameIndex;
  readonly diagnostics: Diagnostic[];
  /** Labels whose names the DNS has not answered for yet. */
  readonly awaited: Attributed<{ readonly key: string }>[];
}

/** The routes that are made; one whose gateway is not there is only the guard. */
export function resolveRoutes({ members, intent }: Requester, context: ResolveContext): ResolvedRoute[] {
  const { attachments } = members;
  const subnets = attachments.flatMap(({ subnets = [] }) => subnets);
  return intent.routes.flatMap((owned): ResolvedRoute[] => {
    const { container, intent } = owned;
    const { destination, network } = intent;
    // A route to it, and the guard beneath, would stand before the kernel's own and cut the container off.
    const own = subnets.find(subnet => samePrefix(subnet, network));
    if (own) {
      context.diagnostics.push(diagnosticOf(owned, whyOwnSubnet(network, own)));
      return [];
    }
    // The grammar has said what is wrong with the label.
    if (!destination) return [{ owned, gateway: undefined }];
    const resolution = context.names.resolve(destination, container, members, network.address.family);
    const consequence = `until then ${formatPrefix(network)} is unreachable`;
    const gateway = heeded(addressesOf(resolution, owned, consequence, context)[0], attachments, why =>
      context.diagnostics.push(diagnosticOf(owned, `${why}; ${consequence}`)),
    );
    const near =
      gateway && prefixContains(network, gateway) && subnets.find(subnet => prefixCovers(subnet, network));
    if (!near) return [{ owned, gateway }];
    context.diagnostics.push(diagnosticOf(owned, whyOwnSubnet(network, near, gateway)));
    return [];
  });
}

/** The gateway, unless it is on a network on which the kernel would ignore it: then says so. */
function heeded(
  gateway: Address | undefined,
  attachments: readonly Attachment[],
  say: (why: string) => void,
): Address | undefined {
  if (!gateway) return undefined;
  const [nearest] = attachments
    .flatMap(attachment => (attachment.subnets ?? []).map(subnet => ({ attachment, subnet })))
    .filter(({ subnet }) => prefixContains(subnet, gateway))
    .sort((a, b) => b.subnet.length - a.subnet.length);
  if (!nearest?.attachment.ignoresNextHop) return gateway;
  say(`${formatAddress(gateway)} can be no gateway: ${whyIgnored(nearest.attachment)}`);
  return undefined;
}

function whyOwnSubnet(network: Prefix, subnet: Prefix, gateway?: Address): string {
  const holds = gateway
    ? `, and ${formatPrefix(network)} holds the gateway ${formatAddress(gateway)} itself`
    : '';
  return `no route to ${formatPrefix(network)} is made: the container is on ${formatPrefix(subnet)}, which it reaches without a gateway${holds}; remove the label, or give another network`;
}

/** The forwards whose destination is there, as far as there is room for their rules. */
export function resolveForwards(
  { members, intent }: Requester,
  budget: RuleBudget,
  context: ResolveContext,
): ResolvedForward[] {
  return intent.forwards.flatMap(owned => {
    const { container, intent: forward } = owned;
    const arrivals = ingressInterfaces(forward, intent.natInterfaces);
    if (arrivals.length === 0) {
      context.diagnostics.push(diagnosticOf(owned, whyNoIngress(forward, intent.natInterfaces)));
      return [];
    }
    const { key, pattern = ANY, protocol, port, destination, destinationPort } = forward;
    const resolution = context.names.resolve(destination, container, members);
    const addresses = addressesOf(resolution, owned, 'until then the port is not forwarded', context);
    if (addresses.length === 0) return [];
    // Each address has a rule of its own, which masquerades; what leads there is one rule for all forwards.
    if (!budget.take(addresses.length)) {
      context.diagnostics.push(diagnosticOf(owned, TOO_MANY_RULES));
      return [];
    }
    return [{ key, pattern, arrivals, protocol, port, addresses, destinationPort }];
  });
}

/** What was found; else says why nothing was, unless the DNS has not answered yet. */
function addressesOf(
  resolution: Resolution,
  owned: Attributed<{ readonly key: string }>,
  consequence: string,
  { diagnostics, awaited }: ResolveContext,
): readonly Address[] {
  if (resolution.kind === 'found') return resolution.addresses;
  if (resolution.kind === 'unknown') awaited.push(owned);
  if (resolution.kind === 'missing')
    diagnostics.push(diagnosticOf(owned, `${resolution.why}; ${consequence}`));
  return [];
}
