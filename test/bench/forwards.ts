// What the number of forwards costs packets: by turns a gateway with 10 and one with 1,000, each to a container of its own, and
// both asked for the last of them. Three namespaces: a client, the gateway with the table that labels make, and all containers.
// Usage: forwards, as root, beside the built program `connections`.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Netns, NetnsSwitch } from '../../src/netlink/netns.js';
import { Nft } from '../../src/nft/client.js';
import { type NftTable, replaceTable } from '../../src/nft/table.js';
import { container, plan } from '../support/label-world.js';
import { median, progress, table } from './stats.js';
import { byTurns, paired } from './turns.js';

const TURNS = Number(process.env.FORWARDS_TURNS ?? 12);
const [FEW, MANY] = [10, 1_000];
const FIRST_PORT = 10_000;
const [OPENED, ASKED, SENT_MIB] = [4_000, 20_000, 2_000];
const PROGRAM = fileURLToPath(new URL('connections', import.meta.url));
const [CLIENT, GATEWAY, SERVERS] = ['client', 'gateway', 'servers'].map(name => `dwgd-bench-${name}`) as [
  string,
  string,
  string,
];

const ip = (...lines: string[]): void => {
  for (const line of lines) execFileSync('ip', line.split(' '));
};
const addressOf = (n: number): string => `10.9.${16 + (n >> 8)}.${n & 255}`;

function build(): void {
  for (const name of [CLIENT, GATEWAY, SERVERS]) ip(`netns add ${name}`, `-n ${name} link set lo up`);
  for (const [name, link, own, other] of [
    [CLIENT, 'eth0', '10.8.0.9/24', '10.8.0.2/24'],
    [SERVERS, 'eth1', '10.9.0.3/16', '10.9.0.2/16'],
  ])
    ip(
      `-n ${GATEWAY} link add ${link} type veth peer name eth0 netns ${name}`,
      `-n ${GATEWAY} address add ${other} dev ${link}`,
      `-n ${name} address add ${own} dev eth0`,
      `-n ${GATEWAY} link set ${link} up`,
      `-n ${name} link set eth0 up`,
    );
  // All containers are one: who asks for an address of theirs asks that.
  ip(
    `-n ${GATEWAY} route add 10.9.16.0/20 via 10.9.0.3`,
    `-n ${SERVERS} route add local 10.9.16.0/20 dev lo`,
  );
  const limits = ['net.ipv4.ip_forward=1', 'net.netfilter.nf_conntrack_tcp_timeout_close=1'];
  execFileSync('ip', ['netns', 'exec', GATEWAY, 'sysctl', '-qw', ...limits]);
}

/** The table of a container with so many forwards. */
function tableOf(forwards: number): NftTable {
  const all = Array.from({ length: forwards }, (_, n) => n);
  const labels = Object.fromEntries(all.map(n => [`twine.nat.forward.${FIRST_PORT + n}`, `web-${n}:80`]));
  const webs = all.map(n => container(`web-${n}`, { networks: { main: addressOf(n) } }));
  const { sandboxes, diagnostics } = plan([
    container('gateway', { networks: { main: '10.9.0.2' }, labels }),
    ...webs,
  ]);
  if (diagnostics.length > 0 || !sandboxes[0]?.table) throw new Error(`no table: ${diagnostics.length}`);
  return sandboxes[0].table;
}

const asked = (what: string, n: number, count: number): number =>
  Number(
    execFileSync('ip', [
      ...['netns', 'exec', CLIENT, PROGRAM, what],
      ...['10.8.0.2', String(FIRST_PORT + n), String(count)],
    ]),
  );

for (const name of [CLIENT, GATEWAY, SERVERS]) {
  try {
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  } catch {
    // None is left of an earlier run.
  }
}
build();
const server = spawn('ip', ['netns', 'exec', SERVERS, PROGRAM, 'serve', '80']);
await once(server.stdout, 'data');
const [inside, nft] = [await NetnsSwitch.open(), new Nft()];
const gateway = new Netns(`/run/netns/${GATEWAY}`);
const tables = [tableOf(FEW), tableOf(MANY)] as const;
progress(`${FEW} and ${MANY} forwards, ${TURNS} turns of each`);
const pairs = await byTurns(TURNS, async isMany => {
  const began = performance.now();
  inside.within(gateway, () => nft.apply(replaceTable(tables[isMany ? 1 : 0]), 'the benchmark'));
  const applied = performance.now() - began;
  const last = (isMany ? MANY : FEW) - 1;
  asked('open', last, OPENED / 4);
  return {
    applied,
    opened: asked('open', last, OPENED),
    answered: asked('ask', last, ASKED),
    sent: asked('send', last, SENT_MIB),
  };
});
table(
  'The last of many forwards',
  ['', `of ${FEW}`, `of ${MANY}`, 'difference by turns', 'more'],
  [
    paired(pairs, 'a connection, µs', ({ opened }) => opened),
    paired(pairs, 'a byte there and back, µs', ({ answered }) => answered),
    paired(pairs, 'throughput, MiB/s', ({ sent }) => sent),
    paired(pairs, 'the table applied, ms', ({ applied }) => applied),
  ],
);
const ratio = pairs.told.map((turn, n) => turn.opened / pairs.plain[n]!.opened);
console.log(`  connections by turns: ${median(ratio).toFixed(3)} times as long`);
server.kill();
for (const namespace of [CLIENT, GATEWAY, SERVERS]) ip(`netns del ${namespace}`);
process.exit();
