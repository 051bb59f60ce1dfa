// The labels of the benchmark's containers, and the commands that make the same rules: nsenter and a tool of iptables
// or iproute2 for each step. Not here: running them (commands.c).

/** The container that routes and forwards lead to. */
export const GATEWAY = 'gw';

export const ONE: Readonly<Record<string, string>> = { 'twine.nat.interfaces': 'eth+' };

export const TEN: Readonly<Record<string, string>> = {
  ...ONE,
  'twine.nat.forward.8001': `${GATEWAY}:80`,
  'twine.nat.forward.eth0.8002/tcp': `${GATEWAY}:81`,
  'twine.nat.forward.5353/udp': `${GATEWAY}:5353`,
  'twine.route.10.77.0.0/16': GATEWAY,
  'twine.route.10.78.0.0/16': GATEWAY,
  'twine.iptables.rule.blockAll': 'TWINE_INPUT -s 10.250.0.0/24 -p tcp --dport 22 -j DROP',
  'twine.iptables.rule.allowVPN': 'TWINE_INPUT -s 10.250.0.0/24 -d 10.250.0.0/24 -j ACCEPT',
  'twine.iptables.rule.noMail': 'TWINE_OUTPUT -p tcp --dport 25 -j REJECT',
  'twine.iptables.rule.mss': 'TWINE_FORWARD -p tcp --syn -m conntrack --ctstate NEW -j ACCEPT',
};

/** The routes that TEN makes: a fallback and a gateway each. */
export const ROUTES_OF_TEN = 4;

const STATES = 'NEW,RELATED,ESTABLISHED';

/** A chain of the original's and the jump to it. */
function chain(table: string, name: string, hook: string): string[] {
  return [`iptables -w -t ${table} -N ${name}`, `iptables -w -t ${table} -I ${hook} -j ${name}`];
}

const COMMANDS_OF_ONE: readonly string[] = [
  'sysctl -q -w net.ipv4.ip_forward=1',
  ...chain('filter', 'TWINE_FORWARD', 'FORWARD'),
  `iptables -w -A TWINE_FORWARD -i eth+ -m conntrack --ctstate ${STATES} -j ACCEPT`,
  `iptables -w -A TWINE_FORWARD -o eth+ -m conntrack --ctstate ${STATES} -j ACCEPT`,
  ...chain('nat', 'TWINE_NAT_POSTROUTING', 'POSTROUTING'),
  'iptables -w -t nat -A TWINE_NAT_POSTROUTING -o eth+ -j MASQUERADE',
];

/** What a forward takes: destination NAT from outside and from within, and masquerading. */
function forward(match: string, protocol: string, port: number, address: string, to: number): string[] {
  const arriving = `-m addrtype --dst-type LOCAL -p ${protocol} --dport ${port}`;
  const dnat = `-j DNAT --to-destination ${address}:${to}`;
  return [
    `iptables -w -t nat -A TWINE_NAT_PREROUTING ${match} ${arriving} ${dnat}`,
    `iptables -w -t nat -A TWINE_NAT_OUTPUT ${arriving} ${dnat}`,
    `iptables -w -t nat -A TWINE_NAT_POSTROUTING -d ${address} -p ${protocol} --dport ${to} -m conntrack --ctstate DNAT -j MASQUERADE`,
  ];
}

function commandsOfTen(gateway: string): string[] {
  return [
    ...COMMANDS_OF_ONE,
    ...chain('nat', 'TWINE_NAT_PREROUTING', 'PREROUTING'),
    ...chain('nat', 'TWINE_NAT_OUTPUT', 'OUTPUT'),
    ...chain('filter', 'TWINE_INPUT', 'INPUT'),
    ...chain('filter', 'TWINE_OUTPUT', 'OUTPUT'),
    ...forward('-i eth+', 'tcp', 8001, gateway, 80),
    ...forward('-i eth0', 'tcp', 8002, gateway, 81),
    ...forward('-i eth+', 'udp', 5353, gateway, 5353),
    `ip route replace 10.77.0.0/16 via ${gateway}`,
    `ip route replace 10.78.0.0/16 via ${gateway}`,
    'iptables -w -A TWINE_INPUT -s 10.250.0.0/24 -p tcp --dport 22 -j DROP',
    'iptables -w -A TWINE_INPUT -s 10.250.0.0/24 -d 10.250.0.0/24 -j ACCEPT',
    'iptables -w -A TWINE_OUTPUT -p tcp --dport 25 -j REJECT',
    'iptables -w -A TWINE_FORWARD -p tcp --syn -m conntrack --ctstate NEW -j ACCEPT',
  ];
}

/** Lines for commands.c: what ONE or TEN takes in a namespace, and not a step more. */
export function commands(labels: typeof ONE, netns: string, gateway: string): string[] {
  const lines = labels === ONE ? COMMANDS_OF_ONE : commandsOfTen(gateway);
  return lines.map(line => `nsenter --net=${netns} ${line}`);
}

const HOOKS = [
  ['filter', 'TWINE_INPUT', 'INPUT'],
  ['filter', 'TWINE_OUTPUT', 'OUTPUT'],
  ['filter', 'TWINE_FORWARD', 'FORWARD'],
  ['nat', 'TWINE_NAT_POSTROUTING', 'POSTROUTING'],
  ['nat', 'TWINE_NAT_PREROUTING', 'PREROUTING'],
  ['nat', 'TWINE_NAT_OUTPUT', 'OUTPUT'],
] as const;

/**
 * Lines for a shell each, as the original runs them: first the 28 that it runs in every container, three policies, six
 * chains that are made, emptied and looked for before they are hung, and masquerading; then the rules of the labels.
 */
export function originalCommands(labels: typeof ONE, netns: string, gateway: string): string[] {
  const enter = `nsenter --net=${netns}`;
  const rules = commands(labels, netns, gateway).filter(
    line => !/ -[NI] | -o eth\+ -j MASQUERADE/.test(line),
  );
  return [
    ...['INPUT', 'FORWARD', 'OUTPUT'].map(hook => `${enter} iptables -w -P ${hook} ACCEPT`),
    ...HOOKS.flatMap(([table, name, hook]) => [
      `${enter} iptables -w -t ${table} -N ${name}`,
      `${enter} iptables -w -t ${table} -F ${name}`,
      `${enter} iptables -w -t ${table} -C ${hook} -j ${name} 2>&1 || true`,
      `${enter} iptables -w -t ${table} -I ${hook} -j ${name}`,
    ]),
    `${enter} iptables -w -t nat -A TWINE_NAT_POSTROUTING -o eth+ -j MASQUERADE`,
    ...rules,
  ];
}
