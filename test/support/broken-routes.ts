// Labels that ask for routes and have a mistake, each of another kind, and the networks that stay closed all the same.

type Labels = Readonly<Record<string, string>>;

export interface BrokenRoute {
  readonly what: string;
  readonly labels: Labels;
  /** Nothing leaves to them by Docker's way. */
  readonly closed: readonly string[];
}

const ALL4 = 'twine.route.0.0.0.0/0';
const IPV4 = ['0.0.0.0/0'] as const;
const IPV6 = ['::/0'] as const;
const BOTH = ['0.0.0.0/0', '::/0'] as const;

/** A value that no route can have, to a network that can be read. */
const VALUES: readonly [what: string, value: string][] = [
  ['is empty', ''],
  ['is white space', ' \t'],
  ['is in double quotes', '"vpn"'],
  ['is in single quotes', "'vpn'"],
  ['is in typographic quotes', '“vpn”'],
  ['has a port', 'vpn:51820'],
  ['has a port that is none', 'vpn:wg'],
  ['ends with a colon', 'vpn:'],
  ['is a list with a comma too many', 'vpn,,backup'],
  ['is a list with unreachable in it', 'vpn,unreachable'],
  ['is a list with a port', 'vpn,backup:80'],
  ['is a list with a space', 'vpn backup'],
  ['is a URL', 'http://vpn'],
  ['is a network', '10.9.0.3/32'],
  ['is of the other family', 'fd09::3'],
  ['is of the other family, in brackets', '[fd09::3]'],
  ['is loopback', '127.0.0.1'],
  ['is loopback of IPv6', '::1'],
  ['is unspecified', '0.0.0.0'],
  ['is multicast', '224.0.0.1'],
  ['is broadcast', '255.255.255.255'],
  ['is link-local of IPv6', 'fe80::1'],
  ['is half an address', '10.9.0'],
  ['is an address out of range', '10.9.0.300'],
  ['is an address with leading zeros', '010.009.000.003'],
  ['is a variable that nothing replaced', '$' + '{VPN}'],
  ['is a command', '$(hostname)'],
  ['is a rule', '-j ACCEPT'],
  ['has a slash', 'vpn/eth0'],
  ['has an at sign', 'root@vpn'],
  ['has a letter of another script', 'vрn'],
  ['has a byte of nothing', 'vpn\u0000'],
  ['has two lines', 'vpn\nvpn'],
  ['is longer than any name', 'v'.repeat(300)],
  ['is longer than any value', 'v'.repeat(5000)],
  ['is a name that nobody has', 'wiregard.'],
  ['is another letter case', 'VPN'],
  ["is a service of somebody else's project", 'foreign'],
  ['is a gateway that is stopped', 'stopped'],
  ['is a gateway on another network', 'elsewhere'],
  ['is the container itself', 'app'],
];

const NINE = Array.from({ length: 9 }, (_, n) => `198.51.100.${n + 1}/32`);

/** A key of a route that cannot be read, with a value that is right. */
const KEYS: readonly [key: string, closed: readonly string[]][] = [
  ['twine.routes.0.0.0.0/0', IPV4],
  ['twine.rout.0.0.0.0/0', IPV4],
  ['twine.Route.0.0.0.0/0', IPV4],
  ['twine.ROUTE.0.0.0.0/0', IPV4],
  ['twine.ruote.0.0.0.0/0', IPV4],
  ['twine.route..0.0.0.0/0', IPV4],
  ['twine.route_0.0.0.0/0', IPV4],
  ['twine.route-0.0.0.0/0', IPV4],
  ['twine.route 0.0.0.0/0', IPV4],
  ['twine.route:0.0.0.0/0', IPV4],
  ['twine.route0.0.0.0/0', IPV4],
  ['twine.nat.route.0.0.0.0/0', IPV4],
  ['twine.route.0.0.0.0/0 ', IPV4],
  ['twine.route."0.0.0.0/0"', IPV4],
  ['twine.route.0.0.0.0', IPV4],
  ['twine.route.0.0.0.0/0.0.0.0', IPV4],
  ['twine.route.0/0', IPV4],
  ['twine.routes.::/0', IPV6],
  ['twine.route.[::]/0', IPV6],
  ['twine.route.::', IPV6],
  ['twine.route.default', BOTH],
  ['twine.routes.default', BOTH],
  ['twine.route.Default', BOTH],
  ['twine.route.any', BOTH],
  ['twine.route.0.0.0.0/0,::/0', BOTH],
  ['twine.route.10/8', ['10.0.0.0/8']],
  ['twine.route.198.51.100.0/255.255.255.0', ['198.51.100.0/24']],
  ['twine.route.0.0.0.0/0:vpn', IPV4],
  ['twine.route.0.0.0.0/0,::/0,', BOTH],
  ['twine.route.0.0.0.0/0;::/0', BOTH],
  ['twine.route.0.0.0.0/0 ::/0', BOTH],
  ['twine.route.0.0.0.0/0 and ::/0', BOTH],
  [`twine.route.${NINE}`, NINE],
  ['twine.route.0.0.0.0/0=vpn', IPV4],
  ['twine.route.0.0.0.0/00', IPV4],
  ['twine.route.0.0.0.0/O', IPV4],
  ['twine.route.0.0.0.0/', IPV4],
  ['twine.route.0.0.0.0/0/', IPV4],
  ['twine.route.0.0.0.0\\0', IPV4],
  ['twine.route.(0.0.0.0/0)', IPV4],
  ['twine.route.<0.0.0.0/0>', IPV4],
  ['twine.route.“0.0.0.0/0”', IPV4],
  ['twine.route.\u200b0.0.0.0/0', IPV4],
  ['twine.route.0.0.0.0\u200b/0', IPV4],
  ['twine.route.０.０.０.０/０', IPV4],
  ['twine.route.to.0.0.0.0/0', IPV4],
  ['twine.route.0,0,0,0/0', IPV4],
  ['twine.route.0.0.0.0/0,127.0.0.0/8', IPV4],
  ['twine.route::/0', IPV6],
  ['twine.route.::/O', IPV6],
  ['twine.0.0.0.0/0', IPV4],
  ['twine.rt.0.0.0.0/0', IPV4],
  ['twine.gateway.::/0', IPV6],
  ['twine.firewall.10.0.0.0/8', ['10.0.0.0/8']],
  ['twine.route.10.0.0.0/8; id', ['10.0.0.0/8']],
  ['twine.route.10.0.0.0/8,x', ['10.0.0.0/8']],
  // The widest that it may be.
  ['twine.route.10.0.0.0/33', ['10.0.0.0/7']],
  ['twine.route.10.0.0.0/255.0.255.0', ['10.0.0.0/7']],
  ['twine.route.10.0.0.3/O', IPV4],
  ['twine.route.0.0.0.0/0,fd00:/8', BOTH],
  // No network: all that there may be.
  ['twine.route', BOTH],
  ['twine.route.', BOTH],
  ['twine.routes', BOTH],
  ['twine.default', BOTH],
  ['twine.ruote.vpn', BOTH],
  ['twine.nat.route', BOTH],
  ['twine.route.nonsense', BOTH],
  ['twine.route.O.O.O.O/O', BOTH],
  ['twine.route.host.docker.internal', BOTH],
  [`twine.route.0.0.0.0/0${' '.repeat(300)}`, IPV4],
  [`twine.route.${'x'.repeat(300)}`, BOTH],
  [`twine.route.0.0.0.0/0${'x'.repeat(5000)}`, BOTH],
];

export const BROKEN_ROUTES: readonly BrokenRoute[] = [
  ...VALUES.map(([what, value]) => ({ what: `the value ${what}`, labels: { [ALL4]: value }, closed: IPV4 })),
  ...KEYS.map(([key, closed]) => ({ what: `the key is ${key}`, labels: { [key]: 'vpn' }, closed })),
];
