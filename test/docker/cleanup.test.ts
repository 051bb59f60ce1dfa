// `dwgd cleanup`: everything of ours goes, from every namespace and the host, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetwork, run } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const cleanup = 'node dist/src/cli/main.js cleanup';
const places = ['one', 'two', 'bare', 'host'];

keeping('cleanup', () => {
  test('while a daemon runs it is refused, dwgd plan says what there is, and nothing is touched', async () => {
    await createNetwork('main', { driver: 'bridge', subnets: ['172.30.0.0/24 172.30.0.1'] });
    for (const name of ['bare', 'gateway']) await run(name, { networks: { main: {} } });
    // Their labels come with a container that shares the namespace.
    for (const name of ['one', 'two']) await run(name, { networks: { main: {} } });
    await inside('one', 'iptables -A INPUT -p tcp --dport 9 -j DROP');
    for (const place of places) before.set(place, await snapshot(place));
    await keeper.start();
    const labels = {
      'twine.nat.interfaces': '+',
      'twine.nat.forward.lo.53/udp': 'gateway',
      'twine.route.0.0.0.0/0': 'gateway',
      'twine.route.10.9.0.0/16': 'gateway',
    };
    await run('labels-1', { mode: 'container:one', labels });
    await run('labels-2', {
      mode: 'container:two',
      labels: { ...labels, 'twine.host.routes': '10.66.0.0/16' },
    });
    await follows(async () => {
      for (const name of ['one', 'two']) await inside(name, 'nft list table inet dwgd');
      assert.match(await sh('ip route'), /10\.66/);
    });
    const held = await snapshot('one');
    const listed = await inside('one', 'nft -s list table inet dwgd');
    const planned = await sh('node dist/src/cli/main.js plan one');
    assert.ok(planned.includes(listed.trim().replace(/\n\n\tchain stamp \{.*?\n\t\}/s, '')), planned);
    assert.match(planned, /^# one, labels-1$/m);
    assert.match(planned, /^ip route prepend 10\.9\.0\.0\/16 via 172\.30\.0\.\d+ proto 229$/m);
    assert.match(
      await sh.fails('node dist/src/cli/main.js plan onee'),
      /no container "onee" \(there is one\)/,
    );
    // Of a container that joined another, by a gateway that is inspected on the way, and to a name that only that has.
    const way = await sh('node dist/src/cli/main.js explain labels-1 10.9.0.5');
    assert.match(way, /^labels-1 to 10\.9\.0\.5\/icmp$/m);
    assert.match(way, /^ {2}gateway: /m);
    assert.match(
      await sh('node dist/src/cli/main.js explain two gateway:80/tcp'),
      /^two to 172\.30\.0\.\d+:80\/tcp\n(?:.*\n)*reaches gateway/,
    );
    assert.match(await sh.fails(cleanup), /another dwgd applies the labels of this host: stop it first/);
    assertSame(await snapshot('one'), held);
  });

  test('with the daemon stopped it takes everything away, says so, and leaves what was there', async () => {
    await daemon.stop();
    const said = await sh(cleanup);
    for (const place of ['one', 'two', 'the host']) assert.match(said, new RegExp(`^${place}: `, 'm'));
    assert.doesNotMatch(said, /^bare: /m);
    for (const place of places) assertSame(await snapshot(place), before.get(place)!);
  });

  test('a second time there is nothing to take away, and that is no failure', async () => {
    assert.equal(await sh(cleanup), 'nothing to remove');
  });

  test('where something cannot be taken away it says where', async () => {
    // More than is read.
    await inside(
      'two',
      'for i in $(seq 8200); do echo "rule add from 10.$((i / 256)).$((i % 256)).0/24 lookup 500 pref 300"; done | ip -batch -',
    );
    assert.match(await sh.fails(cleanup), /two: listing policy rules: there are more than 8192/);
    await inside(
      'two',
      'ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default',
    );
  });

  test('without Docker it says what to do', async () => {
    assert.match(
      await sh.fails(`${cleanup} --docker-host unix:///run/nobody.sock`),
      /cannot ask Docker for its containers \(connect ENOENT \/run\/nobody\.sock\): start it, or say where it is/,
    );
  });

  test('a daemon that starts afterwards makes it all again', async () => {
    await keeper.start();
    await follows(() => inside('one', 'nft list table inet dwgd'));
  });

  test('two daemons do not keep the labels of one host', async () => {
    const said = await sh.fails('node dist/src/cli/main.js --no-driver');
    assert.match(said, /another dwgd applies the labels of this host: stop it first/);
  });
});

const before = new Map<string, string[]>();
