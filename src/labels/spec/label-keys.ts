// The keys of the labels: which there are, and the right one that a wrong one is nearest to. Not here: what stands
// behind a key (parse.ts).

import { nearest } from '../../base/suggest.js';

/** What every key of ours begins with. */
export const LABEL_PREFIX = 'twine.';
export const NAT_INTERFACES = 'twine.nat.interfaces';
export const HOST_ROUTES = 'twine.host.routes';
/** Whether the container is closed while not all of its labels are in force. */
export const STRICT = 'twine.strict';
/** Keys that go on behind these. */
export const NAT_FORWARD = 'twine.nat.forward.';
export const ROUTE = 'twine.route.';
export const IPTABLES_RULE = 'twine.iptables.rule.';

const WHOLE = [NAT_INTERFACES, HOST_ROUTES, STRICT] as const;
export const KNOWN_HEADS = [NAT_FORWARD, ROUTE, IPTABLES_RULE] as const;

/** Keys of earlier versions of twine, and what they are called now. */
const FORMER: readonly [former: string, now: string][] = [
  ['twine.gateway.interface', NAT_INTERFACES],
  ['twine.forward.', NAT_FORWARD],
];

/**
 * A sentence about a key that is none of ours.
 * @param networks those of the routes that it can only mean, as text
 */
export function describeUnknown(key: string, networks: readonly string[] = []): string {
  if (networks.length > 0) {
    return `unknown label: did you mean ${networks.map(network => ROUTE + network).join(' and ')}?`;
  }
  for (const [former, now] of FORMER) {
    if (key === former || (former.endsWith('.') && key.startsWith(former))) {
      return `this label has another name now: write ${now}${key.slice(former.length)}`;
    }
  }
  const near = nearestKey(key);
  return near === undefined
    ? `unknown label: there are ${NAT_INTERFACES}, ${NAT_FORWARD}<port>, ${ROUTE}<network>, ${IPTABLES_RULE}<name>, ${HOST_ROUTES} and ${STRICT}`
    : `unknown label: did you mean ${near}?`;
}

/** The whole of the key against whole keys; and its beginning against beginnings, with the same end. */
export function nearestKey(key: string): string | undefined {
  const candidates = new Map<string, string>();
  for (const head of KNOWN_HEADS) {
    const parts = head.split('.').length - 1;
    const given = key.split('.', parts).join('.');
    const end = key.slice(given.length + 1);
    const right = head.slice(0, -1);
    if (end !== '' && nearest(given, [right])) candidates.set(given, `${right}.${end}`);
  }
  const whole = nearest(key, WHOLE);
  if (whole !== undefined) return whole;
  const heads = [...candidates.keys()];
  const best =
    heads.length > 1 ? heads.find(head => head.length === Math.max(...heads.map(h => h.length))) : heads[0];
  return best === undefined ? undefined : candidates.get(best);
}
