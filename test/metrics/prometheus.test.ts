// The metrics before Prometheus itself: its own checker finds nothing to say, it scrapes them, and each query of
// contrib/grafana.json has an answer there.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createMetricsApi } from '../../src/control/api.js';
import { METRICS } from '../../src/control/metric-table.js';
import { Metrics } from '../../src/control/metrics.js';
import { MetricsPort } from '../../src/control/metrics-port.js';
import { LabelsStatus } from '../../src/labels/status.js';
import { AskedDriver } from '../support/control-world.js';
import { overviewOf } from '../support/overview.js';
import { eventually } from '../support/shell.js';

interface Board {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const board = JSON.parse(
  readFileSync(new URL('../../../contrib/grafana.json', import.meta.url), 'utf8'),
) as Board;
const folder = mkdtempSync(join(tmpdir(), 'dwgd-prometheus-'));
const closing: (() => unknown)[] = [];
let prometheus: ChildProcess;
let web = 0;
let port: MetricsPort;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

function get(at: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: at, path, agent: false }, answer => {
      let text = '';
      answer.on('data', chunk => (text += String(chunk)));
      answer.on('end', () => resolve(text)).on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

before(async () => {
  const asked = await AskedDriver.make();
  const { parts, close } = await overviewOf();
  // A tunnel that has been used, and calls that come in between.
  asked.counted = { lastHandshake: Date.now(), rxBytes: 1024n, txBytes: 512n };
  asked.addExit();
  asked.assigned = { port: 51413 };
  const calls = setInterval(() => asked.calls.count('NetworkDriver.Join', 200, 5), 100);
  const labels = new LabelsStatus(parts);
  const metrics = new Metrics({ version: '1.2.3', started: new Date(), driver: asked.status, labels });
  port = await MetricsPort.open(createMetricsApi(metrics), { host: '127.0.0.1', port: 0 });
  web = await freePort();
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    `scrape_configs:\n- job_name: dwgd\n  scrape_interval: 1s\n  static_configs: [{ targets: ['127.0.0.1:${port.port}'] }]\n`,
  );
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`];
  prometheus = spawn('prometheus', [...args, `--web.listen-address=127.0.0.1:${web}`], { stdio: 'ignore' });
  closing.push(
    close,
    () => metrics.close(),
    () => port.close(),
    () => clearInterval(calls),
  );
  await eventually(() => get(web, '/-/ready').then(text => /ready/i.test(text)), { within: 60, every: 0.1 });
});

after(async () => {
  prometheus.kill();
  await new Promise(resolve => prometheus.once('exit', resolve));
  for (const close of closing) await close();
  rmSync(folder, { recursive: true, force: true });
});

test('promtool check metrics has nothing to say', async () => {
  const text = await get(port.port, '/metrics');
  assert.ok(text.includes('wireguard_peer_receive_bytes_total{'));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});

test('promtool finds a metric of a wrong form: what it says nothing about is well', () => {
  const input = '# HELP Bad x\n# TYPE Bad counter\nBad 1\n';
  assert.notEqual(spawnSync('promtool', ['check', 'metrics'], { input }).status, 0);
});

/** How many series a query has now. */
async function series(query: string): Promise<number> {
  const text = await get(web, `/api/v1/query?query=${encodeURIComponent(query)}`);
  const answer = JSON.parse(text) as { status: string; error?: string; data: { result: unknown[] } };
  assert.equal(answer.status, 'success', answer.error);
  return answer.data.result.length;
}

const found = (query: string): Promise<unknown> =>
  eventually(async () => assert.ok((await series(query)) > 0, query), { within: 20, every: 0.2 });

test('Prometheus scrapes every metric', async () => {
  await found('up == 1');
  for (const { name } of METRICS) await found(name);
});

test('every query of the board has an answer', async () => {
  const queries = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.ok(queries.length > 10);
  for (const query of queries) await found(query.replaceAll('$__rate_interval', '1m'));
});

test('every metric of ours is on the board, but for counts that the other panels show', () => {
  const text = JSON.stringify(board);
  const missing = METRICS.filter(({ name }) => !text.includes(name)).map(({ name }) => name);
  assert.deepEqual(missing, [
    'dwgd_networks',
    'dwgd_labelled_containers',
    'dwgd_pass_seconds_total',
    'process_start_time_seconds',
  ]);
});
