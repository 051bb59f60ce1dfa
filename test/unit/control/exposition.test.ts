// Metrics as text: the format of Prometheus, which refuses a whole answer for one mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposition, type Sample } from '../../../src/control/exposition.js';
import { METRICS } from '../../../src/control/metric-table.js';

const peer = (container: string, value: number): Sample => ({
  name: 'wireguard_peer_receive_bytes_total',
  labels: ['vpn', container, 'wg0', 'key='],
  value,
});
const HEAD =
  '# HELP wireguard_peer_receive_bytes_total Bytes received from the peer, as its interface counts them.\n# TYPE wireguard_peer_receive_bytes_total counter\n';

for (const [what, samples, text] of [
  ['no sample is an empty line', [], '\n'],
  [
    'a metric has its help and its type once, and a line for each set of labels',
    [peer('a', 1), peer('b', 2.5)],
    `${HEAD}wireguard_peer_receive_bytes_total{network="vpn",container="a",interface="wg0",public_key="key="} 1
wireguard_peer_receive_bytes_total{network="vpn",container="b",interface="wg0",public_key="key="} 2.5
`,
  ],
  [
    'a set of labels that comes twice is there once, with its last value',
    [peer('a', 1), peer('a', 2)],
    `${HEAD}wireguard_peer_receive_bytes_total{network="vpn",container="a",interface="wg0",public_key="key="} 2\n`,
  ],
  [
    'quotes, backslashes and ends of lines in a value cannot end it',
    [peer('a"} 9\n\\', 1)],
    `${HEAD}wireguard_peer_receive_bytes_total{network="vpn",container="a\\"} 9\\n\\\\",interface="wg0",public_key="key="} 1\n`,
  ],
  [
    'metrics stand in the order of the table, whatever the order of the samples',
    [
      { name: 'dwgd_networks', value: 1 },
      { name: 'dwgd_info', labels: ['1'], value: 1 },
    ],
    `# HELP dwgd_info Always 1; the version of the daemon is its label.
# TYPE dwgd_info gauge
dwgd_info{version="1"} 1
# HELP dwgd_networks Networks of the driver.
# TYPE dwgd_networks gauge
dwgd_networks 1
`,
  ],
] as const satisfies readonly (readonly [string, readonly Sample[], string])[]) {
  test(what, () => assert.equal(exposition(samples), text));
}

test('each metric is named once, a counter by _total, and a gauge by no such word', () => {
  assert.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
  for (const { name, type, help } of METRICS) {
    assert.match(name, /^(wireguard_peer|dwgd|process)_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(help, /^[A-Z].*\.$/);
  }
});
