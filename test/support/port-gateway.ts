// A provider's gateway that assigns ports: Debian's miniupnpd in a throw-away namespace, with tables of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from './namespace.js';

/** The address by which the gateway is known to all others. miniupnpd gives no port where that is one for documentation. */
export const PUBLIC = '11.22.33.44';

const TABLE = `table inet assigned {
  chain passed { }
  chain mapped { }
  chain leaving { }
  chain prerouting { type nat hook prerouting priority -100; jump mapped; }
  chain forward { type filter hook forward priority 0; policy accept; jump passed; }
}`;

/** Where it runs. */
type GatewayPlace = Pick<Namespace, 'name' | 'exec' | 'ip'>;

export class PortGateway {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dwgd-gateway-'));
  #stop: () => Promise<void> = async () => {};

  private constructor(
    readonly ns: GatewayPlace,
    readonly links: { readonly tunnel: string; readonly outside: string },
  ) {}

  /** @param links that lead to the tunnel, and to all others */
  static async start(ns: GatewayPlace, links = { tunnel: 'up0', outside: 'on0' }): Promise<PortGateway> {
    const gateway = new PortGateway(ns, links);
    ns.ip('address', 'add', `${PUBLIC}/32`, 'dev', links.outside);
    ns.ip('link', 'set', 'lo', 'up');
    const tables = join(gateway.#folder, 'tables');
    writeFileSync(tables, TABLE);
    ns.exec('nft', '-f', tables);
    await gateway.serve();
    return gateway;
  }

  async close(): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true });
  }

  async serve(): Promise<void> {
    const file = join(this.#folder, 'miniupnpd.conf');
    const settings = {
      ...{ ext_ifname: this.links.outside, ext_ip: PUBLIC, listening_ip: this.links.tunnel },
      ...{ enable_natpmp: 'yes', enable_upnp: 'no' },
      ...{ upnp_table_name: 'assigned', upnp_nat_table_name: 'assigned', upnp_forward_chain: 'passed' },
      ...{ upnp_nat_chain: 'mapped', upnp_nat_postrouting_chain: 'leaving', system_uptime: 'no' },
      uuid: '00000000-0000-0000-0000-000000000001',
    };
    const lines = [...Object.entries(settings).map(([name, value]) => `${name}=${value}`)];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const args = [
      'netns',
      'exec',
      this.ns.name,
      'miniupnpd',
      '-d',
      '-f',
      file,
      '-P',
      join(this.#folder, 'pid'),
    ];
    const child = spawn('ip', args, { stdio: 'ignore' });
    this.#stop = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    const listens = (): boolean => this.ns.exec('cat', '/proc/net/udp').includes(':14E7 ');
    for (const end = Date.now() + 30_000; !listens(); await sleep(50))
      if (Date.now() > end || child.exitCode !== null) throw new Error('miniupnpd does not listen');
  }

  /** Ends, and forgets what it has assigned. */
  async stop(): Promise<void> {
    await this.#stop();
    for (const chain of ['passed', 'mapped', 'leaving'])
      this.ns.exec('nft', 'flush', 'chain', 'inet', 'assigned', chain);
  }

  /** What nft(8) prints of the mappings. */
  get rules(): string {
    return this.ns.exec('nft', 'list', 'table', 'inet', 'assigned');
  }
}
