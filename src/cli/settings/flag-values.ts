// Values of flags, from text, each with its sentence for a mistake. Not here: which flags there are (cli/command-line.ts).

import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { messageOf } from '../../base/errors.js';
import { type Address, maskPrefix, type Prefix, parseAddress, parsePrefix } from '../../base/ip.js';
import { nearest } from '../../base/suggest.js';
import { excerpt } from '../../base/text.js';
import type { MetricsAddress } from '../../control/metrics-address.js';
import { parseDockerHost } from '../../docker/docker-host.js';
import { isLinkName } from '../../netlink/route/link.js';
import { readGoBoolean } from './go-flags.js';
import { parsePasswd, readUsers } from './users.js';

/** Seconds for `--look-interval`. */
const [SHORTEST_RESYNC, LONGEST_RESYNC] = [0.1, 86_400] as const;

/** Flags that can be understood one by one, but not together. */
export class UsageError extends Error {}

/** The value of `-r`: a boolean, or users. */
export function readRootless(text: string): boolean | readonly number[] {
  if (text === '') throw new InvalidArgumentError('Give true, false, or users such as alice,1001.');
  const value = readGoBoolean(text);
  if (value !== undefined) return value;
  try {
    return readUsers(text, parsePasswd(readFileSync('/etc/passwd', 'utf8')));
  } catch (err) {
    throw new InvalidArgumentError(`${messageOf(err)}.`);
  }
}

/** The value of `--rootless-ifname`, after those that were given before it. No pattern: `+` and `*` mean one elsewhere. */
export function readLinkNames(text: string, before: readonly string[]): string[] {
  const names = text.split(',').map(name => name.trim());
  if (!names.every(name => isLinkName(name) && !/[*+]/.test(name)))
    throw new InvalidArgumentError('Give names of interfaces such as wg0, separated by commas.');
  return [...before, ...names];
}

/** The value of `-i`. */
export function readIp(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new InvalidArgumentError('Give an IPv4 or IPv6 address, without a prefix length.');
  return address;
}

/** The value of `--docker-host`. */
export function readDockerHost(text: string): string {
  try {
    parseDockerHost(text);
  } catch (err) {
    throw new InvalidArgumentError(`It ${messageOf(err)}.`);
  }
  return text;
}

/** The value of `--allow-host-routes`, after those that were given before it. */
export function readNetworks(text: string, before: readonly Prefix[] = []): Prefix[] {
  const networks = text.split(',').map(part => {
    const prefix = parsePrefix(part.trim());
    if (!prefix) throw new InvalidArgumentError('Give networks such as 10.0.0.0/8, separated by commas.');
    return maskPrefix(prefix);
  });
  return [...before, ...networks];
}

/** The value of `--look-interval`. */
export function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < SHORTEST_RESYNC || seconds > LONGEST_RESYNC)
    throw new InvalidArgumentError(`Give seconds, from ${SHORTEST_RESYNC} to ${LONGEST_RESYNC}.`);
  return seconds;
}

/** The value of `--metrics`: `9586`, `:9586`, `127.0.0.1:9586`, `[::1]:9586`. */
export function readMetricsAddress(text: string): MetricsAddress {
  const [, host = '', digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  const address = /^\[.*\]$/.test(host) ? host.slice(1, -1) : host;
  const family = parseAddress(address)?.family;
  const isWell = host === '' || (family === 6) === host.startsWith('[');
  const port = Number(digits);
  if (port < 1 || port > 65_535 || !isWell || (host !== '' && family === undefined))
    throw new InvalidArgumentError(
      'Give a port such as 9586, or an address with it: 192.0.2.1:9586, [::1]:9586.',
    );
  return { host: host === '' ? '127.0.0.1' : address, port };
}

/** What is said of a word that nothing has. */
export function unknownWord(kind: string, word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return `unknown ${kind} ${excerpt(word)}: ${near ? `did you mean ${near}?` : `the ${kind}s are ${known.join(', ')}`}`;
}
