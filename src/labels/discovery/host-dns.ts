// Whether Docker forwards a container's DNS queries to a resolver on the host's loopback, which it can reach only from the
// host, past all routes of the container. Derived from resolv.conf files, of which the container can write its own. Not
// here: what is reported (labels/planner/leaks.ts).

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { formatAddress, isLoopback, parseAddress } from '../../base/ip.js';
import { DOCKER_DNS } from '../../base/special-addresses.js';
import { type InspectedContainer, joinedContainer } from './docker-view.js';

/** Bytes of a file that are read. */
const MOST_BYTES = 4096;
/** Docker's path of a container's resolv.conf. */
const DOCKER_FILE = /^(\/[\w.@-]+)+\/[0-9a-f]{64}\/resolv\.conf$/;
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

/** The host's resolver that Docker forwards the container's queries to, as far as is known. */
export function hostDnsOf({ ResolvConfPath = '', HostConfig }: InspectedContainer): string | undefined {
  const isDockers = DOCKER_FILE.test(ResolvConfPath) && !ResolvConfPath.includes('/../');
  return findHostDns({
    container: isDockers ? readHead(ResolvConfPath) : undefined,
    // A container that joined another's namespace uses the other's DNS.
    hasOwnDns: (HostConfig?.Dns ?? []).length > 0 || joinedContainer(HostConfig?.NetworkMode) !== undefined,
    host: readHead(HOST_FILE),
    resolved: readHead(RESOLVED_FILE),
  });
}

/** The same, from the contents. */
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
  const servers = serversOf(host);
  const isStub = servers.length === 1 && servers[0] === RESOLVED_STUB;
  const asked = isStub && resolved !== undefined ? serversOf(resolved) : servers;
  return asked.find(server => server !== DOCKER_SERVER && isOnLoopback(server));
}

function serversOf(text: string): string[] {
  return [...text.matchAll(/^nameserver[ \t]+(\S+)/gm)].map(([, server = '']) => server);
}

function isOnLoopback(server: string): boolean {
  const address = parseAddress(server);
  return address !== undefined && isLoopback(address);
}

/** The beginning of a regular file; undefined where there is none. */
function readHead(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (!fstatSync(fd).isFile()) return undefined;
    const buffer = Buffer.alloc(MOST_BYTES);
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, MOST_BYTES, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
