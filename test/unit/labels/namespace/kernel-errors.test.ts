// Every error of the kernel, once where it can come: what is named as failed, what is left out with it, and that all
// else goes on. On a namespace that is not there; no test needs root.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError, OpError, UserError } from '../../../../src/base/errors.js';
import { withDigest } from '../../../../src/labels/diff/digest.js';
import type { NftTable } from '../../../../src/nft/table.js';
import { FakeNamespace, type Fault } from '../../../support/fake-namespace.js';
import {
  DESIRED,
  ERRNOS,
  FALLBACK,
  failing,
  failuresOf,
  GATEWAY,
  held,
  REF,
  WHOLE,
  without,
  world,
} from '../../../support/fake-sandbox.js';
import { accepting, withFallback } from '../../../support/label-namespace.js';

type Code = keyof typeof ERRNOS;
const CODES = Object.keys(ERRNOS) as Code[];
/** What is there already, or is gone already, is as it shall be. */
const DONE_BY_ADDING: readonly Code[] = ['EEXIST'];
const DONE_BY_DELETING: readonly Code[] = ['ENOENT', 'ESRCH', 'ENODEV'];

test('without any error all is brought about, found again, and taken away', t => {
  const it = world(t);
  assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
  assert.deepEqual(held(it), WHOLE);
  assert.deepEqual(it.sandboxes.reconcile(DESIRED)!.changes, []);
  assert.deepEqual(failuresOf(it.sandboxes.clear(REF)), []);
  assert.deepEqual(held(it), []);
});

describe('a change that is refused', () => {
  for (const code of CODES) {
    test(`the fallback of a route, by ${code}: it is named, its gateway is not added, all else is`, t => {
      const it = world(t);
      failing(it.ns, 'adding route 10.0.0.0/8', ERRNOS[code]);
      const result = it.sandboxes.reconcile(DESIRED)!;
      assert.equal(failuresOf(result).length, 1);
      assert.match(failuresOf(result)[0]!, new RegExp(`^adding route 10\\.0\\.0\\.0/8: ${code} `));
      assert.deepEqual(held(it), without(FALLBACK, GATEWAY));
      assert.equal(result.mayLeak, true);
    });

    test(`the gateway of a route, by ${code}: it is named, and its fallback stays`, t => {
      const it = world(t);
      failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', ERRNOS[code]);
      const result = it.sandboxes.reconcile(DESIRED)!;
      const [failure, ...others] = failuresOf(result);
      assert.deepEqual(others, []);
      assert.match(failure!, new RegExp(`^adding route 10\\.0\\.0\\.0/8 via 10\\.9\\.0\\.3: ${code} `));
      const isAdvised = failure!.includes(': give a gateway on a network of the container, ');
      assert.equal(isAdvised, code.endsWith('UNREACH'), failure);
      assert.deepEqual(held(it), without(GATEWAY));
      assert.equal(result.mayLeak, undefined);
    });

    test(`a policy rule, by ${code}: ${DONE_BY_ADDING.includes(code) ? 'it is there already, and all goes on' : 'no rule is added behind it, all else is'}`, t => {
      const it = world(t);
      failing(it.ns, 'adding policy rule 32762', ERRNOS[code]);
      const result = it.sandboxes.reconcile(DESIRED)!;
      if (DONE_BY_ADDING.includes(code)) {
        assert.deepEqual(failuresOf(result), []);
        assert.deepEqual(it.ns.rulePriorities, [32761, 32763, 32764, 32765]);
        return;
      }
      assert.equal(failuresOf(result).length, 1);
      assert.match(failuresOf(result)[0]!, new RegExp(`^adding policy rule 32762: ${code} `));
      assert.deepEqual(it.ns.rulePriorities, [32761]);
      assert.deepEqual(held(it), [...without('rules 5'), 'rules 1'].sort());
      assert.equal(result.mayLeak, true);
    });

    test(`the end of a route, by ${code}: ${DONE_BY_DELETING.includes(code) ? 'it is gone already' : 'it is named'}, and all else goes`, t => {
      const it = world(t);
      it.sandboxes.reconcile(DESIRED);
      failing(it.ns, 'deleting route 10.0.0.0/8 via 10.9.0.3', ERRNOS[code]);
      const failures = failuresOf(it.sandboxes.clear(REF));
      assert.equal(failures.length, DONE_BY_DELETING.includes(code) ? 0 : 1);
      assert.deepEqual(held(it), [GATEWAY]);
    });

    test(`the end of a policy rule, by ${code}: ${DONE_BY_DELETING.includes(code) ? 'it is gone already, and all goes on' : 'those after it stay, all else goes'}`, t => {
      const it = world(t);
      it.sandboxes.reconcile(DESIRED);
      failing(it.ns, 'deleting policy rule 32764', ERRNOS[code]);
      const failures = failuresOf(it.sandboxes.clear(REF));
      const isDone = DONE_BY_DELETING.includes(code);
      assert.equal(failures.length, isDone ? 0 : 1);
      assert.deepEqual(it.ns.rulePriorities, isDone ? [32764] : [32761, 32762, 32763, 32764]);
      assert.deepEqual(it.ns.routes, []);
    });
  }

  test('a table: its sysctls stay as they were, it forwards nothing, and all else goes on', t => {
    const it = world(t);
    let asked = 0;
    it.ns.refuse = () => (asked++ === 0 ? 'Could not process rule: Invalid argument' : undefined);
    const result = it.sandboxes.reconcile(DESIRED);
    assert.deepEqual(failuresOf(result), [
      `programming nftables of ${REF.path}: Could not process rule: Invalid argument`,
    ]);
    assert.deepEqual(it.ns.chainsOf('dwgd'), ['strict-forward 1', 'stamp 1']);
    assert.deepEqual(held(it), without('ipv4/ip_forward=1'));
  });

  test('every table, in a namespace that forwards: forwarding is switched off', t => {
    const it = world(t);
    it.ns.sysctls.set('ipv4/ip_forward', '1');
    it.ns.refuse = () => 'Could not process rule: Operation not supported';
    const result = it.sandboxes.reconcile({ ...DESIRED, routes: [] });
    assert.equal(result!.failures.length, 2);
    assert.deepEqual(held(it), []);
  });

  test('a sysctl: it is named, and all else goes on', t => {
    const it = world(t);
    it.ns.sysctlErrors.set('ipv4/ip_forward', new OpError('setting sysctl', 'ipv4/ip_forward', 30));
    assert.match(failuresOf(it.sandboxes.reconcile(DESIRED))[0]!, /^setting sysctl ipv4\/ip_forward: EROFS/);
    assert.deepEqual(held(it), without('ipv4/ip_forward=1'));
  });

  test('what is refused is tried again in the next pass, and what was left out comes with it', t => {
    const it = world(t);
    failing(it.ns, 'adding route 10.0.0.0/8', ERRNOS.ENOBUFS);
    it.sandboxes.reconcile(DESIRED);
    it.ns.fault = () => undefined;
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
    assert.deepEqual(held(it), WHOLE);
  });

  test('a strict namespace in which a route is refused is closed', t => {
    const it = world(t);
    failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', ERRNOS.ENETUNREACH);
    const result = it.sandboxes.reconcile({ ...DESIRED, isStrict: true })!;
    assert.equal(result.isClosed, true);
    assert.deepEqual(
      it.ns.chainsOf('dwgd')!.filter(name => !name.startsWith('strict-') && !name.startsWith('stamp')),
      [],
    );
  });
});

/** What is wrong with an answer, and what is said of it. */
const BAD_ANSWERS: readonly (readonly [fault: Fault, message: RegExp])[] = [
  ['cut short', /: no answer from the kernel that can be read: a netlink message of length/],
  [
    'senseless errno',
    /: no answer from the kernel that can be read: an NLMSG_ERROR with the positive errno 1$/,
  ],
  ['no answer', /: no answer from the kernel that can be read: EAGAIN/],
  ['overrun', /: no answer from the kernel that can be read: ENOBUFS/],
  ['closed', /: the netlink socket is closed$/],
  [{ send: ERRNOS.ENOBUFS }, /: ENOBUFS /],
];
const nameOf = (fault: Fault): string => (typeof fault === 'object' ? 'nothing can be sent' : String(fault));

describe('an answer to a change', () => {
  for (const [fault, message] of BAD_ANSWERS) {
    test(`${nameOf(fault)}: the change counts as refused, and all else goes on`, t => {
      const it = world(t);
      failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', fault);
      const failures = failuresOf(it.sandboxes.reconcile(DESIRED));
      assert.equal(failures.length, 1);
      assert.match(failures[0]!, message);
      assert.match(failures[0]!, /^adding route 10\.0\.0\.0\/8 via 10\.9\.0\.3: /);
      assert.deepEqual(
        held(it).filter(one => one !== GATEWAY),
        without(GATEWAY),
      );
    });
  }
});

const TABLES = 'listing nftables tables of inet';
const READS = ['listing nftables chain dwgd stamp', TABLES, 'listing routes', 'listing policy rules'];

test('where there are more tables than are listed ours is asked for by itself, and all goes on', t => {
  for (const isThere of [false, true]) {
    const it = world(t);
    if (isThere) it.ns.tables.set('dwgd', []);
    failing(it.ns, TABLES, 'flood');
    const { failures, changes } = it.sandboxes.reconcile(DESIRED)!;
    assert.deepEqual([failures, held(it)], [[], WHOLE]);
    const put = changes.filter(({ kind }) => kind.endsWith('Table')).map(({ kind }) => kind);
    assert.deepEqual(put, [isThere ? 'replaceTable' : 'createTable']);
  }
});

describe('a list that a pass needs', () => {
  const faults: readonly (readonly [Fault, RegExp])[] = [
    ...BAD_ANSWERS,
    [ERRNOS.EPERM, /: EPERM /],
    ['torn always', /: changed meanwhile$/],
    ['flood', /: there are more than 8192$/],
  ];
  for (const what of READS) {
    for (const [fault, message] of faults) {
      if (what === TABLES && fault === 'flood') continue;
      test(`${what}, ${nameOf(fault)}: nothing is changed, and it is reported`, t => {
        const it = world(t);
        failing(it.ns, what, fault);
        assert.throws(
          () => it.sandboxes.reconcile(DESIRED),
          (err: unknown) => {
            assert.ok(err instanceof ChannelError || err instanceof OpError);
            assert.ok(err.message.startsWith(`${what}: `), err.message);
            assert.match(err.message, message);
            return true;
          },
        );
        assert.deepEqual([held(it), it.ns.open], [[], 0]);
      });
    }

    test(`${what}, torn once: it is read again`, t => {
      const it = world(t);
      failing(it.ns, what, 'torn once');
      assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
      assert.deepEqual(held(it), WHOLE);
    });

    test(`${what}, refused: a strict namespace is closed until it can be read`, t => {
      const it = world(t);
      failing(it.ns, what, ERRNOS.EPERM);
      assert.throws(() => it.sandboxes.reconcile({ ...DESIRED, isStrict: true }), OpError);
      assert.deepEqual(it.ns.chainsOf('dwgd')!.at(0), 'strict-input 1');
    });
  }
});

describe('what a pass asks of a gateway', () => {
  const asked: readonly (readonly [what: string, none: readonly Code[]])[] = [
    ['finding the route to 10.9.0.3', ['EINVAL', 'EOPNOTSUPP', 'ENETUNREACH', 'EHOSTUNREACH']],
    ['reading link 2', DONE_BY_DELETING],
  ];
  for (const [what, none] of asked) {
    for (const code of CODES) {
      const isNone = none.includes(code);
      test(`${what}, ${code}: ${isNone ? 'there is none, and all goes on' : 'nothing is changed, and it is reported'}`, t => {
        const it = world(t);
        failing(it.ns, what, ERRNOS[code]);
        if (isNone) {
          assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
          assert.deepEqual(held(it), WHOLE);
          return;
        }
        assert.throws(() => it.sandboxes.reconcile(DESIRED), new RegExp(`${what}: ${code} `));
        assert.deepEqual([held(it), it.ns.open], [[], 0]);
      });
    }
  }
});

describe('a namespace in which no socket can be opened', () => {
  for (const [code, errno] of [
    ['EMFILE', 24],
    ['ENFILE', 23],
    ['ENOMEM', 12],
    ['EPROTONOSUPPORT', 93],
  ] as const) {
    test(`${code}: nothing is changed, it is reported, and the next pass brings all about`, t => {
      const it = world(t);
      it.ns.openError = new OpError('opening', 'netlink socket', errno);
      for (const strict of [{}, { isStrict: true as const }])
        assert.throws(() => it.sandboxes.reconcile({ ...DESIRED, ...strict }), it.ns.openError);
      assert.deepEqual([held(it), it.ns.open], [[], 0]);
      it.ns.openError = undefined;
      assert.deepEqual(failuresOf(it.sandboxes.reconcile(DESIRED)), []);
      assert.deepEqual(held(it), WHOLE);
    });
  }
});

describe('a sysctl that cannot be read', () => {
  for (const [code, errno] of [
    ['EACCES', 13],
    ['EIO', 5],
    ['EMFILE', 24],
  ] as const) {
    test(`${code}: nothing is changed, and it is reported`, t => {
      const it = world(t);
      it.ns.sysctlReadErrors.set('ipv4/ip_forward', new OpError('reading sysctl', 'ipv4/ip_forward', errno));
      assert.throws(
        () => it.sandboxes.reconcile(DESIRED),
        new RegExp(`^OpError: reading sysctl ipv4/ip_forward: ${code} `),
      );
      assert.deepEqual([held(it), it.ns.open], [[], 0]);
    });
  }
});

describe('a table that somebody may have changed', () => {
  for (const what of ['reading nftables table dwgd', 'chains', 'sets', 'rules'].map(one =>
    one.includes(' ') ? one : `listing nftables ${one} of dwgd`,
  )) {
    for (const fault of [ERRNOS.ENOENT, 'cut short', 'no answer', 'overrun'] as const) {
      test(`${what}, ${fault === 2 ? 'ENOENT' : fault}: the table is put in place anew, and it is reported why`, t => {
        const it = world(t);
        it.sandboxes.reconcile(DESIRED);
        it.ns.generation++;
        failing(it.ns, what, fault);
        const result = it.sandboxes.reconcile(DESIRED)!;
        assert.deepEqual(
          result.changes.map(({ kind }) => kind),
          ['replaceTable'],
        );
        assert.ok(result.unreadable!.message.startsWith(`${what}: `), result.unreadable!.message);
        assert.deepEqual([failuresOf(result), held(it)], [[], WHOLE]);
      });
    }
  }

  test('a baseline that cannot be recorded is traced, and disturbs nothing', t => {
    const it = world(t);
    it.sandboxes.reconcile(DESIRED);
    failing(it.ns, 'reading nftables table dwgd', ERRNOS.ENOBUFS);
    it.sandboxes.recordBaselines();
    assert.match(it.said.at(-1)!, /# reading nftables table dwgd: ENOBUFS/);
    it.ns.fault = () => undefined;
    assert.deepEqual(it.sandboxes.reconcile(DESIRED)!.changes, []);
  });
});

describe('flows of a forward', () => {
  for (const fault of [ERRNOS.EPERM, 'torn always', 'flood', 'no answer'] as const) {
    test(`that cannot be listed (${fault}) end by themselves: no failure`, t => {
      const it = world(t);
      it.ns.sysctls.set('netfilter/nf_conntrack_count', '7');
      failing(it.ns, 'listing flows to udp port 53', fault);
      const result = it.sandboxes.reconcile({
        ...DESIRED,
        udpForwards: [{ ports: { first: 53, last: 53 }, destinations: [] }],
      });
      assert.deepEqual([failuresOf(result), held(it)], [[], WHOLE]);
      assert.match(it.said.at(-1)!, /# listing flows to udp port 53: /);
    });
  }
});

describe('a rule that libnftables has no words for', () => {
  const shifted: NftTable = {
    ...accepting(80),
    chains: [
      {
        name: 'shift1',
        rules: [
          { expr: [], late: { dnat: { family: 4, addr: '10.9.0.3', min: 1000, max: 65535 } } },
          { expr: [{ drop: null }] },
        ],
      },
    ],
  };
  const LATE = 'inserting nftables rules into dwgd';
  const desired = withDigest({ ...DESIRED, table: shifted });

  test('comes with the stamp, and then nothing is left to do', t => {
    const it = world(t);
    assert.deepEqual(failuresOf(it.sandboxes.reconcile(desired)), []);
    assert.deepEqual(it.ns.chainsOf('dwgd'), ['shift1 2', 'stamp 2']);
    assert.deepEqual(it.sandboxes.reconcile(desired)!.changes, []);
  });

  for (const fault of [ERRNOS.EOPNOTSUPP, ERRNOS.ENOENT, 'no answer'] as const) {
    test(`is refused (${fault}): that is a failure, nothing is forwarded, and it is tried again`, t => {
      const it = world(t);
      failing(it.ns, LATE, fault);
      const [failure = ''] = failuresOf(it.sandboxes.reconcile(desired));
      assert.match(failure, /^inserting nftables rules into dwgd/);
      assert.deepEqual(it.ns.chainsOf('dwgd'), ['strict-forward 1', 'stamp 1']);
      it.ns.fault = () => undefined;
      assert.deepEqual(failuresOf(it.sandboxes.reconcile(desired)), []);
      assert.deepEqual(it.ns.chainsOf('dwgd'), ['shift1 2', 'stamp 2']);
    });
  }
});

describe("the host's routes", () => {
  for (const code of ['EPERM', 'ENETUNREACH'] as const) {
    test(`one that is refused by ${code} is named, and its fallback stays`, t => {
      const it = world(t);
      failing(it.ns, 'adding route 10.0.0.0/8 via 10.9.0.3', ERRNOS[code]);
      const result = it.sandboxes.reconcileHostRoutes(withFallback('10.0.0.0/8', '10.9.0.3'));
      assert.match(failuresOf(result)[0]!, new RegExp(`${code} `));
      assert.deepEqual(held(it), [FALLBACK]);
    });
  }

  test('that cannot be listed: nothing is changed', t => {
    const it = world(t);
    failing(it.ns, 'listing routes', 'flood');
    assert.throws(() => it.sandboxes.reconcileHostRoutes(withFallback('10.0.0.0/8')), /more than 8192$/);
    assert.deepEqual([held(it), it.ns.open], [[], 0]);
  });
});

describe('a namespace', () => {
  test('that is gone is left', t => {
    const { sandboxes } = world(t);
    assert.equal(sandboxes.reconcile({ ...DESIRED, netns: { key: '1:1', path: '/nowhere' } }), undefined);
  });

  test('in whose place there is another is left', t => {
    const { sandboxes, ns } = world(t);
    assert.equal(sandboxes.reconcile({ ...DESIRED, netns: { ...REF, key: '1:1' } }), undefined);
    assert.deepEqual(ns.requests, []);
  });

  test("that is the host's own is refused", t => {
    const ns = new FakeNamespace();
    const sandboxes = ns.sandboxes(undefined, REF);
    t.after(() => sandboxes.close());
    assert.throws(() => sandboxes.reconcile(DESIRED), UserError);
    assert.deepEqual(ns.requests, []);
  });

  test('without IPv6 gets the routes of IPv4 alone', t => {
    const it = world(t);
    it.ns.hasIPv6 = false;
    const routes = [...DESIRED.routes, ...withFallback('fd00::/8', 'fd09::3')];
    assert.deepEqual(failuresOf(it.sandboxes.reconcile({ ...DESIRED, routes })), []);
    assert.deepEqual(held(it), WHOLE);
  });
});
