// Providers of exit networks as the laboratory plays them: two far ends in the namespace of Remote, their files, and what comes out
// at them or anywhere else. Not here: containers.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { eventually, sh } from './shell.js';
import { type KeyPair, keyPair, Remote, wg } from './wireguard.js';

/** Somewhere in the world, which all far ends play. */
export const FAR_AWAY = ['198.51.100.7', '2001:db8:f00d::7'] as const;
/** DNS servers in the world that nobody plays: questions to them go to the provider's. */
export const RESOLVERS = ['198.51.100.53', '2001:db8:f00d::53'] as const;
export const SUBNETS = ['10.77.0.0/24', 'fd77::/64'];
/** Of a second exit network. */
export const OTHER_SUBNETS = ['10.79.0.0/24', 'fd79::/64'];
/** Where the daemon keeps the namespaces of routers. */
export const KEPT = '/run/dwgd/netns';

/** Sends from its first instruction on, and goes on. */
export const PINGS = `for a in ${FAR_AWAY.join(' ')}; do while :; do ping -i 0.3 -W 1 $a; sleep 0.2; done & done; wait`;

/** Where a provider listens, what it calls us and itself, and our file. The second one has a preshared key. */
export interface Provider {
  readonly link: 'wg0' | 'wg1';
  readonly port: number;
  readonly own: KeyPair;
  readonly ours: readonly [string, string];
  readonly theirs: readonly [string, string];
  readonly file: string;
}

export const PROVIDERS = [provider('wg0', 51820, 64, 'first'), provider('wg1', 51821, 65, 'second')] as const;

function provider(link: Provider['link'], port: number, net: number, name: string): Provider {
  const of = (host: number) => [`10.${net}.0.${host}`, `fd${net}::${host}`] as const;
  return { link, port, own: keyPair(), ours: of(2), theirs: of(1), file: `/etc/dwgd/${name}.conf` };
}

/**
 * The files, and far ends that answer; the host's default route leads there, too, so that what leaves in the clear arrives.
 * @param hosts of the endpoints
 */
export async function makeProviders(hosts: readonly string[] = ['192.0.2.2', '192.0.2.2']): Promise<Remote> {
  const addresses = PROVIDERS.map(({ theirs: [ipv4, ipv6] }) => [`${ipv4}/24`, `${ipv6}/64`]);
  const remote = await Remote.create(addresses[0]!);
  const psk = randomBytes(32).toString('base64');
  const second = await wg.add('wg1', { addresses: addresses[1]!, port: 51821, netns: Remote.netns });
  await remote.sh(FAR_AWAY.map(address => `ip addr add ${address} dev lo`).join('; '));
  await sh('ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2');
  await mkdir('/etc/dwgd', { recursive: true, mode: 0o755 });
  for (const [n, { link, port, own, ours, theirs, file }] of PROVIDERS.entries()) {
    const allowedIps = [`${ours[0]}/32`, `${ours[1]}/128`];
    await wg.setPeer(link, { publicKey: own.publicKey, allowedIps }, Remote.netns);
    if (n === 1) await remote.sh(`wg set ${link} peer ${own.publicKey} preshared-key <(echo ${psk})`);
    await writeFile(
      file,
      `# as a provider hands it out
[Interface]
PrivateKey = ${own.privateKey}
Address = ${allowedIps.join(', ')}
DNS = ${theirs.join(', ')}
PostUp = iptables -A OUTPUT -j REJECT

[Peer]
PublicKey = ${[remote.keys, second][n]!.publicKey}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = ${hosts[n]}:${port}
${n === 1 ? `PresharedKey = ${psk}\n` : ''}`,
      { mode: 0o600 },
    );
  }
  return remote;
}

/** The far ends go, and the link to them: a namespace alone takes its time. */
export async function removeProviders(): Promise<void> {
  await sh(`ip link del to-remote; ip netns del ${Remote.netns}`);
}

/** Counts what passes on the host in the clear, by whatever link, and what comes out at each far end. Begins anew where it counts. */
export async function startCounting(): Promise<void> {
  const [far4, far6] = [`{ ${FAR_AWAY[0]}, ${RESOLVERS[0]} }`, `{ ${FAR_AWAY[1]}, ${RESOLVERS[1]} }`];
  const onHost = (hook: string): string => `chain ${hook} {
    type filter hook ${hook} priority -300
    ip daddr ${far4} counter comment "clear"
    ip6 daddr ${far6} counter comment "clear"
    ip saddr { ${SUBNETS[0]}, ${OTHER_SUBNETS[0]} } counter comment "clear"
    ip6 saddr { ${SUBNETS[1]}, ${OTHER_SUBNETS[1]} } counter comment "clear"
  }`;
  const atFarEnd = PROVIDERS.map(
    ({ link, ours: [ipv4, ipv6], theirs }) => `
    iifname "${link}" ip daddr ${FAR_AWAY[0]} ip saddr ${ipv4} counter comment "${link}_4"
    iifname "${link}" ip6 daddr ${FAR_AWAY[1]} ip6 saddr ${ipv6} counter comment "${link}_6"
    iifname "${link}" ip daddr ${theirs[0]} udp dport 53 counter comment "${link}_dns"
    iifname "${link}" ip6 daddr ${theirs[1]} udp dport 53 counter comment "${link}_dns"
    iifname "${link}" ip saddr != ${ipv4} counter comment "clear"
    iifname "${link}" ip6 saddr != ${ipv6} counter comment "clear"
    iifname "${link}" ip daddr ${RESOLVERS[0]} counter comment "clear"
    iifname "${link}" ip6 daddr ${RESOLVERS[1]} counter comment "clear"`,
  ).join('');
  await sh(`nft -f - <<'END'
table inet tally
delete table inet tally
table inet tally {
  ${onHost('prerouting')}
  ${onHost('output')}
}
END
ip netns exec ${Remote.netns} nft -f - <<'END'
table inet tally
delete table inet tally
table inet tally {
  chain heard { type filter hook prerouting priority -400; }
  chain said { type filter hook output priority -400; }
  chain arrivals {
    type filter hook prerouting priority -300
    iifname "uplink" udp dport { 51820, 51821 } accept
    iifname "uplink" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
    iifname "uplink" counter comment "clear"
    ${atFarEnd}
  }
}
END`);
}

type Counted = 'clear' | `${Provider['link']}_${'4' | '6' | 'dns'}`;

/** Packets so far, by what they are counted as. */
export async function counted(): Promise<Record<Counted, number>> {
  const found = { clear: 0, wg0_4: 0, wg0_6: 0, wg0_dns: 0, wg1_4: 0, wg1_6: 0, wg1_dns: 0 };
  const listed = await sh(
    `nft list table inet tally; ip netns exec ${Remote.netns} nft list table inet tally`,
  );
  for (const [, packets, name] of listed.matchAll(/packets (\d+) bytes \d+ comment "(\w+)"/g))
    found[name as Counted] += Number(packets);
  return found;
}

/** @throws AssertionError with the counters of what has passed in the clear */
export async function nothingElse(): Promise<void> {
  const listed = await sh(
    `nft list table inet tally; ip netns exec ${Remote.netns} nft list table inet tally`,
  );
  const clear = listed.split('\n').filter(line => /packets [1-9]\d* bytes \d+ comment "clear"/.test(line));
  assert.deepEqual(clear, []);
}

/**
 * Until more of each has come out at a far end; nothing may have come out anywhere else.
 * @param of by default both families
 * @returns after how many milliseconds it had
 */
export async function goesOutBy(
  link: Provider['link'],
  { within = 60, of = ['4', '6'] }: { within?: number; of?: readonly ('4' | '6' | 'dns')[] } = {},
): Promise<number> {
  const [before, began] = [await counted(), Date.now()];
  await eventually(
    async () => {
      const now = await counted();
      for (const what of of) {
        const name = `${link}_${what}` as const;
        assert.ok(now[name] > before[name] + 2, name);
      }
    },
    { within, every: 0.5 },
  );
  const took = Date.now() - began;
  await nothingElse();
  return took;
}

/** Runs a line in the namespace of the one router, or of a network's. @param id of the network */
export function inRouter(line: string, id = readdirSync(KEPT)[0]): Promise<string> {
  return sh(`nsenter --net=${KEPT}/${id} ${line}`);
}
