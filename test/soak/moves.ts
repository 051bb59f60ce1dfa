// One change at random: containers, gateways and networks that come, go, start, stop and are connected. What is possible is
// known from Docker, so that each move must succeed. Not here: what must hold after it (model.ts).
import {
  connect,
  createNetwork,
  disconnect,
  remove,
  removeNetwork,
  run,
  start,
  stop,
} from '../support/containers.js';
import { docker } from '../support/lab.js';
import type { Random } from '../support/random.js';
import { type Box, FAR, FIRST_PORT } from './model.js';

const [NETWORKS, GATEWAYS, APPS] = [4, 3, 12];
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** A move in words, and what carries it out. */
export interface Move {
  readonly words: string;
  carryOut(): Promise<unknown>;
}

/** @param boxes all containers, @param networks the soak's networks that there are */
export function move(random: Random, boxes: readonly Box[], networks: readonly string[]): Move {
  for (;;) {
    const tried = attempt(random, boxes, networks);
    if (tried) return tried;
  }
}

function attempt(random: Random, boxes: readonly Box[], networks: readonly string[]): Move | undefined {
  const box = boxes.length > 0 ? random.pick(boxes) : undefined;
  switch (random.int(0, 11)) {
    case 0:
      return addNetwork(random, networks);
    case 1: {
      const free = networks.filter(name => !boxes.some(one => name in one.networks));
      if (free.length === 0) return undefined;
      const name = random.pick(free);
      return { words: `docker network rm ${name}`, carryOut: () => removeNetwork(name) };
    }
    case 2:
    case 3:
    case 4:
      return add(random, boxes, networks);
    case 5:
      return box && { words: `docker rm -f ${box.name}`, carryOut: () => remove(box.name) };
    case 6:
    case 7:
      return box?.isRunning
        ? { words: `docker stop ${box.name}`, carryOut: () => stop(box.name) }
        : box && { words: `docker start ${box.name}`, carryOut: () => start(box.name) };
    case 8:
      return box && { words: `docker restart ${box.name}`, carryOut: () => restart(box.name) };
    case 9: {
      const more = networks.filter(name => box && !(name in box.networks));
      if (!box || more.length === 0) return undefined;
      const network = random.pick(more);
      return {
        words: `docker network connect ${network} ${box.name}`,
        carryOut: () => connect(network, box.name),
      };
    }
    case 10: {
      const all = Object.keys(box?.networks ?? {});
      if (!box || all.length < 2) return undefined;
      const network = random.pick(all);
      return {
        words: `docker network disconnect ${network} ${box.name}`,
        carryOut: () => disconnect(network, box.name),
      };
    }
    default:
      return severalAtOnce(random, boxes);
  }
}

const restart = (name: string): Promise<unknown> => docker.call('POST', `/containers/${name}/restart?t=0`);

function addNetwork(random: Random, networks: readonly string[]): Move | undefined {
  const more = names('net-', NETWORKS).filter(name => !networks.includes(name));
  if (more.length === 0) return undefined;
  const name = random.pick(more);
  return {
    words: `docker network create ${name}`,
    carryOut: () => createNetwork(name, { driver: 'bridge' }),
  };
}

function add(random: Random, boxes: readonly Box[], networks: readonly string[]): Move | undefined {
  const known = new Set(boxes.map(({ name }) => name));
  const all = random.chance(30) ? names('gateway-', GATEWAYS) : names('app-', APPS);
  const free = all.filter(name => !known.has(name));
  if (free.length === 0 || networks.length === 0) return undefined;
  const name = random.pick(free);
  const on = Object.fromEntries(random.some(networks).map(network => [network, {}]));
  const labels = name.startsWith('app-') ? appLabels(random) : gatewayLabels(random);
  return {
    words: `docker run --name=${name} --network=${Object.keys(on).join()} ${Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ')}`,
    carryOut: () => run(name, { networks: on, labels }),
  };
}

function appLabels(random: Random): Record<string, string> {
  return {
    [`twine.route.${FAR}`]: `gateway-${random.int(0, GATEWAYS - 1)}`,
    ...(random.chance(20) && { 'twine.strict': 'true' }),
  };
}

function gatewayLabels(random: Random): Record<string, string> {
  const ports = random.some(Array.from({ length: APPS }, (_, n) => n));
  return {
    'twine.nat.interfaces': 'eth+',
    ...Object.fromEntries(ports.map(n => [`twine.nat.forward.${FIRST_PORT + n}`, `app-${n}:80`])),
  };
}

/** Restarts some containers at the same time. */
function severalAtOnce(random: Random, boxes: readonly Box[]): Move | undefined {
  const running = boxes.filter(({ isRunning }) => isRunning).map(({ name }) => name);
  if (running.length < 3) return undefined;
  const some = random.some(running);
  return {
    words: `docker restart ${some.join(' ')}`,
    carryOut: () => Promise.all(some.map(restart)),
  };
}
