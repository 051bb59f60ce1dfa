// sd_notify(3): tells systemd of readiness, stopping and being alive, by a datagram on the socket that it names
// in NOTIFY_SOCKET. Without systemd it does nothing. Not here: when to tell.

import { errorCode, messageOf } from '../src/base/errors.js';
import { AF_UNIX, close, SOCK_DGRAM, SOCK_NONBLOCK, sendto, socket, unixAddress } from './libc-sockets.js';

/** The pause between attempts while the manager's queue is full. */
const RETRY_MS = 100;

export class Notifier {
  readonly #address: Buffer | undefined;
  /** What the manager has not taken yet, each state once, in order. */
  readonly #pending = new Set<string>();
  #retry: NodeJS.Timeout | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  /** Takes the address out of the environment, so that nobody else answers for us. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    const path = env.NOTIFY_SOCKET;
    delete env.NOTIFY_SOCKET;
    this.#address = path === undefined || path === '' ? undefined : unixAddress(path);
  }

  /** READY=1, STOPPING=1, STATUS=…; never waits or throws: the service works without. A failure is reported. */
  send(state: string): void {
    if (!this.#address) return;
    this.#pending.add(state);
    this.#flush(this.#address);
  }

  /** Says WATCHDOG=1 twice in every WATCHDOG_USEC, from the event loop that does the work. */
  startWatchdog(env: NodeJS.ProcessEnv = process.env): void {
    const interval = Number(env.WATCHDOG_USEC) / 1000;
    const isOurs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === process.pid;
    delete env.WATCHDOG_USEC;
    delete env.WATCHDOG_PID;
    if (!this.#address || !(interval > 0) || !isOurs) return;
    this.#watchdog = setInterval(() => this.send('WATCHDOG=1'), interval / 2).unref();
  }

  close(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
  }

  /** Retries while the manager's queue is full: a blocking sendto(2) would hold up the whole daemon. */
  #flush(address: Buffer): void {
    clearTimeout(this.#retry);
    for (const state of this.#pending) {
      try {
        sendDatagram(address, state);
      } catch (err) {
        if (errorCode(err) === 'EAGAIN') {
          this.#retry = setTimeout(() => this.#flush(address), RETRY_MS).unref();
          return;
        }
        console.error(`cannot notify systemd: ${messageOf(err)}`);
      }
      this.#pending.delete(state);
    }
  }
}

/** @throws OpError (EAGAIN: its queue is full) */
function sendDatagram(address: Buffer, state: string): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  try {
    sendto(fd, Buffer.from(state), address, 'the service manager');
  } finally {
    close(fd);
  }
}
