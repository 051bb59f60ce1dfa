// Guesses which networks a malformed text means: quoted, in a list, with letters for digits, with a mask or a bad length.
// In doubt, the widest. Pure. Not here: networks without a mistake (destination.ts), which keys are about routes
// (misspelt.ts).

import {
  type Address,
  formatPrefix,
  fromBytes,
  type Prefix,
  parseAddress,
  parsePrefix,
  samePrefix,
} from '../../base/ip.js';
import { undress } from '../../base/plain-text.js';
import { parseNetwork } from './destination.js';

/** What is looked at of a text, and what is found in it at most: beyond either, all may be meant. */
const [MAX_TEXT, MAX_NETWORKS] = [255, 16] as const;
export const DEFAULT_ROUTES: readonly Prefix[] = ['0.0.0.0/0', '::/0'].map(text => parsePrefix(text)!);
const MAPPED = parsePrefix('::ffff:0:0/96')!;
/** What ip-route(8), route(8), firewalls and people call everything. */
const EVERYTHING: ReadonlySet<string> = new Set([
  'default',
  'any',
  'all',
  'everything',
  'internet',
  'world',
  '*',
]);

/** Groups with colons between, of which the first is no octet of IPv4; a slash, or what is taken for one; a length. */
const IPV6 =
  /((?:(?<![\p{L}\p{N}]|(?<![\p{L}\p{N}])\d{1,3}\.)[0-9a-f]{1,4})?:[0-9a-f:.]*)\]?(?:\s*[/\\_]\s*([a-z0-9]*))?/gu;
/** One to four octets; a slash, or what is taken for one; a length or a mask. */
const IPV4 =
  /(?<!\d)(\d{1,3}(?:,\d{1,3}){3}|\d{1,3}(?:\.\d{1,3}){0,3})(?:\s*[/\\_]\s*(\d+(?:\.\d+){3}|[a-z0-9]*))?(?!\.?\d)/g;
/** What may be a network of which no more can be read, and what may be a part of one. */
const [REMNANT, PART] = [/[/\\]\s*[a-z0-9]|\d\.\d|::/, /[\p{N}|]|(?<!\p{L})[a-f]{1,4}(?!\p{L})/u] as const;
/** Of the rest, words, but for hexadecimal ones, whose digits are part of no network: `v6`, `eth0`, `vpn1`. */
const NUMBERED = /(?<![\p{L}\p{N}])(?:v[46]|(?!ip\d)(?=[a-z]*[g-z])[a-z]{2,}\d{1,2})(?![\p{L}\p{N}])/gu;
/** Before an octet: a number or letters go on in it, such as `1O.`, and where there are fewer than four, a word of letters that may be one. */
const [CUT_OCTET, CUT_FEW] = [/(?:\p{L}|\p{N}\p{L}*\.)$/u, /(?<![\p{L}\p{N}])\p{L}{1,3}\.$/u] as const;
/** At a group of IPv6: letters go on in it, or a word before its colon may be one, such as `2OOO:`. */
const CUT_GROUP = /(?:\p{N}\p{L}*|\.):|\p{L}::|(?:^|\.)(?!route)[\p{L}\p{N}]{1,5}:$/u;

/** What stands in the place of a network that was found. */
const TAKEN = '\ue000';
/** Between two networks: from one to the other, so what is between them is meant, too. */
const RANGE = /\ue000\s*(?:[-~\u2010-\u2015]|\.{2,}|(?:to|until|through|thru)(?!\p{L}))\s*\ue000/u;
/** All but what follows. */
const NEGATION = /[!^~]|(?<!\p{L})(?:no|not|non|but|except|exclude|excluding|without|minus)(?!\p{L})/u;

interface Guess {
  readonly network: Prefix;
  /** Whether it is what the text says, and not the widest that it may mean. */
  readonly isExact: boolean;
  /** Whether nothing but a network is written like this. */
  readonly isClear: boolean;
}

export interface FoundNetworks {
  /** All that the text may mean, each once, IPv4 first, without those that no route can lead to; both default routes where it says none. */
  readonly networks: readonly Prefix[];
  /** Whether the text says each of them. */
  readonly isExact: boolean;
  /** Whether it has something that can be nothing but a network. */
  readonly isClear: boolean;
}

export function findNetworks(given: string): FoundNetworks {
  const text = given.trim();
  const exact = parsePrefix(text);
  if (exact && routable(exact).length > 0) return { networks: routable(exact), isExact: true, isClear: true };
  const mapped = exact ? routable(unmapped(exact)) : [];
  if (mapped.length > 0) return { networks: mapped, isExact: true, isClear: true };
  // `0.0.0.0/8`, where all was meant.
  if (exact && text.includes('/') && exact.address.bytes.every(byte => byte === 0))
    return { networks: [allOf(exact)], isExact: false, isClear: true };
  const guesses: Guess[] = [];
  let tried = 0;
  const take = (match: string, read: () => Guess | undefined): string => {
    const guess = ++tried > MAX_NETWORKS ? undefined : read();
    if (guess) guesses.push(guess);
    return guess ? TAKEN : match;
  };
  const rest = undress(text.slice(0, MAX_TEXT))
    .replace(IPV6, (match, address: string, length: string | undefined, at: number, whole: string) =>
      take(match, () => guessIPv6(address, length, whole.slice(0, at), whole.slice(at + match.length))),
    )
    .replace(IPV4, (match, address: string, length: string | undefined, at: number, whole: string) =>
      take(match, () =>
        !exact && length === undefined && isMask(address)
          ? { network: DEFAULT_ROUTES[0]!, isExact: false, isClear: true }
          : guessIPv4(address, length, whole.slice(0, at), whole.slice(at + match.length)),
      ),
    );
  const saysAll = rest.split(/[^a-z*]+/).some(word => EVERYTHING.has(word));
  const said = guesses.flatMap(({ network }) => routable(network));
  // Where a guess is already the widest, what stands beside it was a part of that.
  const isWidest = guesses.some(({ network, isExact }) => network.length === 0 && !isExact);
  const mayMeanMore =
    guesses.length === 0 ||
    (said.length === 0 && !exact) ||
    tried > MAX_NETWORKS ||
    text.length > MAX_TEXT ||
    REMNANT.test(rest) ||
    RANGE.test(rest) ||
    NEGATION.test(rest) ||
    (!isWidest && PART.test(rest.replace(NUMBERED, ' ')));
  const all = [...said, ...(saysAll || mayMeanMore ? DEFAULT_ROUTES : [])];
  const unique = new Map(all.map(network => [formatPrefix(network), network]));
  return {
    networks: [...unique.values()].sort((a, b) => a.address.family - b.address.family),
    isExact: guesses.every(({ isExact }) => isExact) && (saysAll || !mayMeanMore),
    isClear: guesses.some(({ isClear }) => isClear),
  };
}

/** @param before what stands before it, as behind it */
function guessIPv6(
  text: string,
  length: string | undefined,
  before: string,
  behind: string,
): Guess | undefined {
  // To find out that a text is no address costs an error.
  if (!/::|(?:[0-9a-f]*:){7}/.test(text)) return undefined;
  // `:::10.0.0.0/8` may be one of IPv4.
  if (text.includes(':::') && text.includes('.')) return undefined;
  // `route:fd00::/8`, and an address at the end of a sentence.
  const texts = new Set([text, text.replace(/^:/, ''), text.replace(/[.:]$/, '')]);
  for (const one of texts) if (/:::|::.+::/.test(one)) texts.delete(one);
  const read = [...texts].find(one => parseAddress(one)?.family === 6);
  const found = read === undefined ? undefined : guess(parseAddress(read)!, length, length !== undefined);
  // `2001:db8::1:/48`, `200:::/3`: something stood at its end.
  const isShort = length !== undefined && read !== text && read !== undefined && text.startsWith(read);
  // `route2000::/3`: where its first group begins nobody can say.
  const [word = ''] = /[\p{L}\p{N}.]*$/u.exec(before) ?? [];
  const start = /^:{0,2}/.exec(text)![0];
  const isCut = isShort || (start !== '' && CUT_GROUP.test(word + start)) || goesOn(length, behind);
  return found && isCut ? widened(found) : found;
}

/** @param before what stands before it, as behind it */
function guessIPv4(
  text: string,
  length: string | undefined,
  before: string,
  behind: string,
): Guess | undefined {
  const octets = text.split(/[.,]/);
  const given = length?.includes('.') ? lengthOf(length) : length;
  // Of IPv6, such as `:0/0`.
  if (octets.length < 4 && before.endsWith(':')) return undefined;
  // `10/8` as ip(8) takes it. A number or two are no network without a length.
  if (octets.length < 4 && (given === undefined || readLength(given, 32) === undefined)) return undefined;
  const isClear = octets.length === 4;
  const full = [...octets, '0', '0', '0'].slice(0, 4).map(Number).join('.');
  const address = parseAddress(full);
  const found = address && guess(address, given, isClear);
  // `1000.0.0.0/8`, `10.0.0.0.0/8`, `l0.1.0.0/16`: what its first octet is nobody can say.
  const isCut =
    CUT_OCTET.test(before) || (octets.length < 4 && CUT_FEW.test(before)) || goesOn(length, behind);
  return found && (isCut || isSlip(octets, length)) ? widened(found) : found;
}

/** `10.0.0.08`, where a slash is missing, and 127.16.0.0/12, which is 172.16.0.0/12 with two digits changed about. */
function isSlip([first, second, , last]: readonly string[], length: string | undefined): boolean {
  const isJoined = length === undefined && /^0\d/.test(last ?? '');
  return isJoined || (first === '127' && Number(second) >= 16 && Number(second) < 32);
}

/** Whether an address without a length goes on with what is no part of one: `10.0.0.1O`. */
function goesOn(length: string | undefined, behind: string): boolean {
  return length === undefined && /^[\p{L}\p{N}]/u.test(behind);
}

/** All of its family. */
function widened(guess: Guess): Guess {
  if (guess.network.length === 0) return guess;
  return { ...guess, network: allOf(guess.network), isExact: false };
}

function allOf({ address }: Prefix): Prefix {
  return DEFAULT_ROUTES.find(route => route.address.family === address.family)!;
}

/** @param length what stands behind the slash; undefined: there is none */
function guess(address: Address, length: string | undefined, isClear: boolean): Guess {
  const bits = address.bytes.length * 8;
  const read = readLength(length ?? '', bits);
  if (read !== undefined) return { network: { address, length: read }, isExact: true, isClear };
  const widest = { address, length: bits - trailingZeros(address) };
  if (widest.length === 0) return { network: widest, isExact: true, isClear };
  const isHost = address.bytes.at(-1) !== 0;
  if (isHost && length === undefined) return { network: widest, isExact: true, isClear };
  const found = { network: widest, isExact: false, isClear };
  // Of 10.1.2.3/O nobody can say in which network it is.
  return isHost ? widened(found) : found;
}

function readLength(text: string, bits: number): number | undefined {
  const length = /^0*\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  return length <= bits ? length : undefined;
}

/** The length of a mask such as 255.255.0.0, as text; no number for one with holes. */
function lengthOf(mask: string): string {
  const octets = mask.split('.').map(octet => Number(octet).toString(2).padStart(8, '0'));
  const bits = octets.join('');
  return /^1*0*$/.test(bits) && bits.length === 32 ? String(bits.replace(/0+$/, '').length) : 'none';
}

/** Whether it is a mask, or one the other way round: `192.168.1.1 255.255.255.0` is a network that it begins. */
function isMask(address: string): boolean {
  const octets = address.split('.');
  const inverse = octets.map(octet => 255 - Number(octet)).join('.');
  const isWhole = octets.length === 4 && /[1-9]/.test(address);
  return isWhole && [address, inverse].some(mask => mask.startsWith('255.') && lengthOf(mask) !== 'none');
}

function trailingZeros({ bytes }: Address): number {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('');
  return bits.length - bits.replace(/0+$/, '').length;
}

/** The network of IPv4 that is written as one of IPv6: `::ffff:10.0.0.0/104`. Any other as it is. */
function unmapped(network: Prefix): Prefix {
  const { address, length } = network;
  if (length < 96 || !samePrefix({ address, length: 96 }, MAPPED)) return network;
  return { address: fromBytes(address.bytes.subarray(12)), length: length - 96 };
}

/** Without those that no route can lead to. */
function routable(network: Prefix): Prefix[] {
  try {
    return [parseNetwork(formatPrefix(network))];
  } catch {
    return [];
  }
}
