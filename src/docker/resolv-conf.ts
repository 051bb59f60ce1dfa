// Which resolvers Docker forwards a container's DNS queries to: one on the host's loopback, which it can reach only from the
// host, past all routes of the container; or one of a private network, from within the container. Derived from resolv.conf files,
// of which the container can write its own. Not here: what is reported (labels/planner/warnings.ts, driver/dns-from-host.ts).

import { formatAddress, isLoopback, parseAddress } from '../base/ip.js';
import { DOCKER_DNS, isPrivate } from '../base/special-addresses.js';
import { readHead } from '../files/regular-file.js';

/** Bytes of a file that are read. */
const MOST_BYTES = 4096;
/** Docker's path of a container's resolv.conf. */
const DOCKER_FILE = /^(\/[\w.@-]+)+\/[0-9a-f]{64}\/resolv\.conf$/;
const DAEMON_FILE = '/etc/docker/daemon.json';
const MOST_OF_DAEMON_FILE = 64 * 1024;
const HOST_FILE = '/etc/resolv.conf';
/** Docker reads RESOLVED_FILE where the host's own file names only systemd-resolved's stub. */
const RESOLVED_STUB = '127.0.0.53';
const RESOLVED_FILE = '/run/systemd/resolve/resolv.conf';
const DOCKER_SERVER = formatAddress(DOCKER_DNS);

/** The contents of the files; undefined where there is none. */
export interface ResolvConf {
  /** Of the container. */
  readonly container: string | undefined;
  /** Whether the container has a `dns:` of its own. */
  readonly hasOwnDns: boolean;
  readonly host: string | undefined;
  readonly resolved: string | undefined;
}

/**
 * Reads them.
 * @param path Docker's of the container's file; any other is not read
 */
export function readResolvConf(path: string, hasOwnDns: boolean): ResolvConf {
  const isDockers = DOCKER_FILE.test(path) && !path.includes('/../');
  return {
    container: isDockers ? readHead(path, MOST_BYTES) : undefined,
    hasOwnDns,
    host: readHead(HOST_FILE, MOST_BYTES),
    resolved: readHead(RESOLVED_FILE, MOST_BYTES),
  };
}

/**
 * The server on the host's loopback that Docker asks for containers without a `dns:` of their own, by what the host's files say
 * now; flags of dockerd are not known.
 */
export function readHostDns(): string | undefined {
  const files = readResolvConf('', hasServers(readHead(DAEMON_FILE, MOST_OF_DAEMON_FILE)));
  return findHostDns({ ...files, container: `nameserver ${DOCKER_SERVER}` });
}

/** Whether Docker's configuration has servers for all containers, which it asks from theirs. */
export function hasServers(configuration = '{}'): boolean {
  try {
    const { dns } = (JSON.parse(configuration) ?? {}) as { dns?: unknown };
    return Array.isArray(dns) && dns.length > 0;
  } catch {
    return false;
  }
}

/** The first server of a private network that is asked from within the container; the container's own choice is not told. */
export function findPrivateDns({
  container = '',
  hasOwnDns,
  host = '',
  resolved,
}: ResolvConf): string | undefined {
  if (hasOwnDns) return undefined;
  const noted = /^# ExtServers: \[(.*)\]$/m.exec(container)?.[1];
  const inside = noted?.split(' ') ?? serversOf(container);
  const isDockers = noted === undefined && inside.includes(DOCKER_SERVER);
  const asked = isDockers ? serversOfHost(host, resolved) : inside;
  return asked.find(server => {
    const address = parseAddress(server);
    return address !== undefined && isPrivate(address);
  });
}

/** The server on the host's loopback. */
export function findHostDns({
  container = '',
  hasOwnDns,
  host = '',
  resolved,
}: ResolvConf): string | undefined {
  // Since 25 Docker notes which servers it asks, and from where.
  const noted = /^# ExtServers: \[(.*)\]$/m.exec(container)?.[1];
  if (noted !== undefined) {
    const hosts = [...noted.matchAll(/host\(([^()\s]*)\)/g)].map(([, server = '']) => server);
    return hosts.find(server => parseAddress(server));
  }
  if (hasOwnDns || !serversOf(container).includes(DOCKER_SERVER)) return undefined;
  return serversOfHost(host, resolved).find(server => server !== DOCKER_SERVER && isOnLoopback(server));
}

/** Those that Docker before 25 takes from the host's files. */
function serversOfHost(host: string, resolved: string | undefined): string[] {
  const servers = serversOf(host);
  const isStub = servers.length === 1 && servers[0] === RESOLVED_STUB;
  return isStub && resolved !== undefined ? serversOf(resolved) : servers;
}

function serversOf(text: string): string[] {
  return [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = '']) => server);
}

function isOnLoopback(server: string): boolean {
  const address = parseAddress(server);
  return address !== undefined && isLoopback(address);
}
