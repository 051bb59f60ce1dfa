// What a label that cannot be read was for, where something stays closed for it: a route, with the networks that it may be
// about, or one of the labels that close by themselves. Not here: labels without a mistake (parse.ts), which keys there are
// (label-keys.ts), networks in a text (found-networks.ts).

import { formatPrefix, type Prefix } from '../../base/ip.js';
import { LABEL_PREFIX, ownKey } from '../../base/ownership.js';
import { undress } from '../../base/plain-text.js';
import { nearest } from '../../base/suggest.js';
import { type FoundNetworks, findNetworks } from './found-networks.js';
import {
  currentKey,
  HOST_ROUTES,
  IPTABLES_RULE,
  NAT_FORWARD,
  NAT_IN_INTERFACES,
  NAT_INTERFACES,
  nearestKey,
  ROUTE,
  STRICT,
} from './label-keys.js';

/** What a key was for. */
type KeyMeaning =
  | { readonly kind: 'strict' | 'natInterfaces' | 'inInterfaces' }
  | ({ readonly kind: 'route' | 'hostRoutes' } & FoundNetworks);

/** Of a key that is looked at, and networks that are named. */
const [MAX_KEY, MAX_NAMED] = [255, 3] as const;
const [ROUTE_WORDS, RULE_WORDS] = [
  ['route', 'routes', 'routing'],
  ['rule', 'rules'],
] as const;
/** What a default route is called where nothing follows: `twine.gateway=vpn`. */
const DEFAULT_WORDS: ReadonlySet<string> = new Set([
  ...['gateway', 'gateways', 'gw', 'via', 'nexthop'],
  ...['all', 'any', 'everything', 'internet'],
]);
const FORWARD_WORDS = ['forward', 'forwards', 'interface', 'interfaces'] as const;

/** A network with its length, which nothing but a route has. */
const NETWORK = /(?:\d[\d.,]*|::[\da-f:]*)\s*[/\\]\s*\d/;

/** What a label is for that cannot be read; undefined where nothing is to be closed for it. */
export function meaningOf(given: string): KeyMeaning | undefined {
  const key = ownKey(given) ?? given;
  if (key.startsWith(ROUTE)) return { kind: 'route', ...findNetworks(key.slice(ROUTE.length)) };
  if ([NAT_FORWARD, IPTABLES_RULE].some(head => key.startsWith(head)) || key === HOST_ROUTES)
    return undefined;
  const named = nearestKey(key);
  const near = named ?? currentKey(key);
  if (near === STRICT || /^twine\W*strict/i.test(key)) return { kind: 'strict' };
  if (near === NAT_IN_INTERFACES || /^twine\W*nat\W*in\W*interface/i.test(key))
    return { kind: 'inInterfaces' };
  if (near === NAT_INTERFACES || /^twine\W*nat\W*interface/i.test(key)) return { kind: 'natInterfaces' };
  const rest = key.slice(LABEL_PREFIX.length);
  const [first = '', second = '', ...others] = undress(rest.slice(0, MAX_KEY))
    .split(/[^a-z]+/)
    .filter(word => word !== '');
  const found = findNetworks(rest);
  const hasRouteWord = [first, second, ...others].some(isRouteWord);
  if (hasRouteWord && isHostWord(first)) return { kind: 'hostRoutes', ...found };
  // What is nearest to a route's key, or to none, is a route if it has a network.
  const isNamed = (named ?? ROUTE).startsWith(ROUTE) && NETWORK.test(undress(rest.slice(0, MAX_KEY)));
  if (isElsewhere(first, second) && !isNamed) return undefined;
  const isDefault =
    first.startsWith('default') || isNear(first, ['default']) || (second === '' && DEFAULT_WORDS.has(first));
  const isRoute = hasRouteWord || isDefault || found.isClear || isNamed;
  return isRoute ? { kind: 'route', ...found } : undefined;
}

/** The label that was meant, as a question; undefined where nobody can say. */
export function suggestionFor(meaning: KeyMeaning | undefined): string | undefined {
  if (meaning?.kind !== 'route' && meaning?.kind !== 'hostRoutes') return undefined;
  const { kind, networks, isExact } = meaning;
  const isKnown = isExact && networks.length > 0;
  if (kind === 'hostRoutes') {
    const value = isKnown ? listed(networks, ',') : '<network>';
    return `did you mean ${HOST_ROUTES}=${value}?`;
  }
  if (!isKnown) return `did you mean ${ROUTE}<network>, such as ${ROUTE}0.0.0.0/0?`;
  return `did you mean ${listed(networks, ' and ', ROUTE)}?`;
}

/** `0.0.0.0/0 and ::/0 are unreachable`. */
export function describeClosed(networks: readonly Prefix[]): string {
  return `${listed(networks, ' and ')} ${networks.length > 1 ? 'are' : 'is'} unreachable`;
}

/** The first of them, with what stands before the last. */
function listed(networks: readonly Prefix[], before: string, head = ''): string {
  const names = networks.slice(0, MAX_NAMED).map(network => head + formatPrefix(network));
  const more = networks.length - names.length;
  if (more > 0) return `${names.join(', ')} and ${more} more`;
  const last = names.pop()!;
  return names.length > 0 ? `${names.join(before === ',' ? ',' : ', ')}${before}${last}` : last;
}

/** Whether the words behind `twine.` are surely about forwards, interfaces or rules. */
function isElsewhere(first: string, second: string): boolean {
  if (isRouteWord(first)) return false;
  if (isNear(first, RULE_WORDS) || isNear(first, FORWARD_WORDS)) return true;
  if (isNear(first, ['iptables'])) return !isRouteWord(second);
  return isNear(first, ['nat']) && isNear(second, FORWARD_WORDS);
}

function isHostWord(word: string): boolean {
  return word.startsWith('host') || isNear(word, ['host', 'hosts']);
}

function isRouteWord(word: string): boolean {
  return word.includes('rout') || isNear(word, ROUTE_WORDS);
}

/** Whether a typing error makes the word of one of the others: a few letters, or their order. */
function isNear(word: string, others: readonly string[]): boolean {
  const sorted = (text: string): string => [...text].sort().join('');
  return (
    nearest(word, others) !== undefined ||
    others.some(other => other.length === word.length && sorted(other) === sorted(word))
  );
}
