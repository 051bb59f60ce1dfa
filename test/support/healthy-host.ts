// A host on which nothing is wrong, in a folder of its own: units, settings, sockets, and a Docker that a test plays. A test
// breaks something of it, and sees what the doctor says. Not here: what is broken.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Finding } from '../../src/doctor/checks/finding.js';
import { type DoctorOptions, type DoctorParts, examine } from '../../src/doctor/doctor.js';
import { attrU16 } from '../../src/netlink/attributes.js';
import { openConnection } from '../../src/netlink/connection.js';
import { NETLINK_GENERIC } from '../../src/netlink/message.js';

/** From dist/test/support. */
const UNIT = fileURLToPath(new URL('../../../systemd/dwgd.service', import.meta.url));
/** The database's path. */
export const DATABASE = '/var/lib/dwgd.db';
/** What the controller of generic netlink says of a family: its number. */
const FAMILY = Buffer.concat([Buffer.from([1, 2, 0, 0]), attrU16(1, 0x20)]);

/** A container as Docker would list and inspect it. */
export interface PlayedContainer {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly networks: Readonly<Record<string, object>>;
  /** A path to its network namespace. */
  readonly netns?: string;
  readonly resolvConf?: string;
}

/** Of driver dwgd, unless it says another. */
interface PlayedNetwork {
  readonly Name: string;
  readonly Driver?: string;
  readonly Options?: object;
}

export class HealthyHost {
  readonly root = mkdtempSync(join(tmpdir(), 'dwgd-doctor-'));
  /** Answers by path; a number is a status. */
  readonly answers = new Map<string, unknown>();
  /** Paths that Docker was asked for. */
  readonly asked: string[] = [];
  readonly options: { -readonly [Key in keyof DoctorOptions]: DoctorOptions[Key] };
  /** This kernel need not have WireGuard. */
  parts: DoctorParts = {
    root: this.root,
    open: (protocol, options) =>
      protocol === NETLINK_GENERIC
        ? {
            request: () => [{ type: 0x10, flags: 0, seq: 0, payload: FAMILY }],
            batch() {},
            close() {},
          }
        : openConnection(protocol, options),
  };
  readonly #socket = join(this.root, 'docker.sock');
  readonly #containers: (PlayedContainer & { id: string })[] = [];

  private constructor() {
    this.options = {
      dockerHost: { socketPath: this.#socket },
      database: DATABASE,
      rootless: true,
      rootlessIfnames: [],
      labels: { trustImageLabels: true, allowHostRoutes: [], strict: false },
    };
  }

  static async start(t: TestContext): Promise<HealthyHost> {
    const host = new HealthyHost();
    t.after(() => rmSync(host.root, { recursive: true }));
    host.#furnish();
    const server = createHttpServer(({ url = '' }, response) => {
      const path = url.split('?')[0]!;
      host.asked.push(path);
      const answer = host.answers.get(path) ?? 404;
      if (typeof answer === 'number') response.statusCode = answer;
      response.end(typeof answer === 'number' ? '{}' : JSON.stringify(answer));
    }).listen(host.#socket);
    const plugin = createServer().listen(host.at('/run/dwgd/dwgd.sock'));
    t.after(() => {
      server.close();
      server.closeAllConnections();
      plugin.close();
    });
    await new Promise(resolve => setImmediate(resolve));
    chmodSync(host.at('/run/dwgd/dwgd.sock'), 0o600);
    host.play([], []);
    host.answers.set('/version', { Version: '28.5.1' });
    host.answers.set('/info', {});
    return host;
  }

  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
    chmodSync(this.at(path), mode);
  }

  remove(path: string): void {
    rmSync(this.at(path), { recursive: true });
  }

  /** A service counts as active where its control group is. */
  activate(service: string): void {
    mkdirSync(this.at(`/sys/fs/cgroup/system.slice/${service}`), { recursive: true });
  }

  /** What Docker has. */
  play(containers: readonly PlayedContainer[], networks: readonly PlayedNetwork[]): void {
    const listed = containers.map((one, n) => ({ ...one, id: `${n}`.padStart(64, 'c') }));
    this.#containers.splice(0, this.#containers.length, ...listed);
    this.answers.set(
      '/networks',
      networks.map((network, n) => ({ Id: `${n}`.padStart(64, 'd'), Driver: 'dwgd', ...network })),
    );
    this.answers.set(
      '/containers/json',
      listed.map(({ id, name, labels, networks }) => ({
        Id: id,
        Names: [`/${name}`],
        State: 'running',
        Labels: labels ?? {},
        HostConfig: { NetworkMode: 'x' },
        NetworkSettings: { Networks: networks },
      })),
    );
    for (const { id, name, labels, networks, netns, resolvConf } of listed)
      this.answers.set(`/containers/${id}/json`, {
        Id: id,
        Name: `/${name}`,
        Image: 'sha256:0',
        State: { Running: true, Pid: 0 },
        Config: { Labels: labels ?? {} },
        HostConfig: { NetworkMode: 'x', Runtime: 'runc' },
        ...(resolvConf !== undefined && { ResolvConfPath: resolvConf }),
        NetworkSettings: { Networks: networks, SandboxKey: netns ?? '' },
      });
  }

  examine(): Promise<Finding[]> {
    return examine(this.options, this.parts);
  }

  #furnish(): void {
    mkdirSync(this.at('/run/systemd/system'), { recursive: true });
    mkdirSync(this.at('/etc/systemd/system/multi-user.target.wants'), { recursive: true });
    copyFileSync(UNIT, this.at('/etc/systemd/system/dwgd.service'));
    symlinkSync(
      '/etc/systemd/system/dwgd.service',
      this.at('/etc/systemd/system/multi-user.target.wants/dwgd.service'),
    );
    this.write('/usr/lib/systemd/system/docker.service', '[Unit]\nAfter=network-online.target\n');
    for (const name of ['dwgd', 'docker', 'systemd-networkd', 'NetworkManager'])
      this.activate(`${name}.service`);
    this.write('/etc/systemd/network/10-lan.network', '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n');
    this.write('/etc/NetworkManager/conf.d/dwgd.conf', '[keyfile]\nunmanaged-devices+=interface-name:wg-*\n');
    for (const lock of ['dwgd.pid', 'labels.lock']) this.write(`/run/dwgd/${lock}`, '4711\n', 0o600);
    this.write('/proc/4711/stat', `4711 (dwgd) S ${'1 '.repeat(50)}\n`);
    mkdirSync(this.at('/run/docker/plugins'), { recursive: true });
    symlinkSync('/run/dwgd/dwgd.sock', this.at('/run/docker/plugins/dwgd.sock'));
    this.write(DATABASE, '', 0o600);
  }
}
