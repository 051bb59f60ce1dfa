// The keys of the labels: all that there are, and the one that a misspelt key is nearest to. Pure. Not here: their values
// (parse.ts).

import { LABEL_PREFIX } from '../../base/ownership.js';
import { nearest } from '../../base/suggest.js';

export const NAT_INTERFACES = 'twine.nat.interfaces';
export const NAT_IN_INTERFACES = 'twine.nat.in-interfaces';
export const HOST_ROUTES = 'twine.host.routes';
/** Whether the container is closed while not all of its labels are in force. */
export const STRICT = 'twine.strict';
/** Of one of Swarm's services that has a label of ours. */
export const SERVICE_LABEL = `it is a label of Swarm's service, which its containers do not have: put ${LABEL_PREFIX}* below labels: of the service itself`;
/** Prefixes of keys that continue. */
export const NAT_FORWARD = 'twine.nat.forward.';
export const ROUTE = 'twine.route.';
export const IPTABLES_RULE = 'twine.iptables.rule.';

/** A label as docs/reference.md shows it; text in Markdown. */
interface LabelSpec {
  readonly key: `${typeof LABEL_PREFIX}${string}`;
  /** How the key continues, and the same in short; absent where it is complete. */
  readonly rest?: readonly [form: string, short: string];
  readonly value: string;
  readonly meaning: string;
}

/** Every label, in the order of the manual. */
export const LABELS: readonly LabelSpec[] = [
  {
    key: NAT_INTERFACES,
    value: '`<pattern>[,<pattern>…]`',
    meaning:
      'The container forwards what comes or leaves by these interfaces, nothing else, and masquerades what leaves by ' +
      'them.',
  },
  {
    key: NAT_IN_INTERFACES,
    value: '`<pattern>[,<pattern>…]`',
    meaning:
      'Ports that the container forwards may be asked for by these interfaces, too, and nothing else is forwarded by them.',
  },
  {
    key: NAT_FORWARD,
    rest: ['[<pattern>.]<ports>[/<protocols>]', '<port>'],
    value: '`<destination>[:<ports>][,keep]`',
    meaning:
      'Connections to these ports of the container go to the destination; with a pattern only those that arrive by ' +
      'such an interface, with `lo` those of the container to its own 127.0.0.1.',
  },
  {
    key: ROUTE,
    rest: ['<network>', '<network>'],
    value: '`<destination>`',
    meaning:
      'A route to the network by way of the destination. `0.0.0.0/0`, its two halves and `::/0` work, too.',
  },
  {
    key: IPTABLES_RULE,
    rest: ['<name>', '<name>'],
    value: '`<chain> <rule>`',
    meaning: 'A rule in the syntax of iptables. [Which matches and targets](rules.md)',
  },
  {
    key: HOST_ROUTES,
    value: '`<network>[,<network>…]`',
    meaning: 'A route on the **host** to the network by way of this container.',
  },
  {
    key: STRICT,
    value: '`true` or `false`',
    meaning:
      'While any label of the container is not in force, it sends and forwards nothing but loopback. [How](#twinestrict)',
  },
];

const WHOLE = LABELS.filter(({ rest }) => rest === undefined).map(({ key }) => key);
/** What the other keys begin with. */
const KNOWN_HEADS = LABELS.filter(({ rest }) => rest !== undefined).map(({ key }) => key);

const ALL_KEYS = LABELS.map(({ key, rest }) => key + (rest?.[1] ?? ''));

/** Keys of earlier versions of twine, and their names now. */
const FORMER: readonly [former: string, now: string][] = [
  ['twine.gateway.interface', NAT_INTERFACES],
  ['twine.forward.', NAT_FORWARD],
];

/** What a key of an earlier version is called now; undefined for any other. */
export function currentKey(key: string): string | undefined {
  const found = FORMER.find(([former]) => key === former || (former.endsWith('.') && key.startsWith(former)));
  return found && found[1] + key.slice(found[0].length);
}

/**
 * A sentence about a key that is none of ours.
 * @param suggestion the label that it can only mean, as a question
 */
export function describeUnknown(key: string, suggestion?: string): string {
  if (suggestion !== undefined) return `unknown label: ${suggestion}`;
  const current = currentKey(key);
  if (current !== undefined) return `this label has been renamed: write ${current}`;
  const near = nearestKey(key) ?? incompleteKey(key);
  // With a network it would be a route, and that be the suggestion.
  const other = near?.startsWith(ROUTE) ? ruleKey(key) : near;
  return other === undefined
    ? `unknown label: there are ${ALL_KEYS.slice(0, -1).join(', ')} and ${ALL_KEYS.at(-1)}`
    : `unknown label: did you mean ${other}?`;
}

/** What begins as one of ours and ends too soon, with what belongs behind it; and a rule without its word. */
function incompleteKey(key: string): string | undefined {
  const label = LABELS.find(({ key: head, rest }) => rest !== undefined && `${key}.`.toLowerCase() === head);
  if (label) return label.key + label.rest![1];
  const name = /^twine\.ip6?tables\.([\w-]+)$/i.exec(key)?.[1];
  return name === undefined ? undefined : IPTABLES_RULE + name;
}

/** `twine.rule.x` as it should be. */
function ruleKey(key: string): string | undefined {
  const name = /^twine\.rules?\.(?:rules?\.)?(.+)$/is.exec(key)?.[1];
  return name === undefined ? undefined : IPTABLES_RULE + name;
}

/** The nearest complete key; or the nearest prefix, with the rest of the key after it. */
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
