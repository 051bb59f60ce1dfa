// Which file is in force, look by look: what was sent, what came back, and what follows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FailoverState, stepFailover } from '../../../../src/driver/exit/failover.js';
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
