// Flags of TCP: which of them a rule looks at, and which have to be set. Not here: the match tcp itself (transport.ts).

import { match, meta, payload, type Statement } from '../../expression.js';
import type { Options } from '../syntax/extension.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { never } from '../values/addresses.js';
import { split } from '../values/numbers.js';

const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'] as const;

/** Flags of TCP: those looked at, and which of them are set. */
interface FlagTest {
  readonly mask: readonly string[];
  readonly comp: readonly string[];
  readonly negated: boolean;
}

/** The test that `--tcp-flags` or `--syn` asks for, if any. @throws RuleError */
export function readFlagTest(options: Options): FlagTest | undefined {
  const flags = options.get('tcp-flags');
  if (flags) {
    const [mask, comp] = flags.values;
    return { mask: readFlags(mask!), comp: readFlags(comp!), negated: flags.negated };
  }
  const syn = options.get('syn');
  return syn && { mask: ['fin', 'syn', 'rst', 'ack'], comp: ['syn'], negated: syn.negated };
}

/** Whether only packets with SYN fit. */
export function hasSyn({ mask, comp, negated }: FlagTest): boolean {
  return !negated && comp.includes('syn') && comp.every(flag => mask.includes(flag));
}

function readFlags(token: Token): string[] {
  const names = split(token, ',').map(each => {
    const name = each.text.toLowerCase();
    if (!['all', 'none', ...TCP_FLAGS].includes(name)) {
      refuse(each, `is no flag of TCP: give some of ${TCP_FLAGS.join(',').toUpperCase()}, or ALL or NONE`);
    }
    return name;
  });
  return TCP_FLAGS.filter(flag => names.includes('all') || names.includes(flag));
}

/** The statement for a test. */
export function matchFlags({ mask, comp, negated }: FlagTest): Statement {
  const left = payload('tcp', 'flags');
  // With an empty mask both sides are zero; and a masked flag is never set.
  if (!comp.every(flag => mask.includes(flag))) return negated ? matchAny() : never();
  if (mask.length === 0) return negated ? never() : matchAny();
  return match({ '&': [left, [...mask]] }, negated ? '!=' : '==', comp.length === 0 ? 0 : [...comp]);
}

/** A statement that fits every TCP packet. */
function matchAny(): Statement {
  return match(meta('l4proto'), '==', 6);
}
