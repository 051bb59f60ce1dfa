// Packets between namespaces, with a server and clients of the machine's own node: who answers, and from where the
// question seemed to come. Not here: what runs there (echo.ts).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { docker, sh } from './lab.js';

const program = fileURLToPath(new URL('echo.js', import.meta.url));

/** A container by its name, a namespace of `ip netns` as `netns:NAME`, or the host. */
export type Where = string;

/** The path of a namespace. */
export async function netnsPath(where: Where): Promise<string> {
  if (where === 'host') return '/proc/1/ns/net';
  if (where.startsWith('netns:')) return `/run/netns/${where.slice('netns:'.length)}`;
  const { State } = await docker.get<{ State: { Pid: number } }>(`/containers/${where}/json`);
  if (State.Pid === 0) throw new Error(`${where} does not run`);
  return `/proc/${State.Pid}/ns/net`;
}

/** Runs a bash line in a namespace, with the machine's own tools. */
export async function inside(where: Where, command: string): Promise<string> {
  const path = await netnsPath(where);
  return sh(`nsenter --net=${path} bash -o pipefail -c '${command.replaceAll("'", "'\\''")}'`);
}

/** Programs that go with the tests. */
const running = new Set<ChildProcess>();

async function start(where: Where, ...args: string[]): Promise<ChildProcess> {
  const path = await netnsPath(where);
  const child = spawn('nsenter', [`--net=${path}`, process.execPath, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends all servers and probes. */
export function hush(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A server that answers with its name and the address that the question came from; resolves when it listens.
 * One that listens everywhere answers from the address that the route back has. */
export async function serve(
  where: Where,
  name: string,
  protocol: 'tcp' | 'udp',
  port: number,
  address = '::',
): Promise<ChildProcess> {
  const child = await start(where, 'serve', name, protocol, String(port), address);
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(`no server ${name} on ${protocol} ${port}`))),
  ]);
  return child;
}

/**
 * The answer: the server's name and the address that it saw.
 * @param within seconds; few where no answer is to come
 * @throws ShellError without an answer in time
 */
export async function ask(
  where: Where,
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
  { within = 20 } = {},
): Promise<string> {
  const path = await netnsPath(where);
  const ms = within * 1000;
  return sh(`nsenter --net=${path} ${process.execPath} ${program} ask ${protocol} ${address} ${port} ${ms}`);
}

/** The same question every few milliseconds, and who answered. */
export class Probe {
  readonly #child: ChildProcess;
  /** Names of the servers, with the time of each answer. */
  readonly answers: { readonly at: number; readonly name: string }[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n'))
        this.answers.push({ at: Date.now(), name: line.split(' ')[0]! });
    });
  }

  /** Resolves at the first answer. */
  static async start(where: Where, address: string, port: number, every = 10): Promise<Probe> {
    const child = await start(where, 'probe', address, String(port), String(every));
    const probe = new Probe(child);
    await once(child.stdout!, 'data');
    return probe;
  }

  /** The servers that have answered since a time, each once. */
  since(time: number): string[] {
    return [...new Set(this.answers.filter(({ at }) => at > time).map(({ name }) => name))];
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
