// An exit network beside its peers, in the laboratory: throughput beside the bare WireGuard link and a VPN container with labels, by
// turns through the same far end; Join beside one in pubkey mode. Usage: exits [TURNS [MIB]]
import { createNetwork as dockerNetwork, ping, run } from '../support/containers.js';
import {
  bothHalves,
  daemon,
  database,
  docker,
  eventually,
  keyPair,
  sh,
  wg,
  withoutEngine,
} from '../support/lab.js';
import { FAR_AWAY, makeProviders, PROVIDERS } from '../support/providers.js';
import { attach, createNetwork, type Endpoint, measureCalls, Timings } from './calls.js';
import { Connection } from './connection.js';
import { figure, median, progress, spread, table } from './stats.js';

const [TURNS, MIB] = [Number(process.argv[2] ?? 9), Number(process.argv[3] ?? 24)];
const [JOIN_TURNS, JOIN_ROUNDS, WARM] = [4, 10, 15];
/** Other containers of the network, for Joins beside many. */
const OTHERS = 50;
const PORT = 7;
const PROGRAM = `${process.cwd()}/dist/test/bench/connections`;
const [FAR] = FAR_AWAY;
const [{ file, theirs }] = PROVIDERS;

const remote = await makeProviders();
await remote.sh(`setsid ${PROGRAM} serve ${PORT} < /dev/null > /dev/null 2>&1 &`);
await joins();
await throughput();
// The server of the far end is a process of the guest's.
process.exit();

async function joins(): Promise<void> {
  await daemon.start({ args: ['-d', database, '--no-labels'], env: withoutEngine });
  const connection = new Connection();
  const options = {
    'dwgd.pubkey': remote.keys.publicKey,
    'dwgd.endpoint': remote.endpoint,
    'dwgd.seed': 'supersecretseed',
  };
  const nothing = new Timings();
  const exit = await createNetwork(connection, '10.0.0.0/16', nothing, { 'dwgd.conf': file });
  const pubkey = await createNetwork(connection, '10.0.0.0/16', nothing, options);
  const measured = { exit: new Timings(), pubkey: new Timings(), beside: new Timings() };
  progress('Joins: getting warm');
  for (const network of [exit, pubkey]) await measureCalls(connection, network, WARM, nothing);
  for (let turn = 0; turn < JOIN_TURNS; turn++) {
    progress(`Joins: turn ${turn + 1} of ${JOIN_TURNS}`);
    await measureCalls(connection, exit, JOIN_ROUNDS, measured.exit);
    await measureCalls(connection, pubkey, JOIN_ROUNDS, measured.pubkey);
  }
  progress(`Joins beside ${OTHERS} others`);
  const others: Endpoint[] = [];
  for (let n = 0; n < OTHERS; n++) others.push(await attach(connection, exit, `10.0.1.${n + 1}/16`, nothing));
  await measureCalls(connection, exit, JOIN_ROUNDS, measured.beside);
  for (const endpoint of others) {
    await connection.call('NetworkDriver.Leave', endpoint);
    await connection.call('NetworkDriver.DeleteEndpoint', endpoint);
  }
  for (const NetworkID of [exit, pubkey]) await connection.call('NetworkDriver.DeleteNetwork', { NetworkID });
  connection.close();
  await daemon.stop();
  daemon.forget();
  const rows = (['CreateEndpoint', 'Join', 'CreateEndpoint + Join', 'DeleteEndpoint'] as const).flatMap(
    call => [
      [`${call}, pubkey mode`, ...spread(measured.pubkey.of(call))],
      [`${call}, exit network`, ...spread(measured.exit.of(call))],
      [`${call}, exit network beside ${OTHERS} others`, ...spread(measured.beside.of(call))],
    ],
  );
  table('In the guest: Join of an exit network', ['ms', 'median', 'p95', 'n'], rows);
  const join = (timings: Timings): number => median(timings.of('Join'));
  console.log(`  Join: ${figure(join(measured.exit) / join(measured.pubkey))} × pubkey mode`);
  console.log(`RESULT exit-join ${join(measured.exit) / join(measured.pubkey)}`);
}

/** Sends by each way in turn, and says how many MiB/s came through. */
async function throughput(): Promise<void> {
  const own = keyPair();
  await remote.admit(own.publicKey, '10.64.0.9/32');
  const vpn = keyPair();
  await remote.admit(vpn.publicKey, '10.64.0.8/32');
  const link = async (name: string, keys: typeof own, address: string): Promise<void> => {
    const peers = [
      { publicKey: remote.keys.publicKey, allowedIps: ['0.0.0.0/0'], endpoint: remote.endpoint },
    ];
    await wg.add(name, { addresses: [`${address}/32`], privateKey: keys.privateKey, peers });
  };
  await link('bare', own, '10.64.0.9');
  await sh(`ip route add ${theirs[0]} dev bare`);
  await daemon.start({ args: bothHalves });
  await dockerNetwork('exit', { options: { 'dwgd.conf': file }, subnets: ['10.77.0.0/24'] });
  await dockerNetwork('front', { driver: 'bridge', subnets: ['10.88.0.0/24'] });
  await run('one', { networks: { exit: {} } });
  await run('vpn', { networks: { front: {} }, labels: { 'twine.nat.interfaces': 'wg+' }, netAdmin: true });
  await link('wgvpn', vpn, '10.64.0.8');
  const sandbox = await docker.sandbox('vpn');
  await sh(`ip link set wgvpn netns ${sandbox}`);
  await docker.within(
    'vpn',
    `ip addr add 10.64.0.8/32 dev wgvpn; ip link set wgvpn up; ip route add ${FAR} dev wgvpn`,
  );
  await run('user', { networks: { front: {} }, labels: { [`twine.route.${FAR}`]: 'vpn' } });
  await eventually(() => ping('user', FAR), { within: 90 });
  await ping('one', FAR);
  const ways = {
    bare: (mib: number) => sh(`${PROGRAM} send ${theirs[0]} ${PORT} ${mib}`, { within: 300 }),
    exit: (mib: number) => docker.within('one', `${PROGRAM} send ${FAR} ${PORT} ${mib}`),
    labels: (mib: number) => docker.within('user', `${PROGRAM} send ${FAR} ${PORT} ${mib}`),
  };
  const names = Object.keys(ways) as (keyof typeof ways)[];
  const came: Record<keyof typeof ways, number[]> = { bare: [], exit: [], labels: [] };
  for (const name of names) await ways[name](4);
  for (let turn = 0; turn < TURNS; turn++) {
    progress(`throughput: turn ${turn + 1} of ${TURNS}`);
    for (const name of turn % 2 === 0 ? names : [...names].reverse())
      came[name].push(Number(await ways[name](MIB)));
  }
  const beside = (name: 'bare' | 'labels'): number => median(came.exit.map((one, n) => one / came[name][n]!));
  table(
    'In the guest: throughput of one TCP connection to the far end',
    ['MiB/s', 'median', 'p95', 'n', 'exit network beside it, by turns'],
    [
      ['the bare WireGuard link', ...spread(came.bare), `${beside('bare').toFixed(2)} ×`],
      ['an exit network', ...spread(came.exit), ''],
      ['a VPN container with labels', ...spread(came.labels), `${beside('labels').toFixed(2)} ×`],
    ],
  );
  console.log(`RESULT exit-bare ${beside('bare')}`);
  console.log(`RESULT exit-labels ${beside('labels')}`);
}
