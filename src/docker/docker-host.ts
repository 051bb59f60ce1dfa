// Where Docker's API is, as docker(1) is told of it. Not here: the way to it (api-client.ts).

import { UserError } from '../base/errors.js';

export const DEFAULT_DOCKER_HOST = 'unix:///var/run/docker.sock';

/** The path of `unix:///path`; undefined for anything else. */
export function unixSocketPath(host: string): string | undefined {
  return host.startsWith('unix:///') ? host.slice('unix://'.length) : undefined;
}

/** The path of the socket of Docker's API: a flag's, else DOCKER_HOST's, else Docker's default. @throws UserError */
export function dockerSocket(flag?: string, environment = process.env.DOCKER_HOST): string {
  const [name, given] = flag === undefined ? ['DOCKER_HOST', environment] : ['--docker-host', flag];
  const host = given || DEFAULT_DOCKER_HOST;
  const path = unixSocketPath(host);
  if (path === undefined) throw new UserError(`${name}=${host} is not a unix socket: give unix:///path`);
  return path;
}
