// The ports that providers assign to exit networks with `dwgd.natpmp`: each asked for as long as its tunnel is in force, anew after
// another one is, and told in a file, the log and to whoever asks. Not here: asking one gateway (port-asker.ts), which container
// gets the port (driver/router/ways-in.ts).

import { messageOf } from '../../base/errors.js';
import { type Address, formatAddress } from '../../base/ip.js';
import type { Log } from '../../base/log.js';
import { gatewayOfExit, isSameClient } from '../exit/natpmp-gateway.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { ExitNetwork } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { firstState, LIFETIME } from './assigned-port.js';
import type { WithinRouter } from './gateway-socket.js';
import { PortAsker } from './port-asker.js';
import { PortFiles } from './port-files.js';

interface AssignedPortsParts {
  readonly store: Pick<Store, 'exits'>;
  /** The file in force; undefined as long as it is not known. */
  readonly fileOf: (networkId: string) => TunnelFile | undefined;
  readonly router: (networkId: string) => { readonly within: WithinRouter } | undefined;
  /** What Docker calls networks, by ids, as far as it has told. */
  readonly names: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>;
  /** Another port is in force, or none. */
  readonly changed: (network: ExitNetwork) => void;
  readonly files?: PortFiles;
  readonly log: Log;
}

/** What is known of a network's port, for whoever asks. */
export interface AssignedPortReading {
  readonly gateway?: Address;
  /** Absent: there is none now. */
  readonly port?: number;
  readonly problem?: string;
}

/** A tunnel, and who asks for its port. */
interface Asking {
  readonly file: TunnelFile;
  readonly gateway: Address;
  readonly asker: PortAsker;
}

/** Tunnels that are in force now are asked for after this time, in milliseconds. */
const LOOK_MS = 500;

export class AssignedPorts {
  readonly #parts: AssignedPortsParts;
  readonly #files: PortFiles;
  readonly #asking = new Map<string, Asking>();
  /** The port that was told last, by networks. */
  readonly #told = new Map<string, number>();
  /** What was logged last of a network. */
  readonly #logged = new Map<string, string>();
  /** Of the files. */
  readonly #failures = new Map<string, string>();
  /** Ports that an earlier daemon had told of, until they are asked for, and no longer than the provider keeps them. */
  readonly #remembered = new Map<string, { readonly port: number; readonly until: number }>();
  /** Networks that are being removed. */
  readonly #leaving = new Set<string>();
  #isCompared = false;
  #isPrepared = false;
  #isNaming = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: AssignedPortsParts) {
    this.#parts = parts;
    this.#files = parts.files ?? new PortFiles();
  }

  /** Asks for the ports of all networks, from now on. */
  async start(): Promise<void> {
    try {
      await this.#remember(this.#networks().map(({ id }) => id));
    } catch (err) {
      this.#parts.log.error(`cannot tell which ports were assigned: ${messageOf(err)}`);
    }
    if (this.#isClosed) return;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  async #remember(ids: readonly string[]): Promise<void> {
    await this.#learnNames(ids);
    const until = performance.now() + LIFETIME * 1000;
    for (const id of ids) {
      const port = this.#files.remembered(id);
      if (port > 0) this.#remembered.set(id, { port, until });
    }
  }

  /** What the gateways have assigned stays for the next daemon. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const { asker } of this.#asking.values()) asker.close();
  }

  /** Docker has said which networks there are. */
  compared(): void {
    this.#isCompared = true;
  }

  /** In force now; undefined where there is none. */
  port(networkId: string): number | undefined {
    const asking = this.#asking.get(networkId);
    if (asking) return asking.asker.port;
    const { port, until = 0 } = this.#remembered.get(networkId) ?? {};
    return performance.now() < until ? port : undefined;
  }

  /** Undefined for a network that asks for no port. */
  reading({ id, natpmp }: ExitNetwork): AssignedPortReading | undefined {
    if (!natpmp) return undefined;
    const { gateway, asker } = this.#asking.get(id) ?? {};
    const port = this.port(id);
    const problem = asker?.problem ?? this.#failures.get(id);
    return {
      ...(gateway && { gateway }),
      ...(port !== undefined && { port }),
      ...(problem !== undefined && { problem }),
    };
  }

  /** The network goes: ends what was assigned, where the gateway answers at once, and takes the file away. */
  async release(networkId: string): Promise<void> {
    const asker = this.#asking.get(networkId)?.asker;
    this.#leaving.add(networkId);
    this.#forget(networkId);
    await asker?.release();
  }

  /** The network stays, since it could not be removed: its port is asked for again. */
  stays(networkId: string): void {
    this.#leaving.delete(networkId);
  }

  #forget(networkId: string): void {
    this.#asking.get(networkId)?.asker.close();
    for (const about of [this.#asking, this.#remembered, this.#told, this.#logged, this.#failures])
      about.delete(networkId);
    try {
      this.#files.remove(networkId);
    } catch (err) {
      this.#parts.log.warn(
        { network: shortId(networkId) },
        `cannot remove the file of a port: ${messageOf(err)}`,
      );
    }
  }

  #networks(): ExitNetwork[] {
    return this.#parts.store.exits().filter(({ natpmp }) => natpmp);
  }

  #look(): void {
    const { log } = this.#parts;
    try {
      const onRecord = this.#networks();
      const ids = new Set(onRecord.map(({ id }) => id));
      for (const id of this.#leaving) if (!ids.has(id)) this.#leaving.delete(id);
      for (const id of this.#asking.keys()) if (!ids.has(id)) this.#forget(id);
      const networks = onRecord.filter(({ id }) => !this.#leaving.has(id));
      const nameless = networks.map(({ id }) => id).filter(id => !this.#files.isNamed(id));
      if (nameless.length > 0) void this.#learnNames(nameless);
      else if (this.#isCompared) this.#sweep();
      if (networks.length > 0) this.#prepare();
      for (const network of networks) this.#follow(network);
    } catch (err) {
      log.error(`cannot look at the ports that providers assign: ${messageOf(err)}`);
    }
  }

  /** Containers mount the folder before there is a port. */
  #prepare(): void {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    try {
      this.#files.prepare();
    } catch (err) {
      this.#parts.log.warn(`cannot make the folder of assigned ports: ${messageOf(err)}`);
    }
  }

  async #learnNames(ids: readonly string[]): Promise<void> {
    if (this.#isNaming || ids.length === 0) return;
    this.#isNaming = true;
    try {
      const found = await this.#parts.names(ids);
      for (const id of ids) {
        const name = found.get(id);
        if (name !== undefined) this.#files.name(id, name);
      }
    } catch {
      // They are asked for again.
    } finally {
      this.#isNaming = false;
    }
  }

  /** Once: later on each file goes with its network. */
  #sweep(): void {
    this.#isCompared = false;
    this.#files.sweep();
  }

  /** Begins with the tunnel that is in force, and tells what there is. */
  #follow(network: ExitNetwork): void {
    const { fileOf, router } = this.#parts;
    const file = fileOf(network.id);
    const known = this.#asking.get(network.id);
    if (file && file !== known?.file && router(network.id)) this.#begin(network, file, known);
    this.#tell(network);
  }

  #begin(network: ExitNetwork, file: TunnelFile, before: Asking | undefined): void {
    const { log, router } = this.#parts;
    const found = gatewayOfExit(network, file);
    const gateway = found && 'address' in found ? found.address : undefined;
    before?.asker.close();
    this.#asking.delete(network.id);
    if (!gateway) return;
    const remembered = before ? 0 : (this.port(network.id) ?? 0);
    this.#remembered.delete(network.id);
    const isSame = before !== undefined && isSameClient(before, { file, gateway });
    const kept = isSame ? (before.asker.port ?? 0) : remembered;
    // Another provider would know by it who that is.
    const suggested = kept || (isSame ? before.asker.suggested : 0);
    const state = firstState(performance.now(), suggested, kept > 0);
    const within: WithinRouter = fn => {
      const there = router(network.id);
      if (!there) throw new Error('there is no router');
      return there.within(fn);
    };
    const asker = new PortAsker(
      {
        ...{ gateway, within },
        changed: () => this.#tell(network),
        told: text => this.#logOnce(network, text, 'info'),
      },
      state,
    );
    this.#asking.set(network.id, { file, gateway, asker });
    log.info(
      { network: shortId(network.id), gateway: formatAddress(gateway) },
      'asking the provider for a port',
    );
  }

  /** Tells what is another than it was. */
  #tell(network: ExitNetwork): void {
    const { log, changed } = this.#parts;
    const { id } = network;
    if (this.#isClosed) return;
    const [port, before] = [this.port(id), this.#told.get(id)];
    if (port !== before) {
      if (port === undefined) this.#told.delete(id);
      else this.#told.set(id, port);
      if (port === undefined)
        log.warn(
          { network: shortId(id) },
          `the port ${before} that the provider had assigned is not in force any more`,
        );
      else log.info({ network: shortId(id), port }, 'the provider has assigned a port');
      changed(network);
    }
    const problem = this.#asking.get(id)?.asker.problem;
    if (problem !== undefined) this.#logOnce(network, `no port is assigned by ${problem}`, 'warn');
    else if (port !== undefined && port !== before) this.#logged.delete(id);
    this.#write(network, port);
  }

  #write(network: ExitNetwork, port: number | undefined): void {
    try {
      this.#files.write(network.id, port);
      this.#failures.delete(network.id);
    } catch (err) {
      const path = this.#files.path(network.id);
      const failure = `the port cannot be told in ${path}: ${messageOf(err)}`;
      if (this.#failures.get(network.id) !== failure)
        this.#parts.log.warn({ network: shortId(network.id) }, failure);
      this.#failures.set(network.id, failure);
    }
  }

  #logOnce({ id }: ExitNetwork, text: string, level: 'info' | 'warn'): void {
    if (this.#logged.get(id) === text) return;
    this.#logged.set(id, text);
    this.#parts.log[level]({ network: shortId(id) }, text);
  }
}
