// Which of a container's labels are read: ours, up to a limit, those before others that may close something. Pure. Not
// here: reading them (parse.ts).

import { ownKey } from '../../base/ownership.js';
import { naturalCompare } from '../../base/plain-text.js';
import { NAT_IN_INTERFACES, NAT_INTERFACES, STRICT } from './label-keys.js';

/** Limits for one container. */
export const MAX_LABELS = 1024;
export const MAX_KEY_LENGTH = 255;
/** How much of a key is tested for what it may close, in characters. */
const MAX_TESTED = 4096;

interface SelectedKeys {
  /** Those that count, in their natural order. */
  readonly keys: readonly string[];
  /** Too long to count. */
  readonly long: readonly string[];
  /** What is said where there are more. */
  readonly tooMany?: string;
  /** Whether something is to be closed for one of these. */
  readonly mayClose: boolean;
}

/** Matches keys that may close something if they are read, and so are read before others. */
const MAY_CLOSE =
  /^twine\.(?!nat\.forward\.|iptables\.rule\.).*(?:rout|strict|interface|default|\d\.\d|::)/is;
/** Matches keys of which it is sure that they close nothing. */
const CLOSES_NOTHING = /^twine\.(?:nat\.forward|iptables\.rule)\./;

/** The keys that are ours and not too many. */
export function selectKeys(labels: ReadonlyMap<string, string>): SelectedKeys {
  const ours = [...labels.keys()].filter(key => ownKey(key) !== undefined);
  const short = ours.filter(key => key.length <= MAX_KEY_LENGTH).sort(naturalCompare);
  const long = ours.filter(key => key.length > MAX_KEY_LENGTH);
  if (short.length <= MAX_LABELS && long.length <= MAX_LABELS) return { keys: short, long, mayClose: false };
  // What a route label that does not count would have kept closed would be open.
  const rank = (key: string): number => {
    if ([STRICT, NAT_INTERFACES, NAT_IN_INTERFACES].includes(key)) return 0;
    return MAY_CLOSE.test(tested(key)) ? 1 : 2;
  };
  const sorted = [0, 1, 2].flatMap(wanted => short.filter(key => rank(key) === wanted));
  return {
    keys: sorted.slice(0, MAX_LABELS).sort(naturalCompare),
    long: long.slice(0, MAX_LABELS),
    tooMany: `the container has ${ours.length} of these labels: the first ${MAX_LABELS} count, routes before others, in the order of their names`,
    mayClose: [...sorted.slice(MAX_LABELS), ...long.slice(MAX_LABELS)].some(
      key => !CLOSES_NOTHING.test(tested(key)),
    ),
  };
}

/** The beginning of a key of ours, as it would be without a slip in its first word. */
function tested(key: string): string {
  return (ownKey(key) ?? key).slice(0, MAX_TESTED);
}
