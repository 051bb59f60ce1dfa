// Values of options that several kinds of network have, and the sentences for those that are wrong. Not here: which options
// there are (option-table.ts), and which belong together (options.ts, exit-options.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, maskPrefix, type Prefix, parsePrefix } from '../../base/ip.js';
import { nearest } from '../../base/suggest.js';
import { excerpt } from '../../base/text.js';
import { isLinkName } from '../../netlink/route/link.js';
import { PATH_MAX } from './model.js';
import { OPTION_NAMES, type OptionName, PREFIX_MAX } from './option-table.js';

/** The absolute path of a file. @throws UserError */
export function readFilePath(name: OptionName, path: string): string {
  // What is no path may be the secret itself.
  if (!path.startsWith('/')) throw new UserError(`${name} is not valid: give the absolute path of a file`);
  if (path.includes('\0') || Buffer.byteLength(path) >= PATH_MAX)
    throw wrong(name, path, 'the absolute path of a file');
  return path;
}

/** The beginning of an interface's name. @throws UserError */
export function readPrefix(text: string): string {
  if (!isLinkName(text) || Buffer.byteLength(text) > PREFIX_MAX) {
    throw wrong('dwgd.prefix', text, `the beginning of an interface name, 1 to ${PREFIX_MAX} bytes`);
  }
  return text;
}

/** A comma-separated list of networks, host bits cleared, each once. @throws UserError */
export function prefixes(name: OptionName, text: string): Prefix[] {
  const found = new Map<string, Prefix>();
  for (const part of text.split(',')) {
    const prefix = parsePrefix(part.trim());
    if (!prefix)
      throw wrong(name, part.trim(), 'networks such as 10.1.0.0/16 or fd00::/8, separated by commas');
    const masked = maskPrefix(prefix);
    found.set(formatPrefix(masked), masked);
  }
  return [...found.values()];
}

/** @throws UserError */
export function integer(name: OptionName, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw wrong(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

/** The sentence for a value that is no secret. @param right what would be right */
export function wrong(name: OptionName, value: string, right: string): UserError {
  return new UserError(`${name}=${excerpt(value)} is not valid: give ${right}`);
}

/** Names outside `dwgd.` are passed over. @throws UserError for one that there is not */
export function refuseUnknown(given: ReadonlyMap<string, string>): void {
  for (const name of given.keys()) {
    if (!name.startsWith('dwgd.') || OPTION_NAMES.includes(name)) continue;
    const near = nearest(name, OPTION_NAMES);
    throw new UserError(
      near
        ? `unknown option ${excerpt(name)}: did you mean ${near}?`
        : `unknown option ${excerpt(name)}: the options are ${OPTION_NAMES.join(', ')}`,
    );
  }
}
