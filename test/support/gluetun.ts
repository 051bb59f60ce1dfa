// What gluetun does to the network of its container, command by command in the order of its source (internal/firewall,
// internal/routing, internal/wireguard). Not here: its tunnel's link, which a test makes.

/** The container's interface of Docker's, as gluetun finds it. */
export interface GluetunPlace {
  readonly address: string;
  readonly subnet: string;
  readonly gateway: string;
}

/** The mark of its tunnel's own packets, which is the number of its table, too. */
const TABLE = 51820;
/** A server of its provider, and what FIREWALL_OUTBOUND_SUBNETS names. */
const [SERVER, OUTBOUND] = ['192.0.2.7', '192.168.77.0/24'] as const;
export const both = (command: string): string[] => [`ip${command}`, `ip6${command}`];

/** Its firewall as far as it is for all networks: nothing is accepted at FORWARD. @param iptables the command of one family */
export const gluetunFirewall = (iptables: string): string[] => [
  ...['INPUT', 'OUTPUT', 'FORWARD'].map(chain => `${iptables} --policy ${chain} DROP`),
  ...['INPUT -i', 'OUTPUT -o'].map(where => `${iptables} --append ${where} lo -j ACCEPT`),
  ...['OUTPUT', 'INPUT'].map(
    chain => `${iptables} --append ${chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
  ),
  `${iptables} --append OUTPUT -o wg0 -j ACCEPT`,
];

/** What its start does: the policy rules 98 to 100 with their tables, and the firewall of both families. @param backend `tables-nft` or `tables-legacy` */
export function startGluetun(backend: string, { address, subnet, gateway }: GluetunPlace): string[] {
  return [
    `ip rule add from ${address} lookup 200 pref 100`,
    `ip route add default via ${gateway} dev eth0 table 200`,
    `ip route add ${OUTBOUND} via ${gateway} dev eth0 table 199`,
    `ip rule add to ${OUTBOUND} lookup 199 pref 99`,
    `ip rule add to ${subnet} lookup main pref 98`,
    ...both(backend).flatMap(gluetunFirewall),
    `ip6${backend} --append OUTPUT -o eth0 -d ff02::1:ff00:0/104 -j ACCEPT`,
    `ip${backend} --append OUTPUT -d ${SERVER} -o eth0 -p udp -m udp --dport 51820 -j ACCEPT`,
    ...[subnet, OUTBOUND].map(
      network => `ip${backend} --append OUTPUT -o eth0 -s ${address} -d ${network} -j ACCEPT`,
    ),
    `ip${backend} --append INPUT -i eth0 -d ${subnet} -j ACCEPT`,
  ];
}

/** All that its tunnel's packets do not carry goes by the tunnel; the rule goes and comes with it. */
export const GLUETUN_TUNNEL = {
  up: [
    `ip route add default dev wg0 table ${TABLE}`,
    `ip rule add not fwmark ${TABLE} lookup ${TABLE} pref 101`,
  ],
  down: [`ip rule del not fwmark ${TABLE} lookup ${TABLE} pref 101`],
} as const;
