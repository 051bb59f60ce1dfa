// Packets between containers, namespaces and the host: who answers, and from where the question seemed to come. Not here: the
// sockets (sockets.ts).
import { existsSync } from 'node:fs';
import { Netns, NetnsSwitch } from '../../src/netlink/netns.js';
import { docker, sh } from './lab.js';
import { answerOn, askEvery, hearOn, type Place, type Protocol, question, type Server } from './sockets.js';

/** A container by its name, a namespace of `ip netns` as `netns:NAME`, or the host. */
export type Where = string;

/** The path of a namespace. */
export async function netnsPath(where: Where): Promise<string> {
  if (where === 'host') return '/proc/1/ns/net';
  if (where.startsWith('netns:')) return `/run/netns/${where.slice('netns:'.length)}`;
  const { State, NetworkSettings } = await docker.get<{
    State: { Pid: number };
    NetworkSettings: { SandboxKey: string };
  }>(`/containers/${where}/json`);
  if (State.Pid === 0) throw new Error(`${where} does not run`);
  // A process may be in another for a moment, as the daemon is.
  if (existsSync(NetworkSettings.SandboxKey)) return NetworkSettings.SandboxKey;
  return `/proc/${State.Pid}/ns/net`;
}

/** Runs a bash line in a namespace, with the machine's own tools. */
export async function inside(where: Where, command: string): Promise<string> {
  const path = await netnsPath(where);
  return sh(`nsenter --net=${path} bash -o pipefail -c '${command.replaceAll("'", "'\\''")}'`);
}

/** What goes with the tests. */
const running = new Set<Server>();
let entry: Promise<NetnsSwitch> | undefined;

/** Runs something where the name leads now. */
export async function at<T>(where: Where, work: (place: Place) => T | Promise<T>): Promise<T> {
  entry ??= NetnsSwitch.open();
  const [host, netns] = [await entry, new Netns(await netnsPath(where))];
  try {
    return await work({ within: fn => host.within(netns, fn) });
  } finally {
    netns.close();
  }
}

/** Ends all servers and probes. */
export function hush(): void {
  for (const server of running) server.close();
  running.clear();
}

/** A server that answers with its name and the address that the question came from; resolves when it listens. */
export async function serve(
  where: Where,
  name: string,
  protocol: Protocol,
  port: number,
  on = '::',
): Promise<void> {
  running.add(await at(where, place => answerOn(place, protocol, port, from => `${name} ${from}`, on)));
}

/** Hears datagrams to an address, and answers nothing. */
export async function hear(
  where: Where,
  port: number,
  on: string,
  heard: Parameters<typeof hearOn>[3],
): Promise<void> {
  running.add(await at(where, place => hearOn(place, port, on, heard)));
}

/**
 * The answer: the server's name and the address that it saw.
 * @param within seconds; few where no answer is to come
 * @throws Error without an answer in time
 */
export async function ask(
  where: Where,
  protocol: Protocol,
  host: string,
  port: number,
  { within = 20 } = {},
): Promise<string> {
  const ms = within * 1000;
  // A first packet may be lost while a neighbour is looked for.
  const answer = await at(where, place => question(place, { host, port, protocol, ms, every: 200 }));
  if (!answer.includes(' ')) throw new Error(`${where} asks ${host} ${port} by ${protocol}: ${answer}`);
  return answer;
}

/** The same question every few milliseconds, and who answered. */
export class Probe {
  #socket: Server | undefined;
  /** Names of the servers, with the time of each answer. */
  readonly answers: { readonly at: number; readonly name: string }[] = [];

  private constructor() {}

  /** Resolves at the first answer. */
  static async start(where: Where, host: string, port: number, every = 10): Promise<Probe> {
    const probe = new Probe();
    await new Promise<void>((resolve, reject) => {
      const come = (answer: string): void => {
        probe.answers.push({ at: Date.now(), name: answer.split(' ')[0]! });
        resolve();
      };
      at(where, place => askEvery(place, host, port, every, come)).then(socket => {
        probe.#socket = socket;
        running.add(socket);
      }, reject);
    });
    return probe;
  }

  /** The servers that have answered since a time, each once. */
  since(time: number): string[] {
    return [...new Set(this.answers.filter(({ at: when }) => when > time).map(({ name }) => name))];
  }

  stop(): void {
    const socket = this.#socket!;
    if (running.delete(socket)) socket.close();
  }
}
