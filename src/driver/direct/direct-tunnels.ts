// The tunnels of exit networks without a router, each in its one container: what the files say, and a look each second, so that
// what others do to one is mended, and a name that moves is followed. Not here: Docker's verbs (direct-exits.ts), the files
// themselves (driver/router/exit-files.ts), a single link (own-links.ts), routes in containers (driver/lifecycle/full-tunnels.ts).

import { Coalescer } from '../../base/coalescer.js';
import { messageOf, UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix, prefixCovers } from '../../base/ip.js';
import type { Log } from '../../base/log.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import type { Key } from '../../netlink/wireguard/key.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { RoutedNetwork } from '../lifecycle/full-tunnels.js';
import { ExitFiles, type ExitFilesParts } from '../router/exit-files.js';
import { type ExitReading, NO_TUNNEL, readDirect } from '../router/exit-reading.js';
import type { ExitTunnel } from '../router/exit-tunnel.js';
import { type Endpoint, type ExitNetwork, isDirect } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerTunnels } from '../tunnel/container-tunnels.js';
import { takesAll } from '../tunnel/full-tunnel.js';
import { containerAddresses, EVERYTHING, routesOf, sameAddresses } from './direct-plan.js';
import { endpointsOf, OwnLinks } from './own-links.js';

interface DirectTunnelsParts extends Pick<ExitFilesParts, 'links' | 'resolver' | 'open' | 'now'> {
  readonly store: Store;
  /** The way into containers. */
  readonly tunnels: Pick<ContainerTunnels, 'work'>;
  /** What a container is to send by its tunnel is more than before. */
  readonly changed: () => void;
  readonly log: Log;
}

/** What somebody does to a tunnel is mended after this time, in milliseconds. */
const LOOK_MS = 1_000;
/** So often it is seen to files that could not be read, and to names, in milliseconds. */
const LOAD_MS = 5_000;

const OTHER_ADDRESSES =
  'the file gives other addresses than its container has, which keeps the tunnel of before: restart the container';

/** What is known of one network. */
interface Known {
  readonly files: ExitFiles;
  /** What its container was told to send by the tunnel, and what was added since. */
  routes?: readonly Prefix[];
  /** Where peers were, as the link was told last. */
  told?: string;
  /** Why the tunnel is not as it is to be. */
  problem?: string;
  readonly logged: Set<string>;
}

export class DirectTunnels {
  readonly #parts: DirectTunnelsParts;
  readonly #networks = new Map<string, Known>();
  readonly #links: OwnLinks;
  readonly #loading: Coalescer;
  #stale = new Set<string>();
  #look: NodeJS.Timeout | undefined;
  #load: NodeJS.Timeout | undefined;

  constructor(parts: DirectTunnelsParts) {
    this.#parts = parts;
    this.#links = new OwnLinks(parts);
    const failed = (err: unknown): void =>
      parts.log.error(`cannot read the files of exit networks: ${messageOf(err)}`);
    this.#loading = new Coalescer(() => this.#loadAll().catch(failed));
  }

  start(): void {
    this.#loading.trigger();
    this.#look = setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
    this.#load = setInterval(() => this.#loading.trigger(), LOAD_MS).unref();
  }

  close(): void {
    clearInterval(this.#look);
    clearInterval(this.#load);
    this.#loading.close();
  }

  /** Resolves when no file is read and no name is resolved. */
  idle(): Promise<void> {
    return this.#loading.idle();
  }

  /** Reads all files again. One that cannot be used leaves its tunnel as it is, which is logged. */
  reload(): void {
    const networks = this.#all();
    this.#stale = new Set(networks.map(({ id }) => id));
    for (const { id } of networks) this.#networks.get(id)?.logged.clear();
    this.#loading.trigger();
  }

  forget(networkId: string): void {
    this.#networks.delete(networkId);
  }

  /** Reads the file again, as it is now. @throws UserError where it cannot be used: then nothing is changed */
  readAgain(network: ExitNetwork): TunnelFile {
    const { files } = this.#knownOf(network);
    files.readAll();
    files.begin([]);
    return files.first!;
  }

  /** The tunnel, with its peers' addresses as far as their names resolve in time. @throws UserError where the file is not known */
  async resolve(network: ExitNetwork): Promise<ExitTunnel> {
    const { files } = this.#knownOf(network);
    files.begin([]);
    await files.resolveCurrent();
    if (files.tunnel) return files.tunnel;
    throw new UserError(files.standings[0]?.problem ?? `dwgd.conf=${network.files[0]} is not read yet`);
  }

  /** What a container is told at Join counts for it until it goes. */
  joined({ id }: ExitNetwork, { file, endpoints }: ExitTunnel): void {
    const known = this.#networks.get(id);
    if (!known) return;
    known.routes = routesOf(file);
    known.told = endpointsOf(endpoints);
    delete known.problem;
  }

  /** For full tunnels: undefined for what is no such network. Of a file that cannot be read, all is closed. */
  routed(networkId: string): RoutedNetwork | undefined {
    const network = this.#parts.store.exit(networkId);
    if (!network || !isDirect(network)) return undefined;
    const known = this.#knownOf(network);
    return { owner: network.owner, routes: known.routes ?? EVERYTHING, isOfFile: true };
  }

  /** What is there now, for whoever asks: changes nothing. */
  reading(network: ExitNetwork): ExitReading {
    const { files, problem } = this.#knownOf(network);
    const endpoint = this.#endpointOf(network);
    const read = (): WgDevice | undefined => endpoint && this.#links.read(network, endpoint, files.first);
    const found = { standings: files.standings, tunnel: files.tunnel, failure: problem };
    return readDirect(found, endpoint !== undefined, read);
  }

  /** The key of the container's end. */
  keyOf(file: TunnelFile): Key {
    return this.#links.keyOf(file);
  }

  #all(): ExitNetwork[] {
    return this.#parts.store.exits().filter(isDirect);
  }

  #endpointOf({ id }: ExitNetwork): Endpoint | undefined {
    return this.#parts.store.networkEndpoints(id).find(({ state }) => state === 'joined');
  }

  /** Reads the file where nothing is known of it. */
  #knownOf(network: ExitNetwork): Known {
    const found = this.#networks.get(network.id);
    if (found) return found;
    const logged = new Set<string>();
    const failed = (text: string): void => {
      if (!logged.has(text)) this.#parts.log.warn({ network: shortId(network.id) }, text);
      logged.add(text);
    };
    const known: Known = { files: new ExitFiles(network, { ...this.#parts, failed }), logged };
    this.#networks.set(network.id, known);
    known.files.read(false);
    if (known.files.first) known.routes = routesOf(known.files.first);
    return known;
  }

  #lookAtAll(): void {
    try {
      for (const network of this.#all()) this.lookAt(network);
    } catch (err) {
      this.#parts.log.error(`cannot look at the tunnels of exit networks: ${messageOf(err)}`);
    }
  }

  /** Brings a container's tunnel to what its file says, and logs what fails. */
  lookAt(network: ExitNetwork): void {
    const known = this.#knownOf(network);
    const endpoint = this.#endpointOf(network);
    const { tunnel } = known.files;
    // As long as the file is not known, what is there stays.
    if (!endpoint || !tunnel) return;
    const subject = { endpoint: shortId(endpoint.id) };
    const tell = (text: string): void => {
      known.problem = text;
      if (known.logged.has(text)) return;
      known.logged.add(text);
      this.#parts.log.warn(subject, text);
    };
    if (!sameAddresses(containerAddresses(network, tunnel.file), endpoint)) {
      tell(OTHER_ADDRESSES);
      return;
    }
    try {
      this.#addRoutes(known, endpoint, tunnel.file);
      const told = endpointsOf(tunnel.endpoints);
      const peers = this.#links.bring(network, endpoint, tunnel, known.told === told);
      known.told = told;
      const { told: text } = known.files.step(peers ?? []);
      if (text !== undefined) this.#parts.log.warn({ network: shortId(network.id) }, text);
      // Docker may be about to move it.
      if (peers) delete known.problem;
      else known.problem = NO_TUNNEL;
    } catch (err) {
      tell(`cannot bring the tunnel of a container up to date: ${messageOf(err)}`);
    }
  }

  /** Of what the file takes from now on. A full tunnel needs none of Docker's routes. */
  #addRoutes(known: Known, { id }: Endpoint, file: TunnelFile): void {
    const { log, changed } = this.#parts;
    const [before, now] = [known.routes, routesOf(file)];
    const added = now.filter(route => !before?.some(one => prefixCovers(one, route)));
    if (before && added.length === 0) return;
    known.routes = [...(before ?? []), ...added];
    changed();
    const lacking = added.filter(route => !takesAll(now, route.address.family));
    if (!before || lacking.length === 0) return;
    const [first] = lacking;
    log.warn(
      { endpoint: shortId(id) },
      `AllowedIPs of the file are new (${formatPrefix(first!)}${lacking.length > 1 ? ', …' : ''}): the container gets routes there when it is restarted`,
    );
  }

  /** What is wrong with a file or a name does not stop the others. */
  async #loadAll(): Promise<void> {
    const networks = this.#all();
    const ids = new Set(networks.map(({ id }) => id));
    for (const id of this.#networks.keys()) if (!ids.has(id)) this.#networks.delete(id);
    for (const network of networks) {
      const { files, logged } = this.#knownOf(network);
      files.read(this.#stale.delete(network.id));
      files.begin([]);
      await files.resolve();
      // It may have been removed meanwhile.
      if (!this.#parts.store.exit(network.id)) continue;
      if (files.isWhole && !this.#networks.get(network.id)?.problem) logged.clear();
      this.lookAt(network);
    }
  }
}
