// What is read of routers that Docker does not know of, and how little where there are none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpError } from '../../../../src/base/errors.js';
import { answerByRouters, readRouters, withNotices } from '../../../../src/labels/answers/answering.js';
import { observed } from '../../../support/label-states.js';
import { address, prefix } from '../../../support/label-world.js';

const KEY = Buffer.from('02000000020000000004ffff', 'hex');

/** A kernel that knows some senders, and what it was asked. */
function kernel(senders: readonly Buffer[] | Error, links: readonly number[] = [2]) {
  const asked: string[] = [];
  return {
    asked,
    rt: {
      link: (index: string | number) => {
        asked.push('link');
        return links.includes(Number(index))
          ? { index: Number(index), name: 'eth0', up: true, mtu: 1500, group: 0 }
          : undefined;
      },
      close: () => undefined,
      neighbours: () => {
        asked.push('neighbours');
        return [
          { index: 2, address: address('10.0.0.4'), state: 2, lladdr: Buffer.from('020000000004', 'hex') },
          { index: 2, address: address('10.0.0.5'), state: 1 },
        ];
      },
    },
    nft: {
      setKeys: () => {
        if (senders instanceof Error) throw senders;
        return [...senders];
      },
      readStampChain: () => {
        asked.push('table');
        return { rules: [], tables: [] };
      },
    },
  };
}

test('where nobody has sent anything only that is asked', () => {
  const { rt, nft, asked } = kernel([]);
  assert.deepEqual(
    readRouters(rt, nft, [], () => rt),
    { senders: [], neighbours: [] },
  );
  assert.deepEqual(asked, []);
});

test('who has sent something is known by link and link-layer address, beside the neighbours that are known', () => {
  const { rt, nft } = kernel([KEY]);
  assert.deepEqual(
    readRouters(rt, nft, [], () => rt),
    {
      senders: [{ index: 2, mac: '02:00:00:00:00:04' }],
      neighbours: [{ address: address('10.0.0.4'), index: 2, mac: '02:00:00:00:00:04' }],
    },
  );
});

test('who has sent something on a link that has gone is forgotten', () => {
  const { rt, nft } = kernel([KEY], []);
  assert.deepEqual(readRouters(rt, nft, [], () => rt)?.senders, []);
});

test('a table that remembers nobody says nothing, and what else the kernel says is an error', () => {
  const failing = (code: 'ENOENT' | 'EPERM') =>
    kernel(new OpError('listing', 'senders', code === 'ENOENT' ? 2 : 1));
  const none = failing('ENOENT');
  assert.equal(
    readRouters(none.rt, none.nft, [], () => none.rt),
    undefined,
  );
  const bad = failing('EPERM');
  assert.throws(() => readRouters(bad.rt, bad.nft, [], () => bad.rt), /listing senders/);
});

test('what fails there is told and is no failure: neighbours close no namespace', () => {
  const session = { apply: () => ({ failures: [new Error('adding neighbour 192.0.0.65: EPERM')] }) };
  const desired = {
    netns: { key: '4:app', path: '/proc/app/ns/net' },
    containers: ['app'],
    routes: [{ network: prefix('0.0.0.0/0') }],
    sysctls: [],
    routersOn: [{ network: prefix('10.0.0.0/24') }],
  };
  const routers = { senders: [{ index: 2, mac: '02:00:00:00:00:04' }], neighbours: [] };
  const { notices, changes } = answerByRouters(session, desired, observed({ routers }));
  assert.ok(changes.length > 0);
  assert.deepEqual(withNotices({ notices: ['one'] }, notices).notices, [
    'one',
    'clients of another router get no answer: adding neighbour 192.0.0.65: EPERM',
  ]);
});
