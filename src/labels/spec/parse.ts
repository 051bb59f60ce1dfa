// The parser of one container's labels: from text to ContainerIntent, and one sentence for each mistake. Total: any text is
// either understood or reported, and a bad label does not affect the others. Pure. Not here: whether a name resolves
// (labels/planner/name-index.ts), which labels are too many (selected-keys.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import { ownKey } from '../../base/ownership.js';
import { quote } from '../../base/plain-text.js';
import { RuleError } from '../../nft/iptables/syntax/rule.js';
import { translateRule } from '../../nft/iptables/translate.js';
import { formatDestination, parseDestinations, parseNetwork, splitList, splitPort } from './destination.js';
import { ALL_LABELS, diagnostic, limitDiagnostics } from './diagnostics.js';
import { forwardSubject, forwardTarget, parseForward } from './forward.js';
import { DEFAULT_ROUTES } from './found-networks.js';
import { hintFor, hintForWord, type ValueKind, whyMistaken } from './hints.js';
import type {
  ContainerIntent,
  Destination,
  Diagnostic,
  HostRouteIntent,
  InterfacePattern,
} from './intent.js';
import { formatPattern, parsePattern } from './interface-pattern.js';
import {
  describeUnknown,
  HOST_ROUTES,
  IPTABLES_RULE,
  NAT_FORWARD,
  NAT_IN_INTERFACES,
  NAT_INTERFACES,
  ROUTE,
  STRICT,
} from './label-keys.js';
import { meaningOf, suggestionFor } from './misspelt.js';
import { closeNetworks, failClosed, isRepeated, newReading, type Reading, routeSubject } from './reading.js';
import { TOO_MANY_RULES } from './rule-budget.js';
import { MAX_KEY_LENGTH, selectKeys } from './selected-keys.js';

const MAX_VALUE_LENGTH = 4096;
const MAX_LIST_ITEMS = 64;
const MAX_RULE_NAME = 64;
/** Ports and ranges of one container, each protocol counted. */
const MAX_FORWARDS = 1024;

/**
 * Never throws. Keys that are not ours are ignored (ownKey).
 * @param container the container's name, for diagnostics
 */
export function decodeLabels(
  container: string,
  labels: ReadonlyMap<string, string>,
  revision = 0,
): { readonly intent: ContainerIntent; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const report = (key: string, message: string): void => {
    diagnostics.push(diagnostic(container, key, message));
  };
  const reading = newReading();
  const { keys, long, tooMany, mayClose } = selectKeys(labels);
  const failed: [key: string, message: string][] = [];
  for (const key of keys) {
    try {
      decodeLabel(key, labels.get(key)!, reading);
    } catch (err) {
      failed.push([key, messageFor(err)]);
    }
  }
  for (const key of long) {
    failed.push([key, `the label's key is ${key.length} characters long: give at most ${MAX_KEY_LENGTH}`]);
  }
  if (tooMany !== undefined) {
    const closed = mayClose ? closeNetworks(ALL_LABELS, DEFAULT_ROUTES, reading) : undefined;
    const message = closed === undefined ? tooMany : `${tooMany}; until then ${closed}`;
    report(ALL_LABELS, message);
  }
  // A label that can be read counts before one with a mistake, so these come last.
  for (const [key, message] of failed) report(key, message + failClosed(key, message, reading));
  const { subjects, budget, ...intent } = reading;
  const bounded = limitDiagnostics(diagnostics);
  const mistaken = bounded.map(({ key }) => key);
  return { intent: { revision, ...intent, ...(mistaken.length > 0 && { mistaken }) }, diagnostics: bounded };
}

function messageFor(err: unknown): string {
  if (err instanceof UserError || err instanceof RuleError) return err.message;
  return `the label cannot be read: ${String(err)}`;
}

/** @throws UserError, RuleError */
function decodeLabel(key: string, text: string, reading: Reading): void {
  if (text.length > MAX_VALUE_LENGTH) {
    throw new UserError(`the value is ${text.length} characters long: give at most ${MAX_VALUE_LENGTH}`);
  }
  const value = text.trim();
  const reader = readerOf(key);
  if (!reader) throw new UserError(describeUnknown(ownKey(key) ?? key, suggestionFor(meaningOf(key))));
  const { kind, read } = reader;
  const mistaken = whyMistaken(kind, value);
  if (mistaken !== undefined) throw new UserError(mistaken);
  try {
    read(key, value, reading);
  } catch (err) {
    const hint = hintFor(kind, value) ?? (err instanceof RuleError ? hintForWord(err.token) : undefined);
    throw hint === undefined ? err : new UserError(hint, { cause: err });
  }
}

interface LabelReader {
  readonly kind: ValueKind;
  /** @throws UserError, RuleError */
  readonly read: (key: string, value: string, reading: Reading) => void;
}

/** What reads the value of a label; undefined for a key that is none of ours. */
function readerOf(key: string): LabelReader | undefined {
  if (key === NAT_INTERFACES || key === NAT_IN_INTERFACES)
    return { kind: 'interfaces', read: readInterfaces };
  if (key === STRICT) return { kind: 'other', read: readStrict };
  if (key === HOST_ROUTES) return { kind: 'networks', read: readHostRoutes };
  if (key.startsWith(NAT_FORWARD)) return { kind: 'forward', read: readForward };
  if (key.startsWith(ROUTE)) return { kind: 'gateway', read: readRoute };
  return key.startsWith(IPTABLES_RULE) ? { kind: 'rule', read: readRule } : undefined;
}

function readStrict(_: string, value: string, reading: Reading): void {
  if (!/^(true|false)$/i.test(value))
    throw new UserError(`${quote(value)} is neither true nor false: give one of them`);
  if (value.toLowerCase() === 'true') reading.isStrict = true;
}

function readInterfaces(key: string, value: string, { natInterfaces, inInterfaces }: Reading): void {
  const found = new Map<string, InterfacePattern>();
  for (const item of list(value, 'interfaces', 'eth0,wg+')) {
    const pattern = parsePattern(item);
    found.set(formatPattern(pattern), pattern);
  }
  (key === NAT_INTERFACES ? natInterfaces : inInterfaces).push(...found.values());
}

function readHostRoutes(key: string, value: string, { hostRoutes }: Reading): void {
  const found = new Map<string, HostRouteIntent>();
  for (const item of list(value, 'networks', '10.1.0.0/16,fd00::/8')) {
    const network = parseNetwork(item);
    found.set(formatPrefix(network), { key, network });
  }
  hostRoutes.push(...found.values());
}

function readForward(key: string, value: string, reading: Reading): void {
  const forwards = parseForward(key, key.slice(NAT_FORWARD.length), required(value, 'web:80'));
  if (reading.forwards.length + forwards.length > MAX_FORWARDS)
    throw new UserError(
      `with this label the container forwards more than ${MAX_FORWARDS} ports and ranges, so it does not count: write neighbours as a range, such as 6881-6889`,
    );
  let contradiction: unknown;
  for (const forward of forwards) {
    try {
      const subject = `forward ${forwardSubject(forward)}`;
      if (!isRepeated(subject, key, forwardTarget(forward), reading)) reading.forwards.push(forward);
    } catch (err) {
      // The label's other ports count.
      contradiction ??= err;
    }
  }
  if (contradiction !== undefined) throw contradiction;
}

function readRoute(key: string, value: string, reading: Reading): void {
  const network = readRouteNetwork(key);
  const destination = readGateway(required(value, 'wireguard'), network);
  if (isRepeated(routeSubject(network), key, formatDestination(destination), reading)) return;
  reading.routes.push({ key, network, destination });
}

function readRouteNetwork(key: string): Prefix {
  const text = key.slice(ROUTE.length);
  try {
    return parseNetwork(text);
  } catch (err) {
    const meaning = meaningOf(key);
    if (text === 'default' || meaning?.kind !== 'route' || !meaning.isExact || meaning.networks.length === 0)
      throw err;
    throw new UserError(`${quote(text)} is not a network: ${suggestionFor(meaning)}`, { cause: err });
  }
}

/** The destination of a route: of its network's family, and without a port. */
function readGateway(value: string, network: Prefix): Destination {
  const parts = value.split(',').map(part => splitPort(part.trim()));
  const destination = parseDestinations(parts.map(({ host }) => host).join(','));
  if (parts.some(({ port }) => port !== undefined)) {
    throw new UserError(
      `${quote(value)} has a port, and a route has none: give ${formatDestination(destination)}`,
    );
  }
  const { family } = network.address;
  const other = (destination.kind === 'list' ? destination.choices : [destination]).find(
    one => one.kind === 'address' && one.address.family !== family,
  );
  if (other) {
    throw new UserError(
      `${formatDestination(other)} is no IPv${family} address, but the network is IPv${family}: give a gateway of the same family, or its name`,
    );
  }
  return destination;
}

function readRule(key: string, value: string, { rules, budget }: Reading): void {
  const name = key.slice(IPTABLES_RULE.length);
  if (!/^[A-Za-z0-9_-]+$/.test(name) || name.length > MAX_RULE_NAME) {
    throw new UserError(
      `${quote(name)} is not the name of a rule: give at most ${MAX_RULE_NAME} letters, digits, hyphens and underscores`,
    );
  }
  if (budget.isSpent) throw new UserError(TOO_MANY_RULES);
  // Names contain no dot, so no two rules share the name of a set.
  const rule = translateRule(value, { setPrefix: `rule.${name}.` });
  if (!budget.take(rule.rules.length)) throw new UserError(TOO_MANY_RULES);
  rules.push({ key, name, rule });
}

function list(value: string, what: string, example: string): string[] {
  const count = required(value, example).split(',').length;
  if (count > MAX_LIST_ITEMS)
    throw new UserError(`the value has ${count} ${what}: give at most ${MAX_LIST_ITEMS}`);
  return splitList(value);
}

function required(value: string, example: string): string {
  if (value === '') throw new UserError(`the value is empty: give one such as ${example}`);
  return value;
}
