// The packets that every rule is tried with: right and wrong ports, sources, sizes and states, by way of the router, to
// it and from it. Not here: what becomes of them.
import type { Packet } from './packet.js';
import { CLIENT, type Place, ROUTER, SERVER } from './router.js';

const [FIN, SYN, ACK, ECE, CWR] = [1, 2, 16, 64, 128];

/** What goes from one address to another. `port` is the first of some that no other case uses. */
function exchange(from: string, to: string, port: number): Packet[] {
  const way = { from, to };
  return [
    { ...way, protocol: 'udp', sport: port, dport: 53 },
    { ...way, protocol: 'udp', sport: port + 1, dport: 53, size: 200, tos: 0x10 },
    { ...way, protocol: 'udp', sport: port + 2, dport: 8080, ttl: 9 },
    { ...way, protocol: 'udp', sport: port + 3, dport: 9999, size: 4 },
    { ...way, protocol: 'tcp', sport: port + 4, dport: 80, flags: SYN, mss: 1460 },
    { ...way, protocol: 'tcp', sport: port + 5, dport: 443, flags: SYN, mss: 500, tos: 0x48 },
    { ...way, protocol: 'tcp', sport: port + 6, dport: 81, flags: ACK },
    { ...way, protocol: 'tcp', sport: port + 7, dport: 8080, flags: FIN | ACK, ttl: 9 },
    { ...way, protocol: 'tcp', sport: port + 8, dport: 80, flags: 0 },
    { ...way, protocol: 'icmp', sport: port + 9, type: from.includes(':') ? 128 : 8 },
    { ...way, protocol: 'icmp', sport: port + 10, type: from.includes(':') ? 128 : 8, code: 1, size: 300 },
    { ...way, protocol: 'tcp', sport: port + 11, dport: 443, flags: ACK | ECE, tos: 3 },
    { ...way, protocol: 'tcp', sport: port + 12, dport: 443, flags: ACK | CWR },
    { ...way, protocol: 'esp', sport: port + 13, spi: 500 },
    { ...way, protocol: 'ah', sport: port + 14, spi: 700 },
    ...(from.includes(':')
      ? [
          { ...way, protocol: 'tcp', before: 'dst', sport: port + 15, dport: 80, flags: ACK } as const,
          { ...way, protocol: 'tcp', before: 'rt', sport: port + 16, dport: 80, flags: ACK } as const,
          { ...way, protocol: 'tcp', before: 'srh', sport: port + 17, dport: 80, flags: ACK } as const,
        ]
      : []),
  ];
}

/** By where they are sent from. */
export function probes(family: 4 | 6, port: number): Record<Place, Packet[]> {
  const [client, client2] = CLIENT[family];
  const [server, server2] = SERVER[family];
  const [router, router2] = ROUTER[family];
  return {
    client: [
      ...exchange(client, server, port),
      ...exchange(client2, server2, port).slice(0, 5),
      ...exchange(client, router, port + 20),
      ...exchange(client2, router, port + 20).slice(0, 5),
    ],
    router: [...exchange(router2, server, port + 40), ...exchange(router2, server2, port + 80).slice(0, 5)],
    server: exchange(server, client, port + 60).slice(0, 5),
  };
}
