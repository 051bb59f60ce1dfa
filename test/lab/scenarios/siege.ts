// Two hostile users do all that they can at once: root's containers start as ever, the daemon lives on, nothing is left.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, ping, run } from '../../support/containers.js';
import { daemon, database, docker, eventually, scenario, sh, wg } from '../../support/lab.js';
import { Attackers, type Deeds } from '../../support/siege/attackers.js';
import {
  business,
  descriptors,
  dockerRun,
  join,
  type Measured,
  quantile,
  resident,
  routeOf,
  show,
  UNREACHABLE,
} from '../../support/siege/besieged.js';
import { shareAsServices } from '../../support/siege/slices.js';

/** `make siege` gives two minutes. */
const SECONDS = Number(process.env.SIEGE_SECONDS ?? 20);
/** Long enough for a 99th percentile. */
const isLong = SECONDS >= 120;

/**
 * What they have to have done, by the finding of the review that it is: otherwise the siege was none. How often is up to
 * the daemon, which serves users in turn, and after root.
 */
const DEEDS: Deeds = {
  // 2: an answer of their Docker ends the daemon, or has it ask elsewhere.
  'questions of the daemon': 2,
  'lies: redirects': 1,
  'lies: brackets': 1,
  'lies: answers without end': 1,
  'lies: gigabytes': 1,
  'lies: silence': 1,
  // 3: it freezes, or eats memory.
  'stood: docker.pid is a FIFO': 1,
  'stood: docker.pid is a link to /dev/zero': 1,
  'stood: docker.pid is on FUSE': 1,
  'refused: bodies': 2,
  'done: links in odd sandboxes': 1,
  // 4 and 5: ids, names, peers and addresses of root's.
  "refused: root's network id": 1,
  "refused: root's network": 1,
  "refused: root's endpoint id": 1,
  "refused: root's endpoint": 1,
  "refused: root's address": 1,
  'refused: a closed interface': 1,
  "links of root's that were seen": 1,
  // 6: what it needs at its start.
  'refused: files of locks': 4,
  "refused: the name of the labels' lock": 1,
  // 8: root opens and tells what they name.
  'refused: files as a seed': 1,
  'refused: files as a preshared key': 1,
  "stood: docker.sock is a link to root's": 1,
  // 9: more of everything.
  'refused: the 65th network': 1,
  // The last that they begin: two minutes of all at once.
  'connections closed': isLong ? 2000 : 250,
  'dead names': 4,
  'done: endpoints': 1,
};
/** What none of them may have done. A link of his own may bear the name of one of root's: it stands in his namespace. */
const NEVER = /^(done: (root's|a closed|files|bodies)|taken: \/)/;

const target = { network: '', endpoint: '', address: '10.1.0.2/24', open: 'wg1', closed: 'wg0' };
const args = ['-d', database, '--rootless-ifname=wg1'];
let calls: string;
let quiet: Measured | undefined;
let attackers: Attackers | undefined;

/** A name server that never answers. */
const DEAD_DNS = `
  ip link add dead type dummy; ip link set dead up; ip addr add 10.255.254.1/32 dev dead
  for server in $(sed -n 's/^nameserver //p' /etc/resolv.conf); do
    ip route add $server dev dead; ip neigh add $server lladdr 02:00:00:00:00:01 dev dead
  done`;

async function endSiege(): Promise<void> {
  await attackers?.end();
  attackers = undefined;
}

/** What is in a list more often than in another. */
function without(list: readonly string[], other: readonly string[]): string[] {
  const rest = [...list];
  for (const one of other) if (rest.includes(one)) rest.splice(rest.indexOf(one), 1);
  return rest;
}

const forSeconds = (seconds: number): (() => boolean) => {
  const until = performance.now() + seconds * 1000;
  return () => performance.now() > until;
};

scenario(
  'siege',
  () => {
    test('without a siege', async () => {
      await wg.add('wg0', { addresses: ['10.0.0.1/24', '10.0.1.1/24'], port: 51820 });
      await wg.add('wg1', { addresses: ['10.1.0.1/24'], port: 51821 });
      await sh(DEAD_DNS);
      await daemon.start({ args });
      await shareAsServices();
      const make = (name: string, ifname: string, subnet: string): Promise<string> => {
        const options = { 'dwgd.ifname': ifname, 'dwgd.seed': 'a seed of sixteen bytes' };
        return createNetwork(name, { options, subnets: [subnet] });
      };
      await make('runs', 'wg0', '10.0.0.0/24 10.0.0.1');
      calls = await make('calls', 'wg0', '10.0.1.0/24 10.0.1.1');
      target.network = await make('kept', 'wg1', '10.1.0.0/24 10.1.0.1');
      const labels = { 'twine.route.203.0.113.0/24': '"vpn"' };
      // It outlives the siege.
      await run('kept', { networks: { kept: { ip: '10.1.0.2' } }, labels, command: ['sleep', '10000'] });
      const { NetworkSettings } = await docker.get<{
        NetworkSettings: { Networks: { kept: { EndpointID: string } } };
      }>('/containers/kept/json');
      target.endpoint = NetworkSettings.Networks.kept.EndpointID;
      for (let n = 0; n < 5; n++) await join(calls);
      if (!isLong) return;
      await business(forSeconds(15), calls);
      quiet = await business(forSeconds(SECONDS), calls);
      console.log(`  before the siege: ${show(quiet)}`);
    });

    test('under siege every docker run succeeds, the daemon lives on within its memory, and nothing is left', async () => {
      // Connections to Docker are kept open for five seconds.
      await sleep(10_000);
      const [pid, open, memory] = [daemon.pid(), descriptors(), resident()];
      attackers = await Attackers.start(target);
      const [isOver, isTooLate] = [forSeconds(SECONDS), forSeconds(SECONDS + 900)];
      const isEnough = (): boolean => isOver() && attackers!.lacking(DEEDS).length === 0;
      const siege = await business(() => isTooLate() || isEnough(), calls);
      const [lacking, deeds, asked] = [attackers.lacking(DEEDS), attackers.deeds(), attackers.asked];
      await endSiege();
      console.log(`  under siege: ${show(siege)}; ${memory.toFixed(0)} MB before`);
      console.log(`  they: ${JSON.stringify(deeds)}`);
      assert.deepEqual(lacking, []);
      const never = Object.keys(deeds).filter(name => NEVER.test(name));
      assert.deepEqual(never, []);
      // FUSE_INIT is what mount(2) itself asks.
      assert.deepEqual(new Set(asked), new Set(['ready', 'asked 26']), 'their file systems were asked');
      assert.equal(daemon.running() && daemon.pid(), pid);
      await eventually(() => assert.deepEqual(without(descriptors(), open), []), { within: 180, every: 0.5 });
      console.log(
        `  ${open.length} descriptors before, and none that is new after; ${resident().toFixed(0)} MB after`,
      );
      await ping('kept', '10.1.0.1');
      assert.ok(siege.most - memory < 50, `${memory} MB before, ${siege.most} MB in between`);
      if (!quiet) return;
      // Before and after, since the machine may be slower at one time than at another.
      const later = await business(forSeconds(SECONDS), calls);
      console.log(`  after the siege: ${show(later)}`);
      const ratio = quantile(siege.joins, 0.99) / quantile([...quiet.joins, ...later.joins], 0.99);
      console.log(`  p99 of Join: ${ratio.toFixed(2)} times that without a siege`);
      assert.ok(ratio < 2, `${ratio} times`);
    });

    test('started anew under siege it answers, and what labels close stays closed', async () => {
      await endSiege();
      attackers = await Attackers.start(target);
      await daemon.stop();
      const taken = { "taken: the name of the labels' lock": 1 };
      await eventually(() => assert.deepEqual(attackers!.lacking(taken), []), { within: 60 });
      assert.match(await routeOf('kept', '203.0.113.1'), UNREACHABLE);
      await daemon.start({ args });
      await shareAsServices();
      await dockerRun();
      await eventually(() => assert.match(daemon.logs(), /holds the name @dwgd-labels/), { within: 60 });
      assert.match(await routeOf('kept', '203.0.113.1'), UNREACHABLE);
      await ping('kept', '10.1.0.1');
    });

    after(async () => {
      await endSiege();
      await sh('ip link del dead');
    });
  },
  { within: 2400 },
);
