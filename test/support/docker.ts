// Docker as scenarios need it: its API without the 1 s that the command line costs under emulation, and the
// engine's own start, stop and death. What a user types is sh('docker …').
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { sh } from './shell.js';

export const socketPath = '/run/docker.sock';

/** One request to a unix socket: status and body as text. No Content-Type is sent unless there is a body. */
export function ask(
  socket: string,
  method: string,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const call = request({ socketPath: socket, method, path, headers, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text })).on('error', reject);
    });
    call.on('error', reject).end(body);
  });
}

/** Docker's API. The type of the answer is the caller's claim. */
export const docker = {
  /** GET as JSON; throws with Docker's own message unless the status is 2xx. */
  get: <T>(path: string): Promise<T> => docker.call<T>('GET', path),

  /** Any call; the answer as JSON, or undefined where Docker sends none. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { status, text } = await ask(
      socketPath,
      method,
      path,
      body === undefined ? undefined : JSON.stringify(body),
    );
    const answer: unknown = text.trim() === '' ? undefined : JSON.parse(text);
    if (status < 200 || status > 299) {
      throw new Error(
        `${method} ${path}: ${(answer as { message?: string } | undefined)?.message ?? status}`,
      );
    }
    return answer as T;
  },

  /** The network namespace of a running container, as a path. */
  async sandbox(container: string): Promise<string> {
    const view = await docker.get<{ NetworkSettings: { SandboxKey: string } }>(
      `/containers/${container}/json`,
    );
    return view.NetworkSettings.SandboxKey;
  },

  /** Runs a bash line in the network namespace of a running container, with the machine's own tools. */
  async within(container: string, command: string): Promise<string> {
    const sandbox = await docker.sandbox(container);
    return sh(`nsenter --net=${sandbox} bash -c '${command.replaceAll("'", "'\\''")}'`);
  },
};

/** The flags of the engine that runs now. */
let flags: string[] = [];

/** The engine itself. containerd and running containers outlive a kill. */
export const dockerd = {
  /** Waits for the engine that the guest started at boot, image included. */
  async wait(): Promise<void> {
    if (process.env.LAB_DOCKER !== '1') throw new Error('this guest was started with --no-docker');
    await sh('lab-dockerd wait', { within: 300 });
  },
  /** Starts it with further flags, such as --live-restore, and waits until it answers. */
  async start(...startFlags: string[]): Promise<void> {
    await sh(['lab-dockerd start', ...startFlags].join(' '), { within: 240 });
    flags = startFlags;
  },
  /** Whether it runs as the guest's boot started it. */
  pristine: (): boolean => flags.length === 0,
  /** SIGTERM, and waits until it is gone. */
  stop: (): Promise<string> => sh('lab-dockerd stop', { within: 180 }),
  /** SIGKILL. */
  kill9: (): Promise<string> => sh('lab-dockerd kill', { within: 30 }),
  async restart(...startFlags: string[]): Promise<void> {
    await dockerd.stop();
    await dockerd.start(...startFlags);
  },
  /** Everything it has logged since the guest's boot. */
  logs: (): string => readFileSync('/run/lab/dockerd.log', 'utf8'),
};
