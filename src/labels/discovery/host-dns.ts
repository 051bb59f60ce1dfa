// Which resolvers Docker forwards a container's DNS queries to, as a part of the container's view. Not here: the files that say so
// (docker/resolv-conf.ts), what is reported (labels/planner/warnings.ts).

import { findHostDns, findPrivateDns, readResolvConf } from '../../docker/resolv-conf.js';
import type { ContainerView } from './container.js';
import type { InspectedContainer } from './docker-view.js';
import { joinedContainer } from './namespace-sharing.js';

/** The resolvers that the container's queries are forwarded to, as far as is known. */
export function dnsOf({
  ResolvConfPath = '',
  HostConfig,
}: InspectedContainer): Pick<ContainerView, 'hostDns' | 'privateDns'> {
  // A container that joined another's namespace uses the other's DNS.
  const hasOwnDns =
    (HostConfig?.Dns ?? []).length > 0 || joinedContainer(HostConfig?.NetworkMode) !== undefined;
  const files = readResolvConf(ResolvConfPath, hasOwnDns);
  const [hostDns, privateDns] = [findHostDns(files), findPrivateDns(files)];
  return { ...(hostDns !== undefined && { hostDns }), ...(privateDns !== undefined && { privateDns }) };
}
