// The rule language is total: whatever text comes, it is translated or refused by a RuleError, and soon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BASIC_OPTIONS } from '../../src/nft/iptables/option-names.js';
import { MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { RuleError, TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { Random } from '../support/random.js';
import { generateRules } from './generate.js';

/** `make rules-long` tries a million. */
const INPUTS = Number(process.env.RULES_INPUTS ?? 250_000);
const LIMIT_MICROSECONDS = 50_000;

// Traces of a million errors that are expected would be most of the work.
Error.stackTraceLimit = 0;

const random = new Random(4);
const right = generateRules(random, 2000).map(({ chain, text }) => `${chain} ${text}`);
const WORDS = [
  ...TWINE_CHAINS,
  ...BASIC_OPTIONS.flatMap(({ letter, names }) => [`-${letter}`, ...names.map(name => `--${name}`)]),
  ...[...MATCHES, ...TARGETS].flatMap(({ name, options }) => [
    name,
    ...options.flatMap(({ names }) => names.map(each => `--${each}`)),
  ]),
  ...right.slice(0, 300).flatMap(text => text.split(' ')),
  ...['constructor', '__proto__', '--__proto__', '--constructor', 'toString'],
  ...['!', '"', "'", '\\', '-', '--', '=', ':', '/', ',', '10.0.0.1', 'fd00::1', '0', '-1', 'é', '\0', '\n'],
];
const LETTERS = [...' \t\n"\'\\!-=:/,.0159afxAF\0\u00e9\ud83d\u202e[]@*+'];

const SHAPES: readonly (() => string)[] = [
  () => Array.from({ length: random.int(0, 30) }, () => random.pick(LETTERS)).join(''),
  () => String.fromCharCode(...Array.from({ length: random.int(0, 20) }, () => random.int(0, 0xffff))),
  () => Array.from({ length: random.int(0, 12) }, () => random.pick(WORDS)).join(' '),
  () =>
    `${random.pick(TWINE_CHAINS)} ${Array.from({ length: random.int(1, 9) }, () => random.pick(WORDS)).join(' ')}`,
  () => swapped(random.pick(right)),
  () => damaged(random.pick(right)),
];

/** With one word in place of another, beside it or taken away. */
function swapped(text: string): string {
  const words = text.split(' ');
  words.splice(
    random.int(0, words.length - 1),
    random.int(0, 1),
    ...(random.chance(70) ? [random.pick(WORDS)] : []),
  );
  return words.join(' ');
}

/** With some letters changed. */
function damaged(text: string): string {
  const letters = [...text];
  for (let count = random.int(1, 4); count > 0; count--) {
    letters.splice(random.int(0, letters.length), random.int(0, 2), random.pick(LETTERS));
  }
  return letters.join('');
}

/** Whether it was understood. @throws AssertionError for any error but the one that is declared */
function understood(text: string): boolean {
  try {
    translateRule(text);
    return true;
  } catch (err) {
    if (!(err instanceof RuleError)) assert.fail(`${JSON.stringify(text)}: ${(err as Error).stack}`);
    assert.ok(err.offset >= 0 && err.offset <= text.length && err.message.length < 600);
    return false;
  }
}

/** Processor time in microseconds; of several tries the least, since the machine does other things too. */
function cost(text: string): number {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5 && least > LIMIT_MICROSECONDS; tries++) {
    const before = process.cpuUsage();
    understood(text);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, user + system);
  }
  return least;
}

test(`${INPUTS} random and damaged rules bring no error but RuleError, and none takes 50 ms`, () => {
  let count = 0;
  let slow = performance.now();
  for (let n = 0; n < INPUTS; n++) {
    const text = SHAPES[n % SHAPES.length]!();
    slow = performance.now();
    if (understood(text)) count++;
    // The wall clock first, because it is cheap; what it finds slow is weighed by processor time.
    if (performance.now() - slow > LIMIT_MICROSECONDS / 1000) {
      assert.ok(cost(text) <= LIMIT_MICROSECONDS, JSON.stringify(text));
    }
  }
  // Mutations that are still right are many, or the mutations were no test.
  assert.ok(count > INPUTS / 40, `${count} understood`);
});

const MEGABYTE = 1 << 20;
const LONG = 10_000;
const filled = (begin: string, piece: string, length: number): string =>
  begin + piece.repeat(Math.floor((length - begin.length) / piece.length));

for (const length of [LONG, MEGABYTE]) {
  for (const [name, text] of [
    ['of one letter', 'a'.repeat(length)],
    ['of spaces', ' '.repeat(length)],
    ['of quotes', '"'.repeat(length)],
    ['of backslashes', '\\'.repeat(length)],
    ['of negations', filled('TWINE_INPUT', ' !', length)],
    ['of sources', filled('TWINE_INPUT -s 10.0.0.1', ',10.0.0.1', length)],
    [
      'of sources and destinations',
      filled(
        filled('TWINE_INPUT -s 10.0.0.1', ',10.0.0.1', length / 2 - 20),
        ' -d 10.0.0.1,10.0.0.2',
        length,
      ),
    ],
    ['of ports', filled('TWINE_INPUT -p tcp -m multiport --dports 1', ',1', length)],
    ['of matches', filled('TWINE_INPUT', ' -m state --state NEW', length)],
    [
      'of matches that become several rules',
      filled('TWINE_INPUT', ' -m conntrack --ctstate NEW,SNAT', length),
    ],
    ['of comments', filled('TWINE_INPUT', ' -m comment --comment x', length)],
    ['of one long comment', `TWINE_INPUT -m comment --comment "${'é'.repeat(length / 2)}" -j ACCEPT`],
    ['of a long number', `TWINE_INPUT -p tcp --dport ${'9'.repeat(length - 40)} -j ACCEPT`],
    ['of a long option', `TWINE_INPUT --${'x'.repeat(length - 40)} -j ACCEPT`],
    ['of options that are not known', filled('TWINE_INPUT', ' --dprot', length)],
    ['of days', filled('TWINE_INPUT -m time --weekdays Mon', ',Mon', length)],
  ] as const) {
    test(`a rule of ${length} characters ${name} takes no 50 ms`, () => {
      assert.ok(cost(text) <= LIMIT_MICROSECONDS);
    });
  }
}
