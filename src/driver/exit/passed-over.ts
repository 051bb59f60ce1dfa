// Keys of a tunnel's file that a network cannot honour: whose they are, and what to do instead. Not here: keys that it
// honours (file-keys.ts).

const COMMAND =
  'is not run: dwgd runs no program. What keeps containers in the tunnel is built in; have a systemd unit do what else it does';
const AMNEZIA =
  'is of AmneziaWG, which the kernel does not have: if there is no handshake, ask the provider for a file of WireGuard';
const PROGRAMS = 'is of a program for telephones or Windows: put into this network what is to use the tunnel';
const PROXY = 'is of a program beside WireGuard, and changes nothing here: take it out';

/** By the key in small letters. */
export const PASSED_OVER: ReadonlyMap<string, string> = new Map([
  ...all(['PreUp', 'PostUp', 'PreDown', 'PostDown'], COMMAND),
  ...all(['Jc', 'Jmin', 'Jmax', 'Itime', 'J1', 'J2', 'J3'], AMNEZIA),
  ...all(['S1', 'S2', 'S3', 'S4', 'H1', 'H2', 'H3', 'H4'], AMNEZIA),
  ...all(['I1', 'I2', 'I3', 'I4', 'I5', 'AdvancedSecurity'], AMNEZIA),
  ...all(['IncludedApplications', 'ExcludedApplications'], PROGRAMS),
  ...all(['AllowedApps', 'DisallowedApps'], PROGRAMS),
  ...all(['CheckAlive', 'CheckAliveInterval', 'BlockDNS', 'BypassLanTraffic'], PROXY),
]);

/** Of `SaveConfig = true`. */
export const NOT_SAVED =
  'is passed over: dwgd never writes this file. Change it yourself, and run systemctl reload dwgd';

/** Of a domain under DNS. */
export const NOT_SEARCHED =
  'is passed over: no network can give its containers a domain to search. Give them --dns-search (dns_search in a Compose file)';

/** Of a table that is not `auto`. */
export const OWN_ROUTES =
  "is passed over: the network has routing tables of its own, in which AllowedIPs lead to peers. Routes of the host are not the tunnel's";

/** In place of a server of the DNS that cannot be asked. */
export const OTHER_DNS = "put the address of the provider's server there";

function all(keys: readonly string[], sentence: string): [string, string][] {
  return keys.map(key => [key.toLowerCase(), `${key} ${sentence}`]);
}
