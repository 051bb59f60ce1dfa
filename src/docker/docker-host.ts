// Where Docker's API is, as docker(1) is told of it. Not here: the way to it (api-client.ts).

import { UserError } from '../base/errors.js';
import { plain } from '../base/plain-text.js';

export const DEFAULT_DOCKER_HOST = 'unix:///var/run/docker.sock';

/** Where connections to Docker's API go; options of `http.request`. Names are looked up at each connection. */
export type DockerHost = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** docker(1)'s ports where none is given, and where the other end expects TLS. */
const [PLAIN_PORT, TLS_PORT] = [2375, 2376] as const;
/** No path, as docker(1) has it, and no user. */
const TCP = /^tcp:\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?\/?$/i;
const FORMS = 'unix:///path or tcp://host:port';

/** `unix:///path` or `tcp://host:port`. @throws UserError, its message what is wrong and what would be right */
export function parseDockerHost(text: string): DockerHost {
  if (text.startsWith('unix:///')) return { socketPath: text.slice('unix://'.length) };
  const [, ipv6, name, digits] = TCP.exec(text) ?? [];
  const host = ipv6 ?? name;
  const port = Number(digits ?? PLAIN_PORT);
  if (host === undefined || port < 1 || port > 65_535)
    throw new UserError(`is neither a unix socket nor a host and a port: give ${FORMS}`);
  if (port === TLS_PORT) throw new UserError(`asks for TLS, ${NO_TLS}`);
  return { host, port };
}

/** Characters of what was given, in a message. */
const SHOWN_MAX = 120;
const NO_TLS = `which dwgd does not speak: give ${DEFAULT_DOCKER_HOST}, or tcp://127.0.0.1:${PLAIN_PORT} of a socket proxy on this host`;

/** As docker(1) writes it. */
export function formatDockerHost(at: DockerHost): string {
  if ('socketPath' in at) return `unix://${at.socketPath}`;
  return `tcp://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`;
}

/** What of the environment tells docker(1) where Docker's API is. */
type Environment = Readonly<Partial<Record<'DOCKER_HOST' | 'DOCKER_TLS' | 'DOCKER_TLS_VERIFY', string>>>;

/** Where Docker's API is: by a flag, else by DOCKER_HOST, else by Docker's default. @throws UserError */
export function findDockerHost(flag?: string, environment: Environment = process.env): DockerHost {
  const [name, given] =
    flag === undefined ? ['DOCKER_HOST', environment.DOCKER_HOST] : ['--docker-host', flag];
  const text = given || DEFAULT_DOCKER_HOST;
  let at: DockerHost;
  try {
    at = parseDockerHost(text);
  } catch (err) {
    throw new UserError(`${name}=${plain(text, SHOWN_MAX)} ${(err as Error).message}`);
  }
  // As docker(1), whatever the value.
  const tls = (['DOCKER_TLS_VERIFY', 'DOCKER_TLS'] as const).find(key => environment[key]);
  if ('host' in at && tls) throw new UserError(`${tls}=${environment[tls]} asks for TLS, ${NO_TLS}`);
  return at;
}

/** Whether nobody listens there, or the name is not found: the error of a connection that was not made. */
export function isUnreachable(err: unknown): boolean {
  return ['connect', 'getaddrinfo'].includes((err as { syscall?: string }).syscall ?? '');
}
