// A table as `nft list table` prints it, without a kernel and without libnftables. Pure. Not here: a rule's line
//
// (rules.ts).

import {
  describeLookup,
  type LateRule,
  type NftChain,
  type NftHook,
  type NftRule,
  type NftSet,
  type NftTable,
} from '../table.js';
import { printMembers } from './expressions.js';
import { printRule } from './rules.js';
import { PRIORITIES } from './symbols.js';
import { formatSeconds } from './values.js';

/** How far from a priority with a name nft(8) counts from it. */
const NEAR = 10;

/** The text of the table as `nft --stateless list table` has it, with an end of line. */
export function printTable({ family, name, sets, chains }: NftTable): string {
  const written = new Set(chains.flatMap(({ rules }) => rules.flatMap(writtenSets)));
  const blocks = [...sets.map(set => setLines(set, written.has(set.name))), ...chains.map(chainLines)];
  return [`table ${family} ${name} {`, blocks.map(lines => lines.join('\n')).join('\n\n'), '}', ''].join(
    '\n',
  );
}

/** Names of the sets that a rule changes. */
function writtenSets({ expr }: NftRule): string[] {
  return expr.flatMap(statement => ('set' in statement ? [statement.set.set.slice(1)] : []));
}

function setLines(
  { name, type, map, flags = [], elem, timeout, size }: NftSet,
  isWritten: boolean,
): string[] {
  const types = [type, ...(map === undefined ? [] : [map])].map(one => [one].flat().join(' . '));
  const all = [...(isWritten && !flags.includes('dynamic') ? ['dynamic'] : []), ...flags];
  const lines = [
    `type ${types.join(' : ')}`,
    ...(size === undefined ? [] : [`size ${size}`]),
    // A time that all elements have says that they have one.
    ...(all.some(flag => flag !== 'timeout' || !timeout) ? [`flags ${all.join(',')}`] : []),
    ...(timeout ? [`timeout ${formatSeconds(timeout)}`] : []),
    ...(elem && elem.length > 0 ? [`elements = { ${printElements(elem)} }`] : []),
  ];
  return [`\t${map === undefined ? 'set' : 'map'} ${name} {`, ...lines.map(line => `\t\t${line}`), '\t}'];
}

/** Concatenations, of which each has a line. */
function printElements(elem: NonNullable<NftSet['elem']>): string {
  return printMembers(elem, { print: String }).join(',\n\t\t\t     ');
}

function chainLines({ name, hook, rules }: NftChain): string[] {
  const own = rules.map(rule => (rule.late ? lateLine(rule.late, rule) : printRule(rule)));
  const lines = [...(hook ? [hookLine(hook)] : []), ...own];
  return [`\tchain ${name} {`, ...lines.map(line => `\t\t${line}`), '\t}'];
}

function hookLine({ type, hook, priority }: NftHook): string {
  return `type ${type} hook ${hook} priority ${printPriority(hook, priority)}; policy accept;`;
}

function printPriority(hook: string, priority: number): string {
  const named = PRIORITIES.filter(one => one.hook === undefined || one.hook === hook);
  const near = named.find(({ value }) => Math.abs(priority - value) <= NEAR);
  if (!near) return String(priority);
  const distance = priority - near.value;
  return distance === 0 ? near.name : `${near.name} ${distance > 0 ? '+' : '-'} ${Math.abs(distance)}`;
}

/** What nft(8) shows of a statement that it has no words for: an address, and two numbers as if they were ports. */
function lateLine(late: LateRule['statement'], { comment }: NftRule): string {
  if (late === 'counter')
    return printRule({ expr: [{ counter: null }], ...(comment !== undefined && { comment }) });
  if ('returnIf' in late) return describeLookup(late.returnIf);
  const { family, addr, min, max } = late.dnat;
  const to = { family: family === 4 ? 'ip' : 'ip6', addr, port: { range: [min, max] } } as const;
  return printRule({ expr: [{ dnat: to }] });
}
