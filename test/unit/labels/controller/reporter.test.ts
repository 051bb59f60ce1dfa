// What is said of rules that the kernel refuses: each by its label, at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { failureOf, Reporter } from '../../../../src/labels/controller/reporter.js';
import { type WorkItem, withFailure } from '../../../../src/labels/controller/work-queue.js';

/** Tells of what came of a namespace, time after time, with failures counted as the work queue does. */
function teller(reports: Reporter): (outcome: Parameters<Reporter['outcome']>[1]) => void {
  const fresh = { key: '4:1', subject: 'app', attempts: 0, retryAt: 0, repeats: 0 } as WorkItem;
  let item = fresh;
  return outcome => {
    const isFailure = outcome !== undefined && outcome.failures.length > 0;
    item = isFailure ? withFailure(item, failureOf(outcome), 0) : fresh;
    reports.outcome(item, outcome);
  };
}

test('a rule that the kernel refuses is a warning of its label, at once; what was done is logged beside it', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const refused = [
    { container: 'app', key: 'twine.iptables.rule.a', message: 'the kernel refuses the rule' },
  ];
  teller(new Reporter(log))({ changes: [{ kind: 'deleteTable' }], failures: [], refused });
  assert.deepEqual(
    lines.map(({ level, container, label, msg }) => [level, container, label, msg]),
    [
      [40, 'app', 'twine.iptables.rule.a', 'the kernel refuses the rule'],
      [30, undefined, undefined, 'reconciled with its labels'],
    ],
  );
});

test('a container that is not held at all is an error, once; another mistake is a warning', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const reports = new Reporter(log);
  for (let n = 0; n < 2; n++) {
    reports.diagnostics([
      { container: 'app', key: 'twine.*', message: 'not held', isError: true },
      { container: 'web', key: 'twine.route.::/0', message: 'not found' },
    ]);
  }
  assert.deepEqual(
    lines.map(({ level, container, msg }) => [level, container, msg]),
    [
      [50, 'app', 'not held'],
      [40, 'web', 'not found'],
    ],
  );
});

test('what is said once is not said again when its label has gone and come back', () => {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const reports = new Reporter(log);
  const notice = (once: string, message = once) => ({
    container: 'app',
    key: 'twine.host.routes',
    message,
    once,
  });
  for (let n = 0; n < 2; n++) {
    reports.diagnostics([notice('a'), notice('a', 'the same in other words')]);
    reports.diagnostics([]);
  }
  assert.deepEqual(lines, ['a']);
  // The oldest of a thousand is forgotten: what is remembered has an end.
  for (let n = 0; n < 1024; n++) reports.diagnostics([notice(`b${n}`)]);
  reports.diagnostics([notice('b1023'), notice('a')]);
  assert.deepEqual([lines.length, lines.at(-1)], [1026, 'a']);
});

test('what is wrong in a namespace is logged when it is new, and again when it comes back', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const reports = new Reporter(log);
  const tell = teller(reports);
  const outcomes = [['a rule'], ['a rule'], ['another'], undefined, ['another']];
  for (const warnings of outcomes) {
    tell({ changes: [], failures: [], ...(warnings && { warnings }) });
  }
  assert.deepEqual(
    lines.map(({ level, containers, msg }) => [level, containers, msg]),
    ['a rule', 'another', 'another'].map(text => [40, 'app', text]),
  );
  reports.retainOnly(new Set());
  tell({ changes: [], failures: [], warnings: ['another'] });
  assert.equal(lines.length, 4);
});

for (const [what, failures, text] of [
  ['one', ['a'], 'a'],
  ['three', ['a', 'b', 'c'], 'a; b; c'],
  ['many', ['a', 'b', 'c', 'd', 'e'], 'a; b; c; and 2 more'],
  ['a long one', ['x'.repeat(500)], `${'x'.repeat(400)}…`],
] as const) {
  test(`the failures of a namespace are a line of bounded length: ${what}`, () => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const reports = new Reporter(log);
    const tell = teller(reports);
    for (let n = 0; n < 3; n++) {
      tell({ changes: [], failures: failures.map(message => new Error(message)) });
    }
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [[50, text]],
    );
  });
}

function linesOf(...outcomes: Parameters<Reporter['outcome']>[1][]): unknown[][] {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const reports = new Reporter(log);
  const tell = teller(reports);
  for (const outcome of outcomes) tell(outcome);
  return lines.map(({ level, msg }) => [level, msg]);
}

const failed = (flags: object) => ({ changes: [], failures: [new Error('refused')], ...flags });

test('a fallback that the kernel refuses is an error at the first failure, and logged once', () => {
  const unguarded = failed({ mayLeak: true });
  assert.deepEqual(linesOf(unguarded, unguarded, unguarded), [
    [
      50,
      'refused; until then packets may leave by routes other than those of labels: twine.strict=true would close the container meanwhile',
    ],
  ]);
});

test('of a container that is closed meanwhile a failure is logged the second time, and that it is closed', () => {
  const closed = failed({ isClosed: true });
  assert.deepEqual(linesOf(closed), []);
  assert.deepEqual(linesOf(closed, closed, closed), [
    [50, "refused; until then the container sends and forwards nothing but loopback and Docker's DNS"],
  ]);
});

test('a rule that is refused and leaves a container open is an error at once', () => {
  const refused = [
    { container: 'app', key: 'twine.iptables.rule.a', message: 'it is open', isOpen: true as const },
  ];
  assert.deepEqual(linesOf({ changes: [], failures: [], refused }), [[50, 'it is open']]);
});

test('that a closed container is open is logged once, when all of its labels are in force', () => {
  const change = { kind: 'deleteProbe' } as const;
  const [closed, open] = [
    { changes: [change], failures: [], isClosed: true as const },
    { changes: [change], failures: [] },
  ];
  const brought = [30, 'reconciled with its labels'];
  assert.deepEqual(linesOf(open, closed, failed({}), open, open), [
    brought,
    brought,
    brought,
    [30, 'all labels are in force: the container that twine.strict had closed is open'],
    brought,
  ]);
});
