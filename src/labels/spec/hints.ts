// Hints: what was probably meant by a value that cannot be read, or that can but surely means something else: quotes, a
// variable or a command that nothing has replaced, spaces for commas. Pure. Not here: reading values (parse.ts), misspelt
// keys (misspelt.ts), ports (ports.ts).

import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { plain, quote } from '../../base/plain-text.js';
import { findNetworks } from './found-networks.js';

/** What a value is to hold. */
export type ValueKind = 'interfaces' | 'networks' | 'gateway' | 'forward' | 'rule' | 'other';

/** Characters of a suggestion that are shown. */
const SHOWN_MAX = 80;
const QUOTES = /["'\u2018-\u201f]/g;
const EXAMPLES: Readonly<Record<ValueKind, string>> = {
  interfaces: 'name the interfaces, such as eth0,wg+; + alone is all of them',
  networks: 'name the networks, such as 10.1.0.0/16',
  gateway: 'name the gateway, such as the container vpn',
  forward: 'name the destination, such as web:80',
  rule: 'give a rule, such as TWINE_INPUT -j DROP',
  other: 'give the value itself',
};

/** The sentence for a value that can be read and is nevertheless surely wrong; undefined for any other. */
export function whyMistaken(kind: ValueKind, value: string): string | undefined {
  if (kind === 'rule') return whyInterfaceMistaken(value);
  if (kind === 'other') return undefined;
  const words = value.split(',').map(word => word.trim());
  return whyWhether(kind, words) ?? (kind === 'interfaces' ? whyNoInterface(words) : undefined);
}

function whyWhether(kind: ValueKind, words: readonly string[]): string | undefined {
  const word = words.find(one => /^(true|false|yes|no)$/i.test(one));
  return word && `${quote(word)} says only whether: ${EXAMPLES[kind]}`;
}

/** Words for every interface, which the kernel gives to none, and addresses. */
function whyNoInterface(words: readonly string[]): string | undefined {
  const every = words.find(word => /^(all|any|default)$/i.test(word));
  if (every !== undefined) return `${quote(every)} is no interface: did you mean +, which is all of them?`;
  // To find out that a text is no address costs an error.
  const address = words.find(
    word => word.length <= 45 && /^[\d.]+$|^[\da-f.]*:[\da-f.:]+$/i.test(word) && parseAddress(word),
  );
  return address && `${quote(address)} is an address: ${EXAMPLES.interfaces}`;
}

/** The sentence for a value that cannot be read, where it says more than that it cannot; else undefined. */
export function hintFor(kind: ValueKind, value: string): string | undefined {
  return (
    whyUnreplaced(kind, value) ??
    whyQuoted(kind, value) ??
    (kind === 'interfaces' || kind === 'networks' ? whyPort(kind, value) : undefined) ??
    (kind === 'gateway' || kind === 'forward' ? (whyUrl(value) ?? whyComposed(value)) : undefined) ??
    (kind === 'gateway' ? whyLength(value) : undefined) ??
    (kind === 'forward' ? (whyTwoPorts(value) ?? whyTwoProtocols(value)) : undefined) ??
    whyCommand(kind, value) ??
    (kind === 'rule' || kind === 'other' ? undefined : whySeparated(kind, value)) ??
    (kind === 'networks' ? whyMasked(value) : undefined)
  );
}

/** The sentence for a word of a rule that cannot be read, where it says more than that. */
export function hintForWord(word: string): string | undefined {
  return whyUnreplaced('interfaces', word);
}

/** A command, a variable, or wg-quick's %i. */
function whyUnreplaced(kind: ValueKind, value: string): string | undefined {
  // In a rule they may stand in a comment.
  if (kind === 'rule') return undefined;
  if (/\$\(|`/.test(value))
    return `${quote(value)} has a command in it, and no shell runs it: give what it would print`;
  const [variable] = /\$\{?[A-Za-z_]\w*(:?[-?+][^}]*)?\}?/.exec(value) ?? [];
  if (variable !== undefined)
    return `${quote(value)} has the variable ${plain(variable, SHOWN_MAX)} in it, which nothing has replaced: give the value, or let Compose replace it (\${NAME} with one dollar sign)`;
  if (/%[iI]\b/.test(value))
    return `${quote(value)} has wg-quick's word for its own interface in it: ${EXAMPLES[kind]}`;
  return undefined;
}

/** Quotes belong to YAML or to a shell; in `- label="value"` they stay. */
function whyQuoted(kind: ValueKind, value: string): string | undefined {
  // Within a rule they are the rule's.
  const isAll = /^(["'\u2018-\u201f]).*["'\u2018-\u201f]$/s.test(value);
  // `["eth0", "wg+"]` is a list of YAML.
  const isList = /^\[\s*["'].*["']\s*\]$/s.test(value);
  const bare = (isList ? value.slice(1, -1) : value).replace(QUOTES, '');
  if (bare === value || (kind === 'rule' && !isAll)) return undefined;
  return `${quote(value)} has quotes in it, which are part of the value here: take the quotes away${
    kind === 'rule' ? ' that are around the whole' : ` and give ${plain(bare.trim(), SHOWN_MAX)}`
  }`;
}

function whyPort(kind: ValueKind, value: string): string | undefined {
  const [, name = '', port] = /^([^,\s]*[^,\s:]):(\d+)$/.exec(value) ?? [];
  // The last group of an IPv6 address is no port.
  if (port === undefined || (name.includes(':') && !name.endsWith(']'))) return undefined;
  return `${quote(value)} has a port, and ${kind} have none: did you mean ${plain(name, SHOWN_MAX)}?`;
}

function whyUrl(value: string): string | undefined {
  const [, host] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#\s]+)/i.exec(value) ?? [];
  return host && `${quote(value)} is a URL: did you mean ${plain(host, SHOWN_MAX)}?`;
}

/** `container:vpn` and `service:vpn`, as network_mode has them. */
function whyComposed(value: string): string | undefined {
  const [, word, rest = ''] = /^(container|service|network|name):(\s*[a-z_][\w.:-]*)$/i.exec(value) ?? [];
  return (
    word && `${quote(value)} has ${word} before the name: did you mean ${plain(rest.trim(), SHOWN_MAX)}?`
  );
}

function whyLength(value: string): string | undefined {
  const prefix = parsePrefix(value);
  if (!prefix || !value.includes('/')) return undefined;
  const address = formatAddress(prefix.address);
  return `${quote(value)} is a network, and a gateway one address: did you mean ${address}?`;
}

/** `80:web:80`, `web:80:8080`. */
function whyTwoPorts(value: string): string | undefined {
  const [, before, name = '', port = '', after] =
    /^(?:(\d+):)?([a-z_][\w.-]*):(\d+)(?::(\d+))?$/i.exec(value) ?? [];
  if (before === undefined && after === undefined) return undefined;
  return `${quote(value)} has more than one port: those of the container itself stand in the label's key, twine.nat.forward.${before ?? port}=${plain(name, SHOWN_MAX)}:${after ?? port}`;
}

function whyTwoProtocols(value: string): string | undefined {
  const [, rest = '', one] = /^(.*?)\/(tcp|udp)\s*[,/+|&]\s*(?:tcp|udp)$/i.exec(value) ?? [];
  if (one === undefined) return undefined;
  return `${quote(value)} has two protocols: they stand behind the port in the label's key, as in twine.nat.forward.80/tcp,udp=${plain(rest, SHOWN_MAX)}`;
}

/** `10.0.0.0/255.0.0.0`. */
function whyMasked(value: string): string | undefined {
  if (!/^\d[\d.]*\/\d[\d.]*(?:\s*,\s*\d[\d.]*\/\d[\d.]*)*$/.test(value)) return undefined;
  const { networks, isExact } = findNetworks(value);
  if (!isExact || networks.length === 0) return undefined;
  return `${quote(value)} is not a network: did you mean ${plain(networks.map(formatPrefix).join(','), SHOWN_MAX)}?`;
}

/** Words of ip-route(8), and options of iptables(8). */
function whyCommand(kind: ValueKind, value: string): string | undefined {
  const words = value.split(/\s+/);
  const at = words.findIndex(word => /^(via|dev|-{1,2}[a-z-]+)$/i.test(word));
  if (kind === 'rule' || kind === 'other' || at < 0) return undefined;
  // What says no must not be answered by its opposite.
  if (
    words.slice(0, at).some(word => /^(!|not|unreachable|blackhole|prohibit|throw|reject|drop)$/i.test(word))
  )
    return undefined;
  if (kind === 'gateway' && words.length === 2 && /^dev$/i.test(words[0]!))
    return `${quote(value)} is as ip(8) takes an interface, and a route leads to a gateway: give the name of its container, or its address`;
  const isFirst = kind === 'networks' || (kind === 'forward' && at > 0);
  const meant = isFirst || !/^(via|-)/i.test(words[at]!) ? words[0] : words[at + 1];
  if (meant === undefined || !/^[\w.+:/[\]][\w.+:/[\]-]*$/.test(meant) || meant === words[at])
    return undefined;
  return `${quote(value)} is as ip(8) or iptables(8) take it: did you mean ${plain(meant, SHOWN_MAX)}?`;
}

/** Spaces or semicolons for commas. */
function whySeparated(kind: ValueKind, value: string): string | undefined {
  for (const separator of [/\s*,\s*|\s+(?:(?:and|or|then)\s+)?/i, /[,;]+/, /[,|]+/]) {
    const parts = value.split(separator);
    if (parts.length < 2 || !parts.every(part => /^[\w.+:/[\]-]+$/.test(part))) continue;
    if (parts.join(',') === value.replace(/\s*,\s*/g, ',')) continue;
    const isPort = kind === 'forward' && parts.length === 2 && /^\d+$/.test(parts[1]!);
    return `${quote(value)} has no commas between its parts: did you mean ${plain(parts.join(isPort ? ':' : ','), SHOWN_MAX)}?`;
  }
  return undefined;
}

/** Of a rule: the interface that is only a word for one. iptables takes any text as a name. */
function whyInterfaceMistaken(rule: string): string | undefined {
  const names = (text: string): string[] =>
    [...text.matchAll(/(?:^|\s)(?:-[io](?:\s+|=?)|--(?:in-|ou)[a-z-]*(?:\s+|=))("[^"]*"|'[^']*'|\S+)/g)].map(
      ([, given = '']) => given.replace(/^["']|["']$/g, ''),
    );
  const unreplaced = names(rule).map(name => whyUnreplaced('interfaces', name));
  // In a comment any of this may stand.
  const bare = rule.replace(/"[^"]*\s[^"]*"|'[^']*\s[^']*'/g, '""');
  return [...unreplaced, ...names(bare).map(whyNoName)].find(why => why !== undefined);
}

/** A list of interfaces, one that is negated in its name, and what is only a word for one. */
function whyNoName(name: string): string | undefined {
  if (/^<.*>$|^\{+.*\}+$/.test(name))
    return `${quote(name)} stands for the name of an interface: give the name itself`;
  const whether = whyWhether('interfaces', [name]);
  if (whether !== undefined) return whether;
  if (name.includes(','))
    return `${quote(name)} is no interface: give each a rule of its own, or wg+ for all that begin so`;
  return /^!./.test(name)
    ? `${quote(name)} is no interface: a space follows the "!", which stands before the option, as in ! -i ${plain(name.slice(1), SHOWN_MAX)}`
    : whyNoInterface([name]);
}
