// The rule language of iptables(8), as the label twine.iptables.rule.* has it, on nftables: a rule's parts become
// statements in the order in which iptables looks at them. Not here: the matches and
// targets (nft/iptables/matches/, nft/iptables/targets/).

import type { Family } from '../../base/ip.js';
import { ct, match, meta, type Statement } from '../expression.js';
import { COMMENT_MAX_BYTES, type NftRule } from '../table.js';
import { matchBasics, RULES_MAX } from './basics.js';
import { type ParsedRule, parseRule } from './parser.js';
import { type ChainConstraint, chainsOf, checkConstraint, HOOK_OF, type Hook } from './syntax/chains.js';
import {
  type FamilyContext,
  type FamilySource,
  type Instance,
  Options,
  type Steps,
  type Translation,
} from './syntax/extension.js';
import { RuleError, type TranslatedRule } from './syntax/rule.js';
import { refuse, shorten, type Token, tokenize } from './syntax/tokens.js';

interface TranslateOptions {
  /** 4 or 6: for that family only. Absent: for both, unless the rule itself is of one. */
  readonly family?: Family;
  /** What the names of the rule's meters, which are sets, begin with: unique in the table. */
  readonly setPrefix?: string;
}

/**
 * Translates a rule such as `TWINE_FORWARD -p tcp --dport 80 -j ACCEPT` for a table of family inet whose chains hang
 * where iptables' chains hang. A rule that only one family can have is of that family.
 * @throws RuleError
 */
export function translateRule(text: string, options: TranslateOptions = {}): TranslatedRule {
  const tokens = tokenize(text);
  const prefix = options.setPrefix ?? '';
  if (options.family !== undefined)
    return ofFamily(translate(tokens, new RuleFamily(options.family), prefix).rule, options.family);
  const question = new RuleFamily(4);
  const four = attempt(tokens, question, prefix);
  const six = question.isAsked ? attempt(tokens, new RuleFamily(6), prefix) : four;
  if (four instanceof RuleError && six instanceof RuleError) throw nearerTheEnd(four, six);
  if (four instanceof RuleError) return ofFamily((six as Translated).rule, 6);
  if (six instanceof RuleError) return ofFamily(four.rule, 4);
  // What counts, counts for each family by itself, as two programs' rules do.
  if (!four.stateful && JSON.stringify(four) === JSON.stringify(six)) return four.rule;
  const [ipv4, ipv6] = [ofFamily(four.rule, 4), ofFamily(six.rule, 6)];
  return { ...ipv4, rules: [...ipv4.rules, ...ipv6.rules] };
}

/** A rule of one family, and whether a part of it counts packets. */
interface Translated {
  readonly rule: TranslatedRule;
  readonly stateful: boolean;
}

/** The family that a rule is for, and whether that makes a difference. */
class RuleFamily implements FamilySource {
  isAsked = false;
  readonly #family: Family;

  constructor(family: Family) {
    this.#family = family;
  }

  readonly askFamily = (): Family => {
    this.isAsked = true;
    return this.#family;
  };
}

function attempt(tokens: readonly Token[], of: FamilySource, prefix: string): Translated | RuleError {
  try {
    return translate(tokens, of, prefix);
  } catch (err) {
    if (err instanceof RuleError) return err;
    throw err;
  }
}

/** Of two mistakes, the one of the family that understood more of the rule. */
function nearerTheEnd(four: RuleError, six: RuleError): RuleError {
  const [other4, other6] = [four, six].map(({ message }) => / is for IPv[46] only$/.test(message));
  // What is of one family is no mistake where the other one is.
  if (other4 !== other6) return other4 ? six : four;
  if (four.offset !== six.offset) return four.offset > six.offset ? four : six;
  const [neutral, other] = [four, six].map(({ message }) => message.replace(/\bIPv[46]\b/g, 'IP'));
  return neutral === other ? new RuleError(neutral!, four.token, four.offset) : four;
}

/** The same for packets of one family alone. */
function ofFamily(rule: TranslatedRule, family: Family): TranslatedRule {
  const first = match(meta('nfproto'), '==', family === 4 ? 'ipv4' : 'ipv6');
  return { ...rule, rules: rule.rules.map(each => ({ ...each, expr: [first, ...each.expr] })) };
}

function translate(tokens: readonly Token[], of: FamilySource, prefix: string): Translated {
  const rule = withProtocol(parseRule(tokens, of), of);
  let meters = 0;
  const context = {
    chain: rule.chain,
    ...(rule.protocol && { protocol: rule.protocol }),
    meterName: (suffix: string): string => {
      meters++;
      return `${prefix}${suffix}-${meters}`;
    },
  };
  const apply = (instance: Instance, matchesSyn: boolean): Translation => {
    const { extension, token, given, protocolBefore } = instance;
    if (extension.constraint) checkConstraint(token, rule.chain, extension.constraint);
    const own: FamilyContext = {
      ...context,
      askFamily: of.askFamily,
      token,
      matchesSyn,
      ...(protocolBefore && { protocolBefore }),
    };
    const translation = extension.translate(new Options(given), own);
    if (translation.constraint) checkConstraint(token, rule.chain, translation.constraint);
    return translation;
  };
  const basics = matchBasics(rule, of);
  const matches = rule.matches.map(instance => ({ instance, ...apply(instance, false) }));
  const syn = matches.some(({ matchesSyn }) => matchesSyn);
  const target = rule.target && { instance: rule.target, ...apply(rule.target, syn) };
  const parts = target ? [...matches, target] : matches;
  refuseCopies(parts);
  const before = parts.flatMap(({ steps, instance, alternatives }, index) => {
    if (!steps) return [];
    const conditions = [...basics, ...parts.slice(0, index).map(each => each.alternatives)];
    refuseAskedAgain(conditions, steps.changes, instance.token);
    const own = instance === rule.target ? [] : [alternatives];
    return product([...conditions, ...own, steps.lists]);
  });
  const last: Statement = rule.jump
    ? rule.jump.kind === 'jump'
      ? { jump: { target: rule.jump.chain } }
      : { goto: { target: rule.jump.chain } }
    : { counter: null };
  const whole = product([
    ...basics,
    ...parts.map(({ alternatives }) => alternatives),
    // Without a target, iptables counts what the rule fits.
    ...(target ? [] : [[[last]]]),
  ]);
  const lists = [...before, ...whole];
  if (lists.length > RULES_MAX) refuseSize();
  const comment = parts.findLast(part => part.comment !== undefined)?.comment;
  const hooks = hooksOf(
    parts.flatMap(({ instance, constraint }) => [instance.extension.constraint, constraint]),
  );
  const translated = {
    chain: rule.chain,
    targets: rule.jump ? [rule.jump.chain] : [],
    rules: lists.map(
      (expr, index): NftRule => ({
        expr: ownMeters(expr, index),
        ...(comment && { comment: shorten(comment, COMMENT_MAX_BYTES) }),
      }),
    ),
    ...(hooks && { hooks }),
  };
  return { rule: translated, stateful: parts.some(({ stateful }) => stateful) };
}

/** The rule with the protocol that one of its matches brings in, if `-p` names none. */
function withProtocol(rule: ParsedRule, of: FamilySource): ParsedRule {
  if (rule.protocol) return rule;
  for (const { extension } of rule.matches) {
    const protocol = extension.bringsProtocol?.(of);
    if (protocol) return { ...rule, protocol };
  }
  return rule;
}

/** What counts packets, or changes a list, cannot be written down twice for one rule: each copy would do so for itself. */
function refuseCopies(parts: readonly (Translation & { readonly instance: Instance })[]): void {
  const split = parts.find(({ alternatives, steps }) => alternatives.length > 1 || steps);
  const counting = parts.find(({ stateful }) => stateful);
  if (split && counting) {
    const { extension } = split.instance;
    refuse(
      counting.instance.token,
      `cannot stand beside these options of ${extension.name}: they become several rules, each of which would count for itself, or find what the one before has changed`,
    );
  }
}

/** Every way to take one list of each, joined. @throws RuleError when there are too many */
function product(choices: readonly (readonly (readonly Statement[])[])[]): Statement[][] {
  let lists: Statement[][] = [[]];
  for (const alternatives of choices) {
    if (lists.length * alternatives.length > RULES_MAX) refuseSize();
    lists = lists.flatMap(list => alternatives.map(more => [...list, ...more]));
  }
  return lists;
}

/** @throws RuleError */
function refuseSize(): never {
  throw new RuleError(`the rule would become more than ${RULES_MAX} rules`, '', 0);
}

/** @throws RuleError where a condition asks for what steps after it change */
function refuseAskedAgain(conditions: unknown, changes: Steps['changes'], token: Token): void {
  const text = JSON.stringify(conditions);
  const ofConnection = JSON.stringify(ct('mark'));
  const asks =
    changes === 'connection mark'
      ? text.includes(ofConnection)
      : text.replaceAll(ofConnection, '').includes('"mark"');
  if (asks)
    refuse(
      token,
      `cannot stand behind a condition on the ${changes}: it becomes several rules, each of which would ask for what the one before has changed`,
    );
}

/** A meter belongs to one rule: the rules that one of iptables becomes have names of their own for it. */
function ownMeters(expr: readonly Statement[], index: number): readonly Statement[] {
  if (index === 0) return expr;
  return expr.map(statement =>
    'meter' in statement
      ? { meter: { ...statement.meter, name: `${statement.meter.name}-${index + 1}` } }
      : statement,
  );
}

/** The hooks that all of the rule's parts can run in; undefined where that is every one. */
function hooksOf(constraints: readonly (ChainConstraint | undefined)[]): readonly Hook[] | undefined {
  const limits = constraints.flatMap(constraint => (constraint?.hooks ? [chainsOf(constraint)] : []));
  const [first] = limits;
  if (!first) return undefined;
  const common = first.filter(chain => limits.every(each => each.includes(chain)));
  return [...new Set(common.map(chain => HOOK_OF[chain]))];
}
