// What forwards of several ports do to packets: ranges to the same ports and to others above and below, lists, both
// protocols. The server answers with its port and the address that it sees.
import assert from 'node:assert/strict';
import { lineTest } from '../support/label-line.js';
import { run } from '../support/namespace.js';
import { ask, askInVain, serveOn } from '../support/peer.js';

/** `10.8.0.2:80`, `[fd08::2]:80`. */
const at = (net: number, port: number): string[] => [`10.${net}.0.2:${port}`, `[fd0${net}::2]:${port}`];
const MASQUERADED = ['10.9.0.2', 'fd09::2'] as const;

for (const [what, label, value, pairs] of [
  [
    'to the same ports',
    '6881-6889',
    'web',
    [
      [6881, 6881],
      [6885, 6885],
      [6889, 6889],
    ],
  ],
  [
    'to ports above them',
    '6881-6889',
    'web:7881-7889',
    [
      [6881, 7881],
      [6885, 7885],
      [6889, 7889],
    ],
  ],
  [
    'to ports below them',
    '7881-7889',
    'web:6881-6889',
    [
      [7881, 6881],
      [7885, 6885],
      [7889, 6889],
    ],
  ],
  [
    'of ten thousand to ports far above',
    '20000-29999',
    'web:50000-59999',
    [
      [20000, 50000],
      [23456, 53456],
      [29999, 59999],
    ],
  ],
  [
    'of ten thousand to ports far below',
    '50000-59999',
    'web:20000-29999',
    [
      [50000, 20000],
      [53456, 23456],
      [59999, 29999],
    ],
  ],
  [
    'to overlapping ones',
    '6881-6889',
    'web:6882-6890',
    [
      [6881, 6882],
      [6889, 6890],
    ],
  ],
  [
    'down to port 1, longer than its first port',
    '100-1000',
    'web:1-901',
    [
      [100, 1],
      [199, 100],
      [200, 101],
      [1000, 901],
    ],
  ],
] as const) {
  lineTest(
    `a range ${what} is forwarded port by port, by both protocols and families`,
    { [`twine.nat.forward.${label}/tcp,udp`]: value },
    async ({ client, middle, server }, t) => {
      const [first, last] = label.split('-').map(Number) as [number, number];
      await serveOn(t, server, [...new Set(pairs.map(([, to]) => to))]);
      for (const [from, to] of pairs) {
        for (const how of ['tcp', 'udp'] as const) {
          for (const [n, address] of at(8, from).entries())
            assert.equal(await ask(client, address, how), `${to} ${MASQUERADED[n]}`, `${address} ${how}`);
          // The container itself, too.
          for (const [n, address] of at(9, from).entries())
            assert.equal(await ask(middle, address, how), `${to} ${MASQUERADED[n]}`, `${address} ${how}`);
        }
      }
      for (const beside of [first - 1, last + 1])
        assert.equal(await ask(client, `10.8.0.2:${beside}`), 'ECONNREFUSED', String(beside));
    },
  );
}

lineTest(
  'a list, both protocols, and a port within a range that leads elsewhere',
  {
    'twine.nat.forward.80,443/tcp,udp': 'web:8080,8443',
    'twine.nat.forward.100-200': 'web:1100-1200',
    'twine.nat.forward.150': 'web:9150',
    'twine.nat.forward.wg+.160-169': 'web:2160-2169',
    'twine.nat.forward.lo.53/tcp,udp': 'web:5353',
    'twine.nat.forward.lo.6000-6009/tcp,udp': 'web:7000-7009',
  },
  async ({ client, middle, server }, t) => {
    await serveOn(t, server, [8080, 8443, 1149, 1165, 9150, 2165, 5353, 7005]);
    for (const [from, to] of [
      [80, 8080],
      [443, 8443],
    ] as const)
      for (const how of ['tcp', 'udp'] as const)
        assert.equal(await ask(client, `10.8.0.2:${from}`, how), `${to} 10.9.0.2`);
    assert.equal(await ask(client, '10.8.0.2:149'), '1149 10.9.0.2');
    assert.equal(await ask(client, '10.8.0.2:150'), '9150 10.9.0.2');
    assert.equal(await ask(client, '10.8.0.2:165'), '2165 10.9.0.2');
    // To an address of its own nobody can see which interface is meant, so the widest counts.
    assert.equal(await ask(middle, '10.9.0.2:165'), '1165 10.9.0.2');
    assert.equal(await ask(middle, '127.0.0.1:53', 'udp'), '5353 10.9.0.2');
    assert.equal(await ask(middle, '127.0.0.1:6005', 'udp'), '7005 10.9.0.2');
    assert.equal(await ask(middle, '[::1]:6005'), '7005 fd09::2');
    assert.equal(await ask(client, '10.8.0.2:6005'), 'ECONNREFUSED');
  },
);

lineTest(
  'a client that always asks from one port gets to where the range leads now',
  { 'twine.nat.forward.9050-9059/udp': 'web:8050-8059' },
  async ({ client, server, moveServer }, t) => {
    await serveOn(t, server, [8055]);
    moveServer('10.9.0.99');
    assert.equal(await askInVain(client, '10.8.0.2:9055', 'udp', 5000), 'nothing');
    moveServer('10.9.0.3');
    assert.equal(await ask(client, '10.8.0.2:9055', 'udp', 5000), '8055 10.9.0.2');
  },
);

lineTest(
  'a range whose rule somebody took away is forwarded nowhere, and not to the container itself',
  { 'twine.nat.forward.6881-6889': 'web:7881-7889' },
  async ({ client, middle, server, moveServer }, t) => {
    await serveOn(t, server, [7885]);
    await serveOn(t, middle, [6885]);
    assert.equal(await ask(client, '10.8.0.2:6885'), '7885 10.9.0.2');
    const nft = (command: string): string => run('ip', 'netns', 'exec', middle.name, 'nft', '-a', command);
    const handle = /dnat.*# handle (\d+)/.exec(nft('list chain inet dwgd shift1'))?.[1];
    assert.ok(handle);
    nft(`delete rule inet dwgd shift1 handle ${handle}`);
    assert.equal(await askInVain(client, '10.8.0.2:6885'), 'nothing');
    // It is put back like any other change to the table.
    moveServer('10.9.0.3');
    assert.equal(await ask(client, '10.8.0.2:6885'), '7885 10.9.0.2');
  },
);
