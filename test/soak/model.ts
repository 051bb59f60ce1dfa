// What must hold of each container of the soak, by what Docker says of the others. Pure. Not here: what makes the changes
// (moves.ts), what is there (truth.ts).

/** The network that all routes of the soak lead to. */
export const FAR = '203.0.113.0/24';
/** Ports that a gateway forwards, each to port 80 of the app with that number. */
export const FIRST_PORT = 9_000;

/** A container as Docker has it. */
export interface Box {
  readonly name: string;
  readonly isRunning: boolean;
  /** Its address of IPv4 by network. */
  readonly networks: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a namespace must hold. */
export interface Held {
  /** The next hops of which one leads to {@link FAR}: none for `unreachable`; undefined for no route at all. */
  readonly hops?: readonly string[];
  /** Where forwarded ports may lead to, by port; those of apps that are not there lead nowhere. */
  readonly forwards: Readonly<Record<number, readonly string[]>>;
}

/** @param boxes all containers, also those that are stopped */
export function held(box: Box, boxes: readonly Box[]): Held {
  const gateway = box.labels[`twine.route.${FAR}`];
  const forwards = Object.entries(box.labels).flatMap(([key, value]) => {
    const port = /^twine\.nat\.forward\.(\d+)$/.exec(key)?.[1];
    const to = port === undefined ? [] : reached(box, boxes, value.split(':')[0]!);
    return to.length === 0 ? [] : [[Number(port), to] as const];
  });
  return {
    ...(gateway !== undefined && { hops: reached(box, boxes, gateway) }),
    forwards: Object.fromEntries(forwards),
  };
}

/** The addresses of a container on the networks that another has, too. */
function reached(from: Box, boxes: readonly Box[], name: string): readonly string[] {
  const to = boxes.find(box => box.name === name);
  if (!to?.isRunning) return [];
  return Object.entries(to.networks).flatMap(([network, address]) =>
    network in from.networks && address !== '' ? [address] : [],
  );
}

/** What the kernel has of it. */
export interface Found {
  /** Routes to {@link FAR} as ip-route(8) prints them. */
  readonly routes: readonly string[];
  /** Where forwarded ports lead to, by port. */
  readonly forwards: Readonly<Record<number, string>>;
}

/** What is not as it must be; undefined when all is. */
export function difference(wanted: Held, found: Found): string | undefined {
  const ways = found.routes.map(route => / via (\S+)/.exec(route)?.[1] ?? route.split(' ')[0]!);
  const hop = ways.find(way => way !== 'unreachable');
  if (wanted.hops === undefined ? ways.length > 0 : !ways.includes('unreachable'))
    return `routes: ${found.routes.join('; ') || 'none'}`;
  const hops = wanted.hops ?? [];
  if (hops.length === 0 ? hop !== undefined : !hops.includes(hop ?? ''))
    return `by ${hop ?? 'nothing'} and not by ${hops.join(' or ') || 'nothing'}`;
  const ports = new Set([...Object.keys(wanted.forwards), ...Object.keys(found.forwards)].map(Number));
  for (const port of ports) {
    const [to, may] = [found.forwards[port], wanted.forwards[port] ?? []];
    if (to === undefined ? may.length > 0 : !may.includes(to))
      return `port ${port} to ${to ?? 'nothing'} and not to ${may.join(' or ') || 'nothing'}`;
  }
  return undefined;
}
