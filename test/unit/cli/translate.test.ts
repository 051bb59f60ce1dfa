// `dwgd translate` as a program: JSON, the caret, the exit status.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../../src/cli/translate.js';
import { RuleError } from '../../../src/nft/iptables/syntax/rule.js';
import { runCommand, runProgram } from '../../support/program.js';

async function translate(...args: string[]) {
  const { status, out, err } = await runCommand(['translate', ...args]);
  return { status, stdout: out, stderr: err };
}

test('as a program of its own, too, translate prints a rule, and the status of a wrong one is 2', async () => {
  const right = await runProgram(['translate', '--nft', 'TWINE_INPUT -j DROP']);
  assert.deepEqual(right, { status: 0, out: 'add rule inet dwgd TWINE_INPUT drop\n', err: '' });
  const { status, out, err } = await runProgram(['translate', 'TWINE_INPUT -j']);
  assert.deepEqual([status, out, err.split('\n').length], [2, '', 4]);
});

test('a rule is printed as the commands that append it', async () => {
  const { status, stdout, stderr } = await translate('-4', 'TWINE_INPUT -p tcp -j DROP');
  assert.deepEqual([status, stderr], [0, '']);
  const tcp = { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 6 } };
  const v4 = { match: { op: '==', left: { meta: { key: 'nfproto' } }, right: 'ipv4' } };
  assert.deepEqual(JSON.parse(stdout), {
    nftables: [
      {
        add: {
          rule: { family: 'inet', table: 'dwgd', chain: 'TWINE_INPUT', expr: [v4, tcp, { drop: null }] },
        },
      },
    ],
  });
});

test('where a rule is wrong, a caret stands under the word, and the status is 2', async () => {
  const { status, stdout, stderr } = await translate('TWINE_INPUT -p tcp --dport 22x -j DROP');
  assert.deepEqual([status, stdout], [2, '']);
  assert.equal(
    stderr,
    'TWINE_INPUT -p tcp --dport 22x -j DROP\n' +
      '                           ^^^\n' +
      '"22x" is no port: give a number from 0 to 65535\n',
  );
});

for (const [args, expected, set] of [
  [['TWINE_INPUT -p tcp --dport 22 -j ACCEPT'], 'TWINE_INPUT tcp dport 22 accept'],
  [
    ['-6', 'TWINE_NAT_POSTROUTING -o wg+ -j MASQUERADE'],
    'TWINE_NAT_POSTROUTING meta nfproto ipv6 oifname "wg*" masquerade',
  ],
  [
    ['TWINE_NAT_PREROUTING -d 10.0.0.1 -p udp -j DNAT --to-destination 10.0.0.2:53'],
    'TWINE_NAT_PREROUTING meta l4proto udp ip daddr 10.0.0.1 dnat ip to 10.0.0.2:53',
  ],
  [['TWINE_INPUT -j TWINE_FORWARD'], 'TWINE_INPUT jump TWINE_FORWARD'],
  [
    ['-4', 'TWINE_INPUT -m recent --update --seconds 90 --name knock'],
    'TWINE_INPUT ip saddr @recent4.90.knock update @recent4.90.knock { ip saddr } counter',
    'recent4.90.knock { type ipv4_addr; size 65535; flags timeout; timeout 90s; }',
  ],
] as readonly (readonly [args: readonly string[], rule: string, set?: string])[]) {
  test(`with --nft, ${args.join(' ')} is printed as commands of nft(8)`, async () => {
    const { status, stdout } = await translate('--nft', ...args);
    assert.equal(status, 0);
    assert.equal(
      stdout,
      `${set === undefined ? '' : `add set inet dwgd ${set}\n`}add rule inet dwgd ${expected}\n`,
    );
  });
}

for (const [name, ...args] of [
  ['both families', '-4', '-6', 'TWINE_INPUT -j DROP'],
  ['no rule'],
  ['a rule in several words', 'TWINE_INPUT', '-j', 'DROP'],
] as const) {
  test(`${name} is a mistake in the command line`, async () => {
    const { status, stdout } = await translate(...args);
    assert.deepEqual([status, stdout], [2, '']);
  });
}

for (const [name, text, error, expected] of [
  [
    'a word that is missing',
    'TWINE_INPUT -j',
    new RuleError('needs a value', '-j', 12),
    'TWINE_INPUT -j\n            ^^\nneeds a value\n',
  ],
  ['an empty rule', '', new RuleError('empty', '', 0), '\n^\nempty\n'],
  [
    'control characters, which are not printed',
    'a\u001b[2Jb c',
    new RuleError('no', 'c', 7),
    'a\ufffd[2Jb c\n       ^\nno\n',
  ],
  [
    'a long rule, of which a part is shown',
    `${'a'.repeat(100)} wrong ${'b'.repeat(100)}`,
    new RuleError('no', 'wrong', 101),
    `…${'a'.repeat(59)} wrong ${'b'.repeat(54)}…\n${' '.repeat(61)}^^^^^\nno\n`,
  ],
] as const) {
  test(`the caret points at ${name}`, () => {
    assert.equal(explain(text, error), expected);
  });
}
