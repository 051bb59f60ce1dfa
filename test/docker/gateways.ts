// The gateways of the VPN scenario, by what their image does to its own network: nothing, or what gluetun does by either
// backend of iptables. With LAB_LONG=1 the whole scenario runs with each. Not here: the scenario (vpn.test.ts), gluetun's own commands (support/gluetun.ts).
import assert from 'node:assert/strict';
import { addressOf } from '../support/containers.js';
import { docker } from '../support/docker.js';
import { GLUETUN_TUNNEL, startGluetun } from '../support/gluetun.js';
import { daemon, isLong } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { soon } from './keeper.js';
import { connectVpn, disconnectVpn } from './world.js';

const NETWORK = 'vpn_main';

export interface Gateway {
  readonly name: string;
  /** Whether the whole scenario runs. */
  readonly isWhole: boolean;
  /** Flags of the daemon, if not the usual ones. */
  readonly flags?: readonly string[];
  /** What it does when its container has started, before it has a tunnel. */
  start(container: string): Promise<void>;
  /** Its tunnel comes up. */
  connect(container: string): Promise<void>;
  /** Its tunnel goes, and the gateway stays. */
  disconnect(container: string): Promise<void>;
  /** An administrator does what the log tells, once and at each later start. */
  heed(container: string): Promise<void>;
}

const plain: Gateway = {
  name: 'vpn',
  isWhole: true,
  start: async () => {},
  connect: container => connectVpn(container),
  disconnect: () => disconnectVpn(),
  heed: async () => {},
};

const all = (container: string, lines: readonly string[]): Promise<string> =>
  inside(container, ['set -e', ...lines].join('\n'));

/** @param backend of iptables; @param command what the log calls it */
function gluetun(backend: 'tables-nft' | 'tables-legacy', command: string): Gateway {
  /** As in its /iptables/post-rules.txt. */
  let postRules: readonly string[] = [];
  return {
    name: `vpn-gluetun-by-ip${backend}`,
    isWhole: isLong,
    // Its firewall comes up after Docker's event, and nothing else tells of it.
    flags: ['--look-interval', '0.5'],
    async start(container) {
      const { IPAM } = await docker.get<{ IPAM: { Config: [{ Subnet: string; Gateway: string }] } }>(
        `/networks/${NETWORK}`,
      );
      const [{ Subnet: subnet, Gateway: gateway }] = IPAM.Config;
      const address = await addressOf(container, NETWORK);
      await all(container, [...startGluetun(backend, { address, subnet, gateway }), ...postRules]);
    },
    connect: container => connectVpn(container, GLUETUN_TUNNEL.up),
    async disconnect(container) {
      await all(container, GLUETUN_TUNNEL.down);
      await disconnectVpn();
    },
    async heed(container) {
      postRules = await soon(() => {
        const [, lines] = /once its firewall is up: (.*?)(?: containers=\S+)?$/m.exec(daemon.logs()) ?? [];
        assert.ok(lines, 'its firewall is told');
        return lines.split('; ');
      });
      assert.ok(
        postRules.every(line => line.startsWith(`${command} -I FORWARD `)),
        postRules.join('\n'),
      );
      await all(container, postRules);
    },
  };
}

export const GATEWAYS: readonly Gateway[] = [
  plain,
  gluetun('tables-nft', 'iptables'),
  ...(isLong ? [gluetun('tables-legacy', 'iptables-legacy')] : []),
];
