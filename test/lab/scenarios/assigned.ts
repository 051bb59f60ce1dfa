// A port that a provider assigns leads to the container that asks for it, as containers and networks come and go.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { createNetwork, remove, removeNetwork, run, start, stop } from '../../support/containers.js';
import { daemon, eventually, keyPair, Remote, scenario, sh } from '../../support/lab.js';
import { PortGateway, PUBLIC } from '../../support/port-gateway.js';
import { ask, hush, serve } from '../../support/talk.js';

const FILE = '/etc/dwgd/assigned.conf';
const TOLD = '/run/dwgd/ports/exit';
const BOTH = ['tcp', 'udp'] as const;
const own = keyPair();
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const far = {
  name: Remote.netns,
  exec: (program: string, ...args: string[]) => ip('netns', 'exec', Remote.netns, program, ...args),
  ip: (...args: string[]) => ip('-n', Remote.netns, ...args),
};
const auto = { networks: { exit: {} }, labels: { 'dwgd.forward': 'auto' } };
const port = (): number => Number(readFileSync(TOLD, 'utf8'));

async function serveIn(name: string): Promise<void> {
  for (const protocol of BOTH) await serve(name, name, protocol, port());
}

/** From the host, which is somebody in the world there. */
async function isReached(name: string): Promise<void> {
  for (const protocol of BOTH)
    await eventually(async () =>
      assert.equal(await ask('host', protocol, PUBLIC, port()), `${name} 192.0.2.1`),
    );
}

scenario(
  'assigned',
  () => {
    let gateway: PortGateway | undefined;
    after(async () => {
      hush();
      await gateway?.close();
    });

    test('a network whose provider assigns a port has it told in its file within seconds', async () => {
      const remote = await Remote.create(['10.64.0.1/24']);
      await remote.admit(own.publicKey, '10.64.0.2/32');
      await remote.sh('sysctl -qw net.ipv4.ip_forward=1');
      gateway = await PortGateway.start(far, { tunnel: 'wg0', outside: 'uplink' });
      await sh(`ip route add ${PUBLIC} via 192.0.2.2`);
      await mkdir('/etc/dwgd', { recursive: true, mode: 0o755 });
      const peer = `[Peer]\nPublicKey = ${remote.keys.publicKey}\nAllowedIPs = 0.0.0.0/0\nEndpoint = ${remote.endpoint}\n`;
      const text = `[Interface]\nPrivateKey = ${own.privateKey}\nAddress = 10.64.0.2/32\n${peer}`;
      await writeFile(FILE, text, { mode: 0o600 });
      await daemon.start();
      await createNetwork('exit', {
        options: { 'dwgd.conf': FILE, 'dwgd.natpmp': 'on' },
        subnets: ['10.77.0.0/24'],
      });
      await eventually(() => assert.match(readFileSync(TOLD, 'utf8'), /^\d+\n$/), { within: 60 });
      assert.match(daemon.logs(), /the provider has assigned a port .*port=\d+/);
    });

    test("the container that asks for it is reached at the provider's address, and sees who asks", async () => {
      await run('one', auto);
      await serveIn('one');
      await isReached('one');
    });

    test('a second one is told, and has the port when the first has gone', async () => {
      await run('two', auto);
      await eventually(() =>
        assert.match(
          daemon.logs(),
          /auto is not forwarded: one has the port that the provider assigns already/,
        ),
      );
      await serveIn('two');
      await isReached('one');
      await remove('one');
      await isReached('two');
      assert.match(await sh('node dist/src/cli/main.js status'), /exit +\d+ +10\.64\.0\.1 +two/);
    });

    test('the port is the same after a restart of the container and one of the daemon', async () => {
      const before = port();
      await stop('two');
      await start('two');
      await serveIn('two');
      await isReached('two');
      await daemon.kill9();
      await daemon.start();
      await isReached('two');
      assert.equal(port(), before);
    });

    test('the network removed: its file is gone, and the provider has the port back', async () => {
      await remove('two');
      assert.match(gateway!.rules, /dport/);
      await removeNetwork('exit');
      await eventually(() => assert.equal(existsSync(TOLD), false));
      assert.deepEqual(readdirSync('/run/dwgd/ports'), []);
      assert.doesNotMatch(gateway!.rules, /dport/);
    });
  },
  { within: 900 },
);
