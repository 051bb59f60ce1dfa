// Metrics of the whole daemon, and the port by which Prometheus has them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type RequestListener, request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createMetricsApi } from '../../../src/control/api.js';
import type { Daemon } from '../../../src/control/halves.js';
import { METRICS } from '../../../src/control/metric-table.js';
import { Metrics } from '../../../src/control/metrics.js';
import { MetricsPort } from '../../../src/control/metrics-port.js';
import { LabelsStatus } from '../../../src/labels/status.js';
import { AskedDriver, REMOTE } from '../../support/control-world.js';
import { overviewOf } from '../../support/overview.js';
import { askWay } from '../../support/ways.js';

async function daemonOf(t: TestContext): Promise<Daemon> {
  const asked = await AskedDriver.make();
  const { status, calls } = asked;
  asked.addExit();
  asked.assigned = { port: 51413 };
  const { parts, close } = await overviewOf();
  t.after(close);
  calls.count('NetworkDriver.Join', 200, 40);
  calls.count('NetworkDriver.Join', 400, 2);
  return {
    version: '1.2.3',
    explain: askWay,
    started: new Date(0),
    driver: status,
    labels: new LabelsStatus(parts),
  };
}

function metricsOf(t: TestContext, daemon: Daemon): Metrics {
  const metrics = new Metrics(daemon);
  t.after(() => metrics.close());
  return metrics;
}

test('every metric of the table has a value, but for the delay of the event loop, which takes two scrapes', async t => {
  const text = await metricsOf(t, await daemonOf(t)).text();
  const missing = METRICS.filter(({ name }) => !text.includes(`\n${name}`)).map(({ name }) => name);
  assert.deepEqual(missing, ['dwgd_event_loop_delay_seconds']);
});

test('peers have the names of their networks and containers, calls their methods and statuses, labels their state', async t => {
  const text = await metricsOf(t, await daemonOf(t)).text();
  for (const line of [
    `wireguard_peer_receive_bytes_total{network="vpn",container="app",interface="wg0",public_key="${REMOTE}"} 0`,
    'dwgd_calls_total{method="NetworkDriver.Join",status="200"} 1',
    'dwgd_calls_total{method="NetworkDriver.Join",status="400"} 1',
    'dwgd_call_seconds_total{method="NetworkDriver.Join"} 0.042',
    'dwgd_labels{state="in_force"} 1',
    'dwgd_labels{state="not_in_force"} 1',
    'dwgd_labelled_containers{state="stopped"} 1',
    'dwgd_endpoints{state="joined"} 3',
    'dwgd_exit_file_in_force{network="mullvad",file="/etc/dwgd/provider.conf"} 1',
    'dwgd_exit_assigned_port{network="mullvad"} 51413',
    'dwgd_half_healthy{half="driver"} 1',
    'dwgd_heard_namespaces 1',
    'dwgd_unheard_namespaces{why="muted"} 0',
    'dwgd_unheard_namespaces{why="other"} 0',
  ])
    assert.ok(text.includes(`\n${line}\n`), `${line}\nin\n${text}`);
  assert.match(
    text,
    /\ndwgd_label_not_in_force_since_seconds\{container="router",label="twine.route.garbage"\} \d/,
  );
  assert.match(
    text,
    /\nwireguard_peer_last_handshake_seconds\{network="lan",container="web",interface="wg0",/,
  );
});

test('within a second the same answer is given again', async t => {
  const daemon = await daemonOf(t);
  let asked = 0;
  const count = async () => {
    asked++;
    return [];
  };
  const metrics = metricsOf(t, {
    ...daemon,
    driver: { ...daemon.driver!, health: () => daemon.driver!.health(), metrics: count },
  });
  await Promise.all([metrics.text(), metrics.text()]);
  await metrics.text();
  assert.equal(asked, 1);
});

for (const [path, method, status] of [
  ['/metrics', 'GET', 200],
  ['/', 'GET', 404],
  ['/page/main.js', 'GET', 404],
  ['/v1/status', 'GET', 404],
  ['/v1/rules/router', 'GET', 404],
  ['/v1/inspect/app', 'GET', 404],
  ['/health', 'GET', 404],
  ['/metrics', 'POST', 405],
] as const) {
  test(`by TCP ${method} ${path} is answered with ${status}`, async t => {
    const metrics = metricsOf(t, await daemonOf(t));
    const port = await MetricsPort.open(createMetricsApi(metrics), { host: '127.0.0.1', port: 0 });
    t.after(() => port.close());
    const found = await new Promise<number | undefined>((resolve, reject) => {
      request({ host: '127.0.0.1', port: port.port, path, method, agent: false }, answer => {
        answer.resume().on('end', () => resolve(answer.statusCode));
      })
        .on('error', reject)
        .end();
    });
    assert.equal(found, status);
  });
}

test('a port that another program has is refused by a sentence', async t => {
  const app = createMetricsApi(metricsOf(t, await daemonOf(t)));
  const first = await MetricsPort.open(app, { host: '127.0.0.1', port: 0 });
  t.after(() => first.close());
  await assert.rejects(MetricsPort.open(app, { host: '127.0.0.1', port: first.port }), {
    message: `cannot listen on 127.0.0.1:${first.port}: another program listens there: give --metrics another port`,
  });
});

test('who asks a thousand times on one connection keeps nobody waiting', async t => {
  const port = await MetricsPort.open((_, response) => response.end('well'), { host: '127.0.0.1', port: 0 });
  t.after(() => port.close());
  const hostile = connect(port.port, '127.0.0.1');
  hostile.on('error', () => undefined).write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000));
  await once(hostile, 'close');
  const response = await fetch(`http://127.0.0.1:${port.port}/metrics`, {
    signal: AbortSignal.timeout(10_000),
  });
  assert.deepEqual([response.headers.get('connection'), await response.text()], ['close', 'well']);
});

test('those who are gone are not waited for', async t => {
  let answered = 0;
  const app: RequestListener = (_, response) => {
    answered++;
    response.end('well');
  };
  const port = await MetricsPort.open(app, { host: '127.0.0.1', port: 0 });
  t.after(() => port.close());
  for (let n = 0; n < 300; n++) {
    const gone = connect(port.port, '127.0.0.1').on('error', () => undefined);
    await once(gone, 'connect');
    gone.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n', () => gone.resetAndDestroy());
    await once(gone, 'close');
  }
  assert.equal(await (await fetch(`http://127.0.0.1:${port.port}/metrics`)).text(), 'well');
  assert.ok(answered < 150, `${answered} of those who were gone had an answer`);
});
