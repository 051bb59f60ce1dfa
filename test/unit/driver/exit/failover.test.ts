// Which file is in force, look by look: what was sent, what came back, and what follows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FailoverState, stepFailover, tellFailover } from '../../../../src/driver/exit/failover.js';
import type { SeenPeer } from '../../../../src/driver/exit/tunnel-signs.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';

/** A look: seconds, and of each peer bytes sent, bytes received, time of the handshake. */
type Look = readonly [seconds: number, ...peers: (readonly [tx: number, rx: number, handshake?: number])[]];

interface Rules {
  readonly files?: number;
  readonly failback?: number;
  readonly keepalive?: number;
  readonly from?: number;
}

/** What follows from each look, as `SECONDS INDEX WHY`, where another file is in force; and where a single one is silent. */
function play(
  looks: readonly Look[],
  { files = 3, failback, keepalive = 0, from = 0 }: Rules = {},
): string[] {
  let state: FailoverState = { inForce: from, since: 0 };
  return looks.flatMap(([seconds, ...peers]) => {
    const seen = peers.map(
      ([tx, rx, handshake = 0], n): SeenPeer => ({
        publicKey: new Key(Buffer.alloc(32, n + 1)),
        ...{ keepalive, lastHandshake: handshake, rxBytes: BigInt(rx), txBytes: BigInt(tx) },
      }),
    );
    const step = stepFailover(state, seen, seconds * 1000, {
      files,
      ...(failback !== undefined && { failbackMs: failback * 1000 }),
    });
    state = step.state;
    if (step.change) return [`${seconds} ${state.inForce} ${step.change}`];
    return step.isSilent ? [`${seconds} silent`] : [];
  });
}

const INITIATION = 148;

for (const [what, looks, expected, rules] of [
  [
    'nothing is sent',
    [
      [0, [0, 0]],
      [30, [0, 0]],
      [600, [0, 0]],
    ],
    [],
  ],
  [
    'handshakes are begun, nobody answers',
    [0, 3, 6, 9, 12, 15, 18, 21].map((s): Look => [s, [s * INITIATION, 0]]),
    ['18 1 silent'],
  ],
  [
    'an answer in the last second',
    [
      [0, [0, 0]],
      [3, [148, 0]],
      [17, [592, 0]],
      [18, [740, 92, 5]],
      [40, [740, 92, 5]],
    ],
    [],
  ],
  [
    'the far end hears nothing, and begins handshakes itself',
    [
      [0, [9000, 9000, 5]],
      [3, [9500, 9148, 5]],
      [8, [9900, 9296, 5]],
      [18, [9999, 9592, 5]],
    ],
    ['18 1 silent'],
  ],
  [
    'the far end begins a handshake, and then says that it has heard the answer',
    [
      [0, [9000, 9000, 5]],
      [3, [9500, 9148, 5]],
      [18, [9999, 9180, 5]],
    ],
    [],
  ],
  [
    'the far end goes while packets are sent',
    [
      [0, [9000, 9000, 5]],
      [3, [9500, 9900, 5]],
      [6, [9900, 9900, 5]],
      [15, [9999, 9900, 5]],
      [21, [10999, 9900, 5]],
    ],
    ['21 1 silent'],
  ],
  [
    'one packet alone, and no answer to it',
    [
      [0, [900, 900, 5]],
      [3, [996, 900, 5]],
      [10, [996, 900, 5]],
      [18, [996, 900, 5]],
    ],
    ['18 1 silent'],
  ],
  [
    'keepalives alone',
    [0, 5, 25, 50, 75, 100, 125].map((s): Look => [s, [900 + 32 * Math.floor(s / 25), 900, 5]]),
    [],
    { keepalive: 25 },
  ],
  [
    'keepalives of three minutes without a look',
    [
      [0, [900, 900, 5]],
      [180, [900 + 32 * 7, 900, 5]],
      [200, [900 + 32 * 8, 900, 5]],
    ],
    [],
    { keepalive: 25 },
  ],
  [
    'the one keepalive that answers a packet',
    [
      [0, [900, 900, 5]],
      [3, [900, 996, 5]],
      [13, [932, 996, 5]],
      [30, [932, 996, 5]],
    ],
    [],
  ],
  [
    'more than keepalives can be',
    [
      [0, [900, 900, 5]],
      [3, [900 + 96, 900, 5]],
      [18, [900 + 96, 900, 5]],
    ],
    ['18 1 silent'],
    { keepalive: 25 },
  ],
  [
    'a new handshake alone is an answer',
    [
      [0, [0, 0]],
      [3, [148, 0]],
      [10, [296, 0, 7]],
      [25, [296, 0, 7]],
    ],
    [],
  ],
  [
    'the last file is followed by the first',
    [
      [0, [0, 0]],
      [3, [148, 0]],
      [18, [148, 0]],
    ],
    ['18 0 silent'],
    { from: 2 },
  ],
  [
    'each file in turn while none answers',
    Array.from({ length: 25 }, (_, n): Look => [n * 3, [n * INITIATION, 0]]),
    ['18 1 silent', '39 2 silent', '60 0 silent'],
  ],
  [
    'a single file is silent, and told so',
    [
      [0, [0, 0]],
      [3, [148, 0]],
      [18, [148, 0]],
    ],
    ['18 silent'],
    { files: 1 },
  ],
  [
    'a look that comes late',
    [
      [0, [0, 0]],
      [100, [148, 0]],
      [110, [148, 0]],
      [115, [148, 0]],
    ],
    ['115 1 silent'],
  ],
  [
    'counters that begin anew',
    [
      [0, [9000, 9000, 5]],
      [3, [148, 0]],
      [10, [148, 0]],
      [20, [148, 0]],
    ],
    [],
  ],
  [
    'one of two peers answers',
    [
      [0, [0, 0], [0, 0]],
      [3, [148, 0], [900, 900, 5]],
      [18, [592, 0], [990, 990, 5]],
      [21, [740, 0], [999, 999, 5]],
    ],
    [],
  ],
  [
    'one of two peers is sent to, and does not answer',
    [
      [0, [0, 0], [900, 900, 5]],
      [3, [148, 0], [900, 900, 5]],
      [18, [592, 0], [900, 900, 5]],
    ],
    ['18 1 silent'],
  ],
  [
    'the first again, after its time',
    [
      [0, [0, 0, 1]],
      [30, [0, 0, 1]],
      [60, [0, 0, 1]],
      [63, [0, 0, 1]],
    ],
    ['60 0 failback'],
    { failback: 60, from: 2 },
  ],
  [
    'the first is in force: nothing to go back to',
    [
      [0, [0, 0]],
      [600, [0, 0]],
    ],
    [],
    { failback: 60 },
  ],
  [
    'never back',
    [
      [0, [0, 0]],
      [86400, [0, 0]],
    ],
    [],
    { from: 1 },
  ],
  [
    'silent at the time to go back: the next one first',
    [
      [0, [0, 0]],
      [40, [148, 0]],
      [60, [148, 0]],
      [61, [148, 0]],
    ],
    ['60 2 silent'],
    { failback: 60, from: 1 },
  ],
  ['no peer to be seen', [[0], [100]], []],
] as const satisfies readonly (readonly [string, readonly Look[], readonly string[], Rules?])[]) {
  test(`failover: ${what}`, () => {
    assert.deepEqual(play(looks, rules), expected);
  });
}

/** Minutes of containers that send all the time, second by second: each change, and what the log says. */
function live(
  answers: (file: number, seconds: number) => boolean,
  {
    minutes,
    ...rules
  }: { files: number; minutes: number; failbackMs?: number; isUsable?: (file: number) => boolean },
) {
  let state: FailoverState = { inForce: 0, since: 0 };
  const [changes, told, paths] = [[] as string[], [] as string[], ['/a', '/b', '/c'].slice(0, rules.files)];
  for (let seconds = 0, received = 0; seconds <= minutes * 60; seconds++) {
    if (answers(state.inForce, seconds)) received += 92;
    const peer = {
      ...{ publicKey: new Key(Buffer.alloc(32, 1)), keepalive: 0, lastHandshake: 0 },
      ...{ rxBytes: BigInt(received), txBytes: BigInt(seconds * INITIATION) },
    };
    const step = stepFailover(state, [peer], seconds * 1000, rules);
    if (step.change) changes.push(`${seconds} ${step.state.inForce} ${step.change}`);
    told.push(...[tellFailover(state, step, paths)].filter(text => text !== undefined));
    state = step.state;
  }
  return { changes, told, inForce: state.inForce };
}

const [SILENT_A, SILENT_B] = [
  'dwgd.conf=/b is in force in place of /a: packets were sent, and no peer answered for 15 s',
  'dwgd.conf=/c is in force in place of /b: packets were sent, and no peer answered for 15 s',
];
const NONE =
  'no file of dwgd.conf is answered: dwgd.conf=/a is in force again, and the others are tried ever less often, every four minutes at last';

test('failover: no way out for ten minutes: the first file most of the time, a round is told once, and so is its end', () => {
  const { changes, told, inForce } = live((_, seconds) => seconds < 100 || seconds > 700, {
    files: 3,
    minutes: 15,
  });
  // Of a new tunnel the first two looks find out where it begins.
  assert.deepEqual(
    changes.map(text => text.replace(' silent', '')),
    [
      '115 1',
      '132 2',
      '149 0',
      '181 1',
      '198 2',
      '215 0',
      '277 1',
      '294 2',
      '311 0',
      '433 1',
      '450 2',
      '467 0',
    ],
  );
  assert.deepEqual(told, [SILENT_A, SILENT_B, NONE, 'dwgd.conf=/a is in force, and is answered again']);
  assert.equal(inForce, 0);
});

test('failover: no file is left for longer than four minutes without a try', () => {
  const { changes } = live(() => false, { files: 2, minutes: 120 });
  const times = changes.map(text => Number.parseInt(text, 10));
  const pauses = times.slice(1).map((time, n) => time - times[n]!);
  assert.equal(Math.max(...pauses), 242);
  assert.deepEqual(pauses.slice(-4).toSorted(), [17, 17, 242, 242]);
});

for (const [what, failbackMs, after] of [
  ['without dwgd.failback the one of before comes back at once', undefined, ['183 0 answered']],
  ['with dwgd.failback it comes back in its time', 300_000, ['481 0 failback']],
] as const)
  test(`failover: the way is there again while another file is tried: ${what}`, () => {
    const rules = { files: 3, minutes: 20, ...(failbackMs !== undefined && { failbackMs }) };
    const { changes, told, inForce } = live((_, seconds) => seconds < 100 || seconds > 182, rules);
    assert.deepEqual(changes, ['115 1 silent', '132 2 silent', '149 0 silent', '181 1 silent', ...after]);
    assert.deepEqual(told.slice(0, 3), [SILENT_A, SILENT_B, NONE]);
    assert.equal(told.length, failbackMs === undefined ? 4 : 5);
    assert.equal(inForce, 0);
  });

test('failover: after all were silent one alone answers again: it is found, and stays', () => {
  const { changes, inForce } = live((file, seconds) => seconds < 100 || (file === 2 && seconds > 300), {
    files: 3,
    minutes: 20,
  });
  assert.equal(inForce, 2);
  assert.deepEqual(changes.slice(-4), ['294 2 silent', '301 0 answered', '318 1 silent', '335 2 silent']);
});

test('failover: where the second file was answered last, it is in force most of the time until it is answered again', () => {
  const { changes, inForce } = live((file, seconds) => (seconds < 100 || seconds > 500) && file === 1, {
    files: 2,
    minutes: 20,
  });
  assert.equal(inForce, 1);
  assert.deepEqual(
    changes.map(text => text.replace(' silent', '')),
    ['16 1', '115 0', '132 1', '164 0', '181 1', '243 0', '260 1', '382 0', '399 1'],
  );
});

test('failover: while no file is answered, the time of dwgd.failback changes nothing: the first one has its turn', () => {
  const { changes } = live((file, seconds) => seconds < 100 && file === 1, {
    files: 2,
    minutes: 60,
    failbackMs: 180_000,
  });
  assert.deepEqual(
    changes.filter(text => !text.includes('silent')),
    [],
  );
});

test('failover: one that nobody can use is not waited with', () => {
  const rules = { files: 3, minutes: 60, isUsable: (file: number) => file !== 0 };
  const { changes } = live(() => false, rules);
  assert.ok(changes.length < 40, changes.join());
});
