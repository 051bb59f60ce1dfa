// docs/openapi.json describes what is really answered: each answer, of a daemon with something of everything, follows it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { DecodeError } from '../../../src/base/errors.js';
import { parseAddress } from '../../../src/base/ip.js';
import {
  checkFarPeers,
  checkInspection,
  checkStatus,
  checkSurvey,
} from '../../../src/control/answer-shapes.js';
import type { Daemon } from '../../../src/control/halves.js';
import { Overview } from '../../../src/labels/controller/overview.js';
import { LabelsStatus, type LabelsStatusParts } from '../../../src/labels/status.js';
import { AskedDriver, answering } from '../../support/control-world.js';
import { ask } from '../../support/docker.js';
import { container, plan } from '../../support/label-world.js';
import { overviewOf, partsOf } from '../../support/overview.js';
import { mismatches, type Schema } from '../../support/schema.js';

interface Document {
  readonly paths: Readonly<
    Record<string, { readonly get: { readonly responses: Readonly<Record<string, unknown>> } }>
  >;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const document = JSON.parse(
  readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'),
) as Document;
const { schemas } = document.components;

/** Containers whose labels lead everywhere that labels can lead. */
function linked(): Pick<Daemon, 'labels'> {
  const containers = [
    container('gw', {
      networks: { lan: '10.9.0.2' },
      labels: {
        'twine.nat.interfaces': 'wg+',
        'twine.nat.forward.80': 'app:8080',
        'twine.host.routes': '10.7.0.0/24',
      },
    }),
    container('app', {
      networks: { lan: '10.9.0.3 fd09::3' },
      gateways: { lan: '10.9.0.1 fd09::1' },
      labels: { 'twine.route.0.0.0.0/0': 'gw' },
    }),
  ];
  const overview = new Overview({ item: () => undefined });
  overview.planned(plan(containers), containers);
  const drift: LabelsStatusParts['drift'] = {
    status: { heard: 0, muted: 1, unheard: 2, reason: 'EPERM' },
    stateOf: () => 'muted',
  };
  return { labels: new LabelsStatus({ ...partsOf(overview), notices: () => ['it drops all'], drift }) };
}

async function halves(t: TestContext): Promise<Pick<Daemon, 'driver' | 'labels'> & { asked: AskedDriver }> {
  const asked = await AskedDriver.make();
  asked.counted = { lastHandshake: 1, rxBytes: 2n ** 40n, txBytes: 3n };
  asked.addExit();
  asked.assigned = { gateway: parseAddress('10.64.0.1')!, port: 51413, problem: 'it refuses' };
  const change = { at: new Date(), why: 'it came in place of /a.conf' };
  const file = { path: '/b.conf', isInForce: true, change, isSilent: true, problem: 'not there' } as const;
  asked.exit = { ...asked.exit, files: [file] };
  const { parts, close } = await overviewOf();
  t.after(close);
  return { asked, driver: asked.status, labels: new LabelsStatus(parts) };
}

/** What a question is answered, and what the document says of it. */
const ANSWERS = [
  ['/v1/status', 200, 'Status', '/v1/status'],
  ['/v1/inspect/web', 200, 'Inspection', '/v1/inspect/{name}'],
  ['/v1/inspect/app', 200, 'Inspection', '/v1/inspect/{name}'],
  ['/v1/inspect/vpn', 200, 'Inspection', '/v1/inspect/{name}'],
  ['/v1/inspect/router', 200, 'Inspection', '/v1/inspect/{name}'],
  ['/v1/inspect/nobody', 404, 'Problem', '/v1/inspect/{name}'],
  [`/v1/inspect/${'x'.repeat(300)}`, 404, 'Problem', '/v1/inspect/{name}'],
  ['/v1/rules/router', 200, 'Rules', '/v1/rules/{name}'],
  ['/v1/rules/nobody', 404, 'Problem', '/v1/rules/{name}'],
  [`/v1/rules/${'x'.repeat(300)}`, 404, 'Problem', '/v1/rules/{name}'],
  ['/v1/explain/qbittorrent?to=203.0.113.5:443', 200, 'Way', '/v1/explain/{name}'],
  ['/v1/explain/qbittorrent?to=203.0.113.5:443/sctp', 400, 'Problem', '/v1/explain/{name}'],
  ['/v1/explain/qbittorrent', 400, 'Problem', '/v1/explain/{name}'],
  ['/v1/explain/nobody?to=203.0.113.5', 404, 'Problem', '/v1/explain/{name}'],
  ['/v1/explain/web?to=203.0.113.5', 409, 'Problem', '/v1/explain/{name}'],
  ['/v1/explain/busy?to=203.0.113.5', 503, 'Problem', '/v1/explain/{name}'],
  ['/v1/inspect/mullvad', 200, 'Inspection', '/v1/inspect/{name}'],
  ['/v1/peers/vpn', 200, 'FarPeers', '/v1/peers/{name}'],
  ['/v1/peers/vpn?range=10.1.0.0/30', 200, 'FarPeers', '/v1/peers/{name}'],
  ['/v1/peers/vpn?range=x', 400, 'Problem', '/v1/peers/{name}'],
  ['/v1/peers/nobody', 404, 'Problem', '/v1/peers/{name}'],
  [`/v1/peers/${'x'.repeat(300)}`, 404, 'Problem', '/v1/peers/{name}'],
  ['/v1/peers/lan', 409, 'Problem', '/v1/peers/{name}'],
  ['/v1/survey', 200, 'Survey', '/v1/survey'],
  ['/health', 200, 'Health', '/health'],
] as const;

test('each answer is as docs/openapi.json describes it', async t => {
  const { driver, labels } = await halves(t);
  const socket = await answering(t, { driver: driver!, labels: labels! });
  for (const [path, status, name, described] of ANSWERS) {
    const answer = await ask(socket, 'GET', path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    assert.deepEqual(mismatches(JSON.parse(answer.text), schemas[name]!, schemas), [], path);
    const response = document.paths[described]!.get.responses[String(status)];
    assert.match(JSON.stringify(response), new RegExp(`#/components/schemas/${name}"`));
  }
});

test('the daemon that is asked has something of everything that the document describes', async t => {
  const { driver, labels } = await halves(t);
  const socket = await answering(t, { driver: driver!, labels: labels! });
  const texts = await Promise.all(ANSWERS.map(([path]) => ask(socket, 'GET', path)));
  const leading = await answering(t, linked());
  for (const [path, name] of [
    ['/v1/status', 'Status'],
    ['/v1/rules/gw', 'Rules'],
    ['/v1/survey', 'Survey'],
  ] as const) {
    const answer = await ask(leading, 'GET', path);
    assert.deepEqual(mismatches(JSON.parse(answer.text), schemas[name]!, schemas), [], path);
    texts.push(answer);
  }
  const all = texts.map(({ text }) => text).join('\n');
  for (const schema of Object.values(schemas))
    for (const name of Object.keys(schema.properties as object))
      if (name !== 'problem') assert.ok(all.includes(`"${name}":`), name);
});

/** A value of another type than any that a field of that kind may have. */
const otherThan = (value: unknown): unknown => (typeof value === 'string' ? 7 : 'another');

/** Each value of the answer with one part of it taken away or changed, and whether the document allows that. */
function* changed(
  value: unknown,
  schema: Schema,
): Generator<readonly [what: string, value: unknown, isAllowed: boolean]> {
  if (typeof schema.$ref === 'string') return yield* changed(value, schemas[schema.$ref.split('/').pop()!]!);
  yield ['another type', otherThan(value), false];
  if (Array.isArray(value)) {
    for (const [n, one] of value.entries())
      for (const [what, other, is] of changed(one, schema.items as Schema))
        yield [`[${n}] ${what}`, value.with(n, other), is];
  } else if (schema.type === 'object') {
    const properties = schema.properties as Readonly<Record<string, Schema>>;
    for (const [name, one] of Object.entries(value as object)) {
      const { [name]: _, ...rest } = value as Readonly<Record<string, unknown>>;
      yield [`without ${name}`, rest, !(schema.required as string[]).includes(name)];
      for (const [what, other, is] of changed(one, properties[name]!))
        yield [`${name} ${what}`, { ...rest, [name]: other }, is];
    }
    yield ['with more', { ...(value as object), more: 1 }, true];
  }
}

test('what a command takes for an answer is what the document describes, and more fields', async t => {
  const { driver, labels } = await halves(t);
  const sockets = [await answering(t, { driver: driver!, labels: labels! }), await answering(t, linked())];
  let tried = 0;
  for (const [path, name, check] of [
    ['/v1/status', 'Status', checkStatus],
    ['/v1/inspect/web', 'Inspection', checkInspection],
    ['/v1/inspect/router', 'Inspection', checkInspection],
    ['/v1/peers/vpn', 'FarPeers', checkFarPeers],
    ['/v1/survey', 'Survey', checkSurvey],
  ] as const) {
    for (const socket of sockets) {
      const { status, text } = await ask(socket, 'GET', path);
      if (status !== 200) continue;
      const answer: unknown = JSON.parse(text);
      const takes = (value: unknown): boolean => {
        try {
          check(value);
          return true;
        } catch (err) {
          assert.ok(err instanceof DecodeError);
          return false;
        }
      };
      assert.equal(takes(answer), true, path);
      for (const [what, value, isAllowed] of changed(answer, schemas[name]!)) {
        assert.equal(takes(value), isAllowed, `${path} ${what}`);
        tried++;
      }
    }
  }
  assert.ok(tried > 200, `${tried}`);
});

test('the document names each path that is answered, and no other', async t => {
  const { driver, labels } = await halves(t);
  const socket = await answering(t, { driver: driver!, labels: labels! });
  assert.deepEqual(Object.keys(document.paths), [
    '/v1/status',
    '/v1/inspect/{name}',
    '/v1/rules/{name}',
    '/v1/explain/{name}',
    '/v1/peers/{name}',
    '/v1/survey',
    '/health',
    '/metrics',
  ]);
  assert.equal((await ask(socket, 'GET', '/metrics')).status, 200);
  for (const path of ['/', '/v1', '/v2/status', '/v1/inspect', '/v1/inspect/a/b', '/v1/status/x', '/metric'])
    assert.deepEqual((await ask(socket, 'GET', path)).status, 404, path);
});

test('a daemon that does not know what labels come to says so', async t => {
  const { driver } = await halves(t);
  const overview = new Overview({ item: () => undefined });
  for (const known of [{ driver: driver! }, { labels: new LabelsStatus(partsOf(overview)) }]) {
    const { status, text } = await ask(await answering(t, known), 'GET', '/v1/survey');
    assert.equal(status, 503);
    assert.deepEqual(mismatches(JSON.parse(text), schemas.Problem!, schemas), []);
  }
});

test('a daemon of which a half fails is unhealthy, with the reason and since when', async t => {
  const { asked, driver, labels } = await halves(t);
  const socket = await answering(t, { driver: driver!, labels: labels! });
  asked.isListening = false;
  const { status, text } = await ask(socket, 'GET', '/health');
  assert.equal(status, 503);
  const health = JSON.parse(text) as { healthy: boolean; driver: { reason: string } };
  assert.deepEqual(mismatches(health, schemas.Health!, schemas), []);
  assert.deepEqual([health.healthy, health.driver.reason], [false, "Docker's calls are not answered"]);
});

test('a half that was not asked for does not make the daemon unhealthy', async t => {
  const { labels } = await halves(t);
  const socket = await answering(t, { labels: labels! });
  const { status, text } = await ask(socket, 'GET', '/health');
  assert.equal(status, 200);
  assert.match(text, /"driver":\{"state":"off"\}/);
});
