// When a port is asked for, how often, and what becomes of it. A gateway that a test plays answers or does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  assignedPort,
  endings,
  firstState,
  INTERNAL_PORT,
  LIFETIME,
  nextDue,
  type PortState,
  stepPort,
} from '../../../../src/driver/natpmp/assigned-port.js';
import type { MappingAnswer, MappingRequest } from '../../../../src/driver/natpmp/mapping-message.js';

type Gateway = (request: MappingRequest, now: number) => MappingAnswer | 'refused' | undefined;

/** A clock, the state, and what was sent when. */
class Run {
  now = 1_000;
  readonly sent: { readonly at: number; readonly request: MappingRequest }[] = [];
  readonly told: string[] = [];
  steps = 0;

  constructor(
    public gateway: Gateway,
    public state: PortState = firstState(1_000, 0, false),
  ) {}

  get port(): number | undefined {
    return assignedPort(this.state, this.now);
  }

  /** Steps until a time, as timers would. */
  until(end: number): this {
    for (let due = nextDue(this.state, this.now); due <= end; due = nextDue(this.state, this.now)) {
      this.now = Math.max(due, this.now);
      this.#step({ kind: 'time' });
      assert.ok(++this.steps < 100_000, 'it steps without end');
    }
    this.now = end;
    return this;
  }

  #step(event: Parameters<typeof stepPort>[1]): void {
    const { state, send, told } = stepPort(this.state, event, this.now);
    this.state = state;
    if (told !== undefined) this.told.push(told);
    if (!send) return;
    this.sent.push({ at: this.now, request: send });
    const answer = this.gateway(send, this.now);
    if (answer === 'refused') this.#step({ kind: 'refused' });
    else if (answer) this.#step({ kind: 'answer', answer });
  }

  /** What was sent since the start, in seconds: `0 udp 0`. */
  get log(): string[] {
    return this.sent.map(
      ({ at, request: { protocol, suggested, lifetime } }) =>
        `${(at - 1_000) / 1_000} ${lifetime === 0 ? 'end ' : ''}${protocol} ${suggested}`,
    );
  }
}

const epoch = (now: number): number => Math.floor(now / 1_000);
/** One that gives what is welcome, or the port. */
const giving =
  (port: number, lifetime = LIFETIME): Gateway =>
  (request, now) => ({
    ...{ result: 0, epoch: epoch(now) },
    granted:
      request.lifetime === 0
        ? { external: 0, lifetime: 0 }
        : { external: request.suggested || port, lifetime },
  });

test('UDP is asked for, then TCP with the same port, and both again at half of their time', () => {
  const run = new Run(giving(40_000)).until(62_000);
  assert.deepEqual(run.log, [
    '0 udp 0',
    '0 tcp 40000',
    '30 udp 40000',
    '30 tcp 40000',
    '60 udp 40000',
    '60 tcp 40000',
  ]);
  assert.equal(run.port, 40_000);
  assert.ok(
    run.sent.every(
      ({ request: { internal, lifetime } }) => internal === INTERNAL_PORT && lifetime === LIFETIME,
    ),
  );
  assert.deepEqual(run.told, []);
});

test('no port is in force before both are answered', () => {
  const run = new Run(request => (request.protocol === 'udp' ? giving(40_000)(request, 0) : undefined)).until(
    3_000,
  );
  assert.equal(run.port, undefined);
});

test('who does not answer is asked nine times, after 250 ms and twice as long each time, and then after a minute', () => {
  const run = new Run(() => undefined).until(1_000 + 127_750 + 60_000);
  assert.deepEqual(
    run.log,
    [0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75, 63.75, 187.75].map(at => `${at} udp 0`),
  );
  const told = new Run(() => undefined);
  assert.equal(told.until(1_000 + 7_700).state.problem, undefined);
  assert.equal(told.until(1_000 + 7_800).state.problem, 'it does not answer');
});

test('an answer to a later try counts, and nothing is sent after it', () => {
  let tries = 0;
  const run = new Run((request, now) =>
    ++tries === 3 ? giving(40_000)(request, now) : tries > 3 ? giving(0)(request, now) : undefined,
  );
  assert.deepEqual(run.until(20_000).log, ['0 udp 0', '0.25 udp 0', '0.75 udp 0', '0.75 tcp 40000']);
  assert.equal(run.port, 40_000);
});

for (const [what, answer, problem] of [
  ['a version', { result: 1, epoch: 0 }, 'it does not know this version of the protocol'],
  ['a refusal', { result: 2, epoch: 0 }, 'it refuses'],
  ['a gateway without an address', { result: 3, epoch: 0 }, 'it has no address of its own now'],
  ['a gateway without ports', { result: 4, epoch: 0 }, 'it has no port left'],
  ['an unknown request', { result: 5, epoch: 0 }, 'it does not know the request'],
  ['an unknown result', { result: 999, epoch: 0 }, 'it answers with the unknown result 999'],
  [
    'a port for too short a time',
    { result: 0, epoch: 0, granted: { external: 9_000, lifetime: 9 } },
    'it gives a port for 9 seconds only',
  ],
  [
    'a port that a system listens at',
    { result: 0, epoch: 0, granted: { external: 1_023, lifetime: 60 } },
    'it gives the port 1023, and those below 1024 are not taken',
  ],
  ['nobody who listens', 'refused', 'it has no server for it: the port is refused'],
] as const) {
  test(`${what} is told, and it is asked again after a minute`, () => {
    const run = new Run(() => answer).until(61_500);
    assert.equal(run.state.problem, problem);
    assert.deepEqual(run.log, ['0 udp 0', '60 udp 0']);
    assert.equal(run.port, undefined);
    run.gateway = giving(40_000);
    assert.equal(run.until(125_000).port, 40_000);
    assert.equal(run.state.problem, undefined);
  });
}

test('a port ends when its time is over, and is asked for again by its number', () => {
  const run = new Run(giving(40_000)).until(2_000);
  run.gateway = () => undefined;
  assert.equal(run.until(60_900).port, 40_000);
  assert.equal(run.until(61_100).port, undefined);
  run.gateway = giving(1);
  assert.equal(run.until(400_000).port, 40_000);
});

test('a time beyond two hours is taken for two hours', () => {
  const run = new Run(giving(40_000, 2 ** 32 - 1)).until(1_000 + 3_600_000 - 1);
  assert.equal(run.sent.length, 2);
  assert.equal(run.until(1_000 + 3_600_000).sent.length, 4);
});

test('where UDP and TCP get two ports, UDP is asked to have that of TCP', () => {
  let udp = 40_000;
  const run = new Run((request, now) => {
    if (request.lifetime === 0) return giving(0)(request, now);
    if (request.protocol === 'tcp')
      return { result: 0, epoch: epoch(now), granted: { external: 50_000, lifetime: 60 } };
    udp = request.suggested || udp;
    return { result: 0, epoch: epoch(now), granted: { external: udp, lifetime: 60 } };
  }).until(2_000);
  assert.deepEqual(run.log, ['0 udp 0', '0 tcp 40000', '0 end udp 0', '0 udp 50000', '0 tcp 50000']);
  assert.equal(run.port, 50_000);
});

test('where they never get the same, that is told after three times, and no port is in force', () => {
  const run = new Run((request, now) => ({
    ...{ result: 0, epoch: epoch(now) },
    granted:
      request.lifetime === 0
        ? { external: 0, lifetime: 0 }
        : { external: request.protocol === 'udp' ? 40_000 : 50_000, lifetime: 60 },
  })).until(60_000);
  assert.equal(run.state.problem, 'it gives port 40000 for UDP and 50000 for TCP, and not the same for both');
  assert.equal(run.port, undefined);
  assert.equal(run.sent.filter(({ request }) => request.lifetime === 0).length, 3);
});

for (const [what, back, isLost] of [
  ['goes on', 0, false],
  ['is slower by an eighth', 3.75, false],
  ['is two seconds behind that', 5.7, false],
  ['is further behind', 6.8, true],
  ['begins anew', 31, true],
] as const) {
  test(`a gateway whose clock ${what} has ${isLost ? 'lost all, and is asked again' : 'lost nothing'}`, () => {
    // Of the second answer on its clock is behind.
    const run = new Run((request, now) => ({
      ...(giving(40_000)(request, now) as MappingAnswer),
      epoch: now / 1_000,
    })).until(2_000);
    run.gateway = (request, now) => ({
      ...(giving(40_000)(request, now) as MappingAnswer),
      epoch: Math.max(now / 1_000 - back, 0),
    });
    run.until(32_000);
    assert.deepEqual(
      run.told,
      isLost ? ['the gateway has lost what it had assigned, and is asked again'] : [],
    );
    assert.deepEqual(run.log.slice(2), ['30 udp 40000', '30 tcp 40000']);
  });
}

test('where the answer about TCP says so, UDP is asked again, too; once in a round', () => {
  const run = new Run(giving(40_000)).until(2_000);
  run.gateway = (request, now) => ({
    ...(giving(40_000)(request, now) as MappingAnswer),
    epoch: request.protocol === 'tcp' ? 0 : epoch(now),
  });
  run.until(32_000);
  assert.deepEqual(run.log.slice(2), ['30 udp 40000', '30 tcp 40000', '30 udp 40000', '30 tcp 40000']);
});

test('a port that is kept is in force at once, for a minute; one that is not is only welcome', () => {
  const kept = new Run(() => undefined, firstState(1_000, 40_000, true));
  assert.equal(kept.port, 40_000);
  assert.equal(kept.until(60_900).port, 40_000);
  assert.equal(kept.until(61_000).port, undefined);
  assert.equal(kept.log[0], '0 udp 40000');
  const welcome = new Run(() => undefined, firstState(1_000, 40_000, false));
  assert.equal(welcome.port, undefined);
  assert.equal(welcome.until(1_100).log[0], '0 udp 40000');
});

test('what ends a mapping names the port at the tunnel, and no other', () => {
  assert.deepEqual(
    endings(),
    (['udp', 'tcp'] as const).map(protocol => ({
      protocol,
      internal: INTERNAL_PORT,
      suggested: 0,
      lifetime: 0,
    })),
  );
});

test('whatever a gateway answers, it is asked less than once a second in the long run, and a port is one', () => {
  const answer = fc.oneof(
    fc.constant(undefined),
    fc.constant('refused' as const),
    fc.record({ result: fc.nat(65_535), epoch: fc.nat() }),
    fc.record({
      result: fc.constant(0),
      epoch: fc.nat(),
      granted: fc.record({ external: fc.integer({ min: 1, max: 65_535 }), lifetime: fc.nat(200) }),
    }),
  );
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1, maxLength: 12 }), answers => {
      let n = 0;
      const run = new Run(() => answers[n++ % answers.length]).until(3_600_000);
      assert.ok(run.sent.length < 3_600, `${run.sent.length} in an hour`);
      assert.ok(run.port === undefined || (run.port > 0 && run.port <= 65_535));
    }),
    { numRuns: 200 },
  );
});
