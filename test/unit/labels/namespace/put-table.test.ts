// What is put in place of a table that the kernel does not take, by a kernel that lacks modules.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerTable } from '../../../../src/labels/answers/router-table.js';
import { findRouters } from '../../../../src/labels/answers/routers.js';
import type { PutTable } from '../../../../src/labels/diff/state.js';
import { isClosing } from '../../../../src/labels/diff/strict.js';
import { putRouterTable, putTable } from '../../../../src/labels/namespace/put-table.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { NftError } from '../../../../src/nft/client.js';
import { modulesOf } from '../../../../src/nft/modules.js';
import type { NftTable, NftTransaction } from '../../../../src/nft/table.js';
import { container, only, prefix, routed } from '../../../support/label-world.js';

/** A kernel that has no modules of these names: what it holds after each transaction that it takes. */
function kernelWithout(modules: readonly string[]) {
  const taken: NftTransaction[] = [];
  const run = (transaction: NftTransaction): void => {
    const rules = transaction.nftables.flatMap(command => {
      const { add } = command as { readonly add?: { readonly rule?: { readonly expr: [] } } };
      return add?.rule ?? [];
    });
    if (modulesOf(rules).some(module => modules.includes(module))) {
      throw new NftError('app', 'Could not process rule: No such file or directory', transaction);
    }
    taken.push(transaction);
  };
  return { run, taken };
}

const GATEWAY = {
  'twine.nat.interfaces': 'wg+',
  'twine.nat.forward.9080': 'web',
  'twine.iptables.rule.kill': 'TWINE_OUTPUT -d 192.0.2.0/24 -j REJECT',
  'twine.iptables.rule.keep': 'TWINE_OUTPUT -d 198.51.100.0/24 -j DROP',
};

function change(labels: Readonly<Record<string, string>>): PutTable {
  const web = container('web', { networks: { main: '10.0.0.3' } });
  const hostInterfaceAddresses = [{ prefix: prefix('10.0.0.1/24'), mac: '02:00:00:00:00:01' }];
  const world = [routed({ main: '10.0.0.2' }, labels), web];
  const { table, labelled = [], isStrict } = only(world, { hostInterfaceAddresses });
  return { kind: 'createTable', table: table!, labelled, ...(isStrict && { isStrict }) };
}

const rulesIn = ({ chains }: NftTable, name: string): number =>
  chains.find(chain => chain.name === name)?.rules.length ?? 0;

test('a kernel without fib holds all that needs none: what is forwarded is filtered and masqueraded', () => {
  const { run } = kernelWithout(['nft_fib_inet']);
  const wanted = change(GATEWAY);
  const { table, refused } = putTable(wanted, run);
  for (const name of ['forward', 'postrouting', 'TWINE_OUTPUT'])
    assert.equal(rulesIn(table, name), rulesIn(wanted.table, name), name);
  assert.equal(rulesIn(table, 'prerouting'), 0);
  assert.equal(isClosing(table), false);
  assert.deepEqual(
    refused.map(({ key, message }) => [key, message]),
    [
      [
        'twine.*',
        "the kernel lacks the module nft_fib_inet, so no port is forwarded, and replies of published ports use the labels' routes: load it (modprobe nft_fib_inet) and restart dwgd",
      ],
    ],
  );
});

test('a kernel without nft_socket holds all but what opens UDP connections of the container itself', () => {
  const labels = { 'twine.route.0.0.0.0/0': 'web', 'twine.strict': 'true' };
  const wanted = change(labels);
  const { table, refused } = putTable(wanted, kernelWithout(['nft_socket']).run);
  assert.equal(rulesIn(table, 'arrived'), rulesIn(wanted.table, 'arrived') - 1);
  assert.equal(isClosing(table), false);
  assert.deepEqual(refused, []);
});

test('a strict one is closed by a kernel without fib', () => {
  const { table, refused } = putTable(
    change({ ...GATEWAY, 'twine.strict': 'true' }),
    kernelWithout(['nft_fib_inet']).run,
  );
  assert.ok(isClosing(table));
  assert.match(refused[0]!.message, /until then the container sends and forwards nothing but loopback/);
});

test('a rule that would have stopped packets and is refused says that the container is open, and names the module', () => {
  const { table, refused } = putTable(change(GATEWAY), kernelWithout(['nft_reject_inet']).run);
  assert.equal(rulesIn(table, 'TWINE_OUTPUT'), 1);
  assert.deepEqual(
    refused.map(({ container, key, isOpen }) => [container, key, isOpen]),
    [['app', 'twine.iptables.rule.kill', true]],
  );
  assert.equal(
    refused[0]!.message,
    'the kernel refuses the rule (Could not process rule: No such file or directory), so it is left out and what it would have stopped passes (twine.strict=true would close the container): rewrite it without what this kernel lacks, or load what is missing (modprobe nft_reject_inet)',
  );
});

test('a rule that stops no packet and is refused opens nothing', () => {
  const labels = {
    'twine.iptables.rule.count': 'TWINE_OUTPUT -m limit --limit 1/s -j ACCEPT',
    'twine.nat.interfaces': 'wg+',
  };
  const { refused } = putTable(change(labels), kernelWithout(['nft_limit']).run);
  assert.deepEqual(
    refused.map(({ isOpen }) => isOpen),
    [undefined],
  );
});

test('a table of which the kernel takes nothing is refused with the modules that it needs', () => {
  const { run, taken } = kernelWithout(['nft_masq']);
  assert.throws(
    () => putTable(change(GATEWAY), run),
    /modprobe nft_ct nft_fib_inet nft_masq nft_nat nft_reject_inet/,
  );
  // Probes alone, each taken away again.
  assert.ok(taken.every(({ nftables }) => JSON.stringify(nftables).includes('dwgd-trial')));
});

test('a strict table is at no moment in place without what is refused of it and without being closed', () => {
  const { run, taken } = kernelWithout(['nft_reject_inet']);
  putTable(change({ ...GATEWAY, 'twine.strict': 'true' }), run);
  const own = taken
    .map(({ nftables }) => JSON.stringify(nftables))
    .filter(text => !text.includes('dwgd-trial'));
  assert.equal(own.length, 1);
  assert.match(own[0]!, /strict-output.*strict-postrouting/);
});

test('every module that a label can need is named', () => {
  const { intent } = decodeLabels(
    'c',
    new Map([['twine.iptables.rule.a', 'TWINE_INPUT -m addrtype --dst-type LOCAL -j REJECT']]),
  );
  assert.deepEqual(modulesOf(intent.rules.flatMap(({ rule }) => rule.rules)), [
    'nft_fib_inet',
    'nft_reject_inet',
  ]);
});

for (const strict of ['false', 'true']) {
  test(`a kernel without source NAT holds a default route's table, and no strict container (${strict}) is closed for that`, () => {
    const { run } = kernelWithout(['nft_nat']);
    const wanted = change({ 'twine.route.0.0.0.0/0': 'web', 'twine.strict': strict });
    assert.equal(rulesIn(wanted.table, 'nat-input'), 1);
    const { table, refused } = putTable(wanted, run);
    assert.equal(rulesIn(table, 'nat-input'), 0);
    for (const name of ['raw', 'arrived', 'replies'])
      assert.equal(rulesIn(table, name), rulesIn(wanted.table, name), name);
    assert.equal(isClosing(table), false);
    const told = refused.map(({ message }) => message).join();
    if (strict === 'true') assert.equal(told, '');
    else assert.match(told, /UDP ports are not answered .*modprobe nft_chain_nat nft_nat/);
  });
}

test('without nft_socket answers go by routers but for UDP of the container itself, and the module is named', () => {
  const senders = [{ index: 2, mac: '02:00:00:00:00:04' }];
  const near = [{ network: prefix('10.0.0.0/24') }];
  const routers = findRouters({ senders, neighbours: [] }, { routes: [] });
  const { run, taken } = kernelWithout(['nft_socket']);
  const refused = putRouterTable(routerTable(routers, near), run);
  assert.equal(taken.length, 1);
  assert.match(JSON.stringify(taken), /02:00:00:00:00:04/);
  assert.doesNotMatch(JSON.stringify(taken), /wildcard/);
  assert.deepEqual(
    refused.map(({ key, message }) => [key, message]),
    [
      [
        'twine.*',
        'the kernel lacks the module nft_socket, so clients of other networks get no answers by UDP from the container itself: load it (modprobe nft_socket) and restart dwgd',
      ],
    ],
  );
});
