// What root, and Prometheus, ask the daemon by: the control socket, and a port where one was asked for. Composition only.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { AddPage } from './api.js';
import { ControlSocket } from './control-socket.js';
import type { Daemon } from './halves.js';
import type { MetricsAddress } from './metrics-address.js';
import { MetricsPort } from './metrics-port.js';

/** A browser opens some six at once. */
const CONNECTIONS_OF_PAGES = 32;

interface Control {
  close(): Promise<void>;
}

/** What is served by TCP. */
interface ServedByTcp {
  readonly address: MetricsAddress;
  /** Present where a page was asked for: loads it. */
  readonly page?: () => Promise<AddPage>;
}

/** What cannot be opened is logged: the daemon works without. */
export async function openControl(daemon: Daemon, tcp: ServedByTcp | undefined, log: Log): Promise<Control> {
  let loaded: Promise<Answering> | undefined;
  const load = (): Promise<Answering> => {
    loaded ??= loadAnswers(daemon, tcp?.page);
    return loaded;
  };
  const open: Control[] = [];
  const opening = async (work: () => Promise<Control>): Promise<void> => {
    try {
      open.push(await work());
    } catch (err) {
      log.error(messageOf(err));
    }
  };
  await opening(() => ControlSocket.open(later(async () => (await load()).control)));
  if (tcp)
    await opening(() =>
      MetricsPort.open(
        later(async () => (await load()).metrics),
        tcp.address,
        tcp.page && CONNECTIONS_OF_PAGES,
      ),
    );
  return {
    async close() {
      await Promise.all(open.map(one => one.close()));
      (await loaded)?.stop();
    },
  };
}

interface Answering {
  readonly control: RequestListener;
  readonly metrics: RequestListener;
  stop(): void;
}

/** Loaded when somebody asks. */
async function loadAnswers(daemon: Daemon, page?: () => Promise<AddPage>): Promise<Answering> {
  const { createControlApi, createMetricsApi } = await import('./api.js');
  const { Metrics } = await import('./metrics.js');
  const metrics = new Metrics(daemon);
  const add = await page?.();
  return {
    control: createControlApi(daemon, metrics),
    metrics: createMetricsApi(metrics, add && { daemon, add }),
    stop: () => metrics.close(),
  };
}

function later(find: () => Promise<RequestListener>): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    find().then(
      listener => listener(request, response),
      () => response.destroy(),
    );
  };
}
