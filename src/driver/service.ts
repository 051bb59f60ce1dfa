// The driver as a service: what it is made of, in which order it comes up and goes down. Not here: any work.

import type { FdStore } from '../../native/fd-store.js';
import { messageOf } from '../base/errors.js';
import { KeyedQueue } from '../base/keyed-queue.js';
import type { Log } from '../base/log.js';
import { CallCounts } from '../control/call-counts.js';
import type { DriverHalf, ExitPlace } from '../control/halves.js';
import type { DockerHost } from '../docker/docker-host.js';
import { openConnection } from '../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../netlink/message.js';
import { NetnsSwitch } from '../netlink/netns.js';
import { RtNetlink } from '../netlink/route/client.js';
import { watchLinks } from '../netlink/route/link-watch.js';
import { WgCtrl } from '../netlink/wireguard/client.js';
import { Nft } from '../nft/client.js';
import { DirectNetworks } from './direct/direct-networks.js';
import { DnsFromHost } from './dns-from-host.js';
import { exitPlaces } from './exit-places.js';
import { DockerNames } from './lifecycle/docker-names.js';
import { DockerClient } from './lifecycle/docker-networks.js';
import { Driver } from './lifecycle/driver.js';
import { ExitRouters } from './lifecycle/exit-routers.js';
import { Exits } from './lifecycle/exits.js';
import { FullTunnels } from './lifecycle/full-tunnels.js';
import { InterfaceLooks } from './lifecycle/interface-looks.js';
import { LostEndpoints } from './lifecycle/lost-endpoints.js';
import { Recovery } from './lifecycle/recovery.js';
import { Teardown } from './lifecycle/teardown.js';
import { TunnelMonitor } from './lifecycle/tunnel-monitor.js';
import { UserLabels } from './lifecycle/user-labels.js';
import { AllNetworks } from './lifecycle/verbs.js';
import { AssignedPorts } from './natpmp/assigned-ports.js';
import { createPlugin } from './plugin/http.js';
import { RootlessSockets } from './plugin/rootless-sockets.js';
import { PluginSocket } from './plugin/socket.js';
import { ForwardLabels } from './ports/forward-labels.js';
import { PublishedPorts } from './ports/published-ports.js';
import { ToldWays } from './ports/told-ways.js';
import { KeptNamespaces } from './router/kept-namespaces.js';
import { type Endpoint, isDirect } from './spec/model.js';
import { DriverStatus } from './status.js';
import { Store } from './store/store.js';
import { ContainerLinks } from './tunnel/container-links.js';
import { ContainerTunnels } from './tunnel/container-tunnels.js';
import { EndpointResolver } from './tunnel/endpoint-resolver.js';
import { HostInterface } from './tunnel/host-interface.js';
import { LinkReaper } from './tunnel/link-reaper.js';
import { LinkNamespaces } from './tunnel/namespaces.js';
import { TunnelReadings } from './tunnel/tunnel-readings.js';
import { LoopShare, REST_OF_CALLS } from './users/loop-share.js';
import { RootlessHosts } from './users/rootless-hosts.js';

/** How often the database's file is looked for, in milliseconds. */
const STORE_LOOK_MS = 2_000;

interface DriverOptions {
  /** Path of the database; `''` is in memory. */
  readonly database: string;
  /** Whether rootless Dockers are served too: those of all users, or of some (uids). */
  readonly rootless: boolean | readonly number[];
  /** The interfaces of the host that their containers may join. */
  readonly rootlessIfnames: readonly string[];
  /** Whether labels of root's containers are applied. */
  readonly labels: boolean;
  /** Whether labels that came with a container's image count as its own. */
  readonly trustImageLabels: boolean;
  /** Where Docker's API is. */
  readonly dockerHost: DockerHost;
  readonly log: Log;
  readonly verbose: boolean;
  /** What the service manager holds for the daemon. */
  readonly fdStore: FdStore;
}

/** The driver, answering Docker. */
interface DriverService {
  readonly status: DriverHalf;
  /** The routers of exit networks, for who follows packets. */
  exitPlaces(): Promise<readonly ExitPlace[]>;
  /** Finishes what a crash cut short, and begins to keep up what is there. */
  recover(): Promise<void>;
  /** Files that networks name are read again. */
  reload(): void;
  close(): Promise<void>;
}

/** Resolves when Docker's calls are answered. @throws UserError when it cannot start */
export async function startDriver(options: DriverOptions): Promise<DriverService> {
  const { log } = options;
  const docker = new DockerClient(options.dockerHost);
  const socket = new PluginSocket();
  const netns = await NetnsSwitch.open();
  const store = new Store(options.database, text => log.error(text));
  const trace = options.verbose ? (command: string): void => log.debug(command) : undefined;
  const rt = new RtNetlink(openConnection(NETLINK_ROUTE), trace);
  const wg = new WgCtrl(openConnection(NETLINK_GENERIC), trace);
  const reaper = new LinkReaper(log);
  const { rootless: users } = options;
  const serves = (uid: number): boolean => (typeof users === 'boolean' ? users : users.includes(uid));
  const hosts = new RootlessHosts('/run/user', serves);
  const namespaces = new LinkNamespaces(netns, hosts);
  const queue = new KeyedQueue();
  const resolver = new EndpointResolver();
  const rootlessIfnames = new Set(options.rootlessIfnames);
  const fullTunnels = new FullTunnels({
    ...{ store, namespaces, queue, log, trace },
    direct: networkId => direct.tunnels.routed(networkId),
  });
  const host = new HostInterface({ wg, store, queue });
  const links = { rt, wg, host, reaper, namespaces, fullTunnels };
  const teardown = new Teardown({ store, host, reaper, namespaces, fullTunnels, queue, log });
  const share = new LoopShare(REST_OF_CALLS);
  const monitor = new TunnelMonitor({ store, host, namespaces, resolver, queue, log, share });
  const joinedClosed = (ifname: string, owner: number): void => monitor.linkChanged(ifname, owner);
  const containerLinks = new ContainerLinks({ rt, wg, namespaces, log });
  const kept = new KeptNamespaces(netns, undefined, options.fdStore);
  let nft: Nft | undefined;
  const inside = { netnsSwitch: netns, rt, nft: () => (nft ??= new Nft()), trace };
  const forwardLabels = new ForwardLabels({
    store,
    ask: ids => docker.labels(ids),
    imageForward: options.trustImageLabels ? undefined : image => docker.imageForward(image),
    changed: network => routers.lookAt(network),
    queue,
    log,
  });
  const ways = new ToldWays({
    nameOf: id => forwardLabels.nameOf(id),
    assigned: id => assigned.port(id),
    log,
  });
  const routers = new ExitRouters({ ...inside, store, kept, ways, links: containerLinks, resolver, log });
  const names = new DockerNames(ids => docker.names(ids));
  // Those of some networks alone, which would do for nobody else.
  const askedNames = new DockerNames(ids => docker.names(ids));
  const assigned = new AssignedPorts({
    store,
    fileOf: id => routers.fileInForce(id),
    router: id => routers.router(id),
    names: async ids => (await askedNames.find(ids, [])).networks,
    changed: network => routers.lookAt(network),
    log,
  });
  const published = new PublishedPorts({ store, router: id => routers.router(id), queue, log });
  const hasRouter = (networkId: string): boolean => {
    const network = store.exit(networkId);
    return network !== undefined && !isDirect(network);
  };
  const dnsFromHost = new DnsFromHost({ docker, log, hasRouter });
  const exits = new Exits({
    store,
    routers,
    links: containerLinks,
    teardown,
    reaper,
    queue,
    log,
    published,
    labels: forwardLabels,
    assigned,
    dnsFromHost,
  });
  const ofTunnels = new Driver({
    store,
    ...links,
    teardown,
    resolver,
    queue,
    log,
    rootlessIfnames,
    joinedClosed,
  });
  const tunnels = new ContainerTunnels({ namespaces, log });
  const direct = new DirectNetworks({
    ...{ store, inside: tunnels, links: containerLinks, fullTunnels, teardown, reaper, namespaces },
    ...{ resolver, queue, log, labels: forwardLabels, dnsFromHost },
    attached: id => docker.attached(id),
    nameOf: id => forwardLabels.nameOf(id),
  });
  const driver = new AllNetworks(store, ofTunnels, exits, direct.verbs);
  const lost = new LostEndpoints({ store, host, tunnels, queue, log, share });
  const recovery = new Recovery({
    ...{ store, rt, driver, teardown, log, rootlessIfnames },
    lost: {
      async learn(...found) {
        await lost.learn(...found);
        const [docker, networks, owner] = found;
        if (owner === 0) await direct.learn(docker, networks);
      },
    },
    exits: {
      adopt: (...found) => exits.adopt(...found),
      learn: (...found) => exits.learn(...found),
      compared() {
        exits.compared();
        direct.compared();
      },
    },
  });
  const comparer = recovery.comparer(docker, 0);
  const calls = new CallCounts();
  await socket.listen(createPlugin(driver, 0, log, { share, calls, cutShort: () => comparer.soon() }));
  log.info({ database: options.database || 'in memory' }, 'listening for Docker');

  const linkLeft = (name: string): void => {
    fullTunnels.linkLeft(name);
    monitor.linkLeft(name);
  };
  const watch = watchLinks(
    (link, present) => (present ? monitor.linkChanged(link.name) : linkLeft(link.name)),
    err => log.error(`cannot follow a change of a link: ${messageOf(err)}`),
  );
  const storeLook = setInterval(() => store.look(), STORE_LOOK_MS).unref();
  const labels = options.labels ? new UserLabels(log) : undefined;
  const looks = new InterfaceLooks({ store, wg, log, changed: ifname => monitor.triggerAt(ifname) });
  const rootless = users
    ? new RootlessSockets({ hosts, driver, recovery, labels, log, share, calls })
    : undefined;
  const readings = new TunnelReadings({
    store,
    wg,
    tunnels,
    share,
  });
  const exitTunnels: Pick<ExitRouters, 'reading'> = {
    reading: network => (isDirect(network) ? direct.tunnels : routers).reading(network),
  };
  const isListening = (): boolean => socket.isListening;
  const portProblem = (one: Endpoint): string | undefined => ways.problem(one) ?? published.problem(one.id);
  return {
    status: new DriverStatus({
      ...{ store, readings, routers: exitTunnels, names, calls, isListening, portProblem },
      assigned: network => assigned.reading(network),
      taker: id => ways.taker(id),
    }),
    exitPlaces: () => exitPlaces({ store, routers, names }),
    reload() {
      routers.reload();
      direct.tunnels.reload();
    },
    async recover() {
      await recovery.sweep().catch(err => log.error(`cannot look for left-overs: ${messageOf(err)}`));
      fullTunnels.start();
      monitor.start();
      // What was in force when the daemon before ended is to be there at the first look.
      await assigned.start();
      routers.start();
      direct.tunnels.start();
      published.start();
      looks.start();
      // Without the stream, once is better than never.
      const compare = (): void => comparer.now();
      const forbidden = (err: unknown): void => {
        log.error(`${messageOf(err)}; until then networks are compared with Docker's once, now`);
        compare();
      };
      const up = (): void => {
        compare();
        forwardLabels.dockerUp();
      };
      void docker.watch({ up, forbidden });
      rootless?.start();
    },
    async close() {
      dnsFromHost.close();
      forwardLabels.close();
      published.close();
      assigned.close();
      docker.close();
      watch.close();
      looks.close();
      clearInterval(storeLook);
      monitor.close();
      fullTunnels.close();
      routers.close();
      direct.tunnels.close();
      const busy = [monitor.idle(), fullTunnels.idle(), reaper.idle()];
      await Promise.all([socket.close(), rootless?.close(), ...busy]);
      await Promise.all([routers.idle(), direct.tunnels.idle()]);
      nft?.close();
      rt.close();
      wg.close();
      store.close();
      netns.close();
    },
  };
}
