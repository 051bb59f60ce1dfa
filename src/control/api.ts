// What is answered on the control socket, and on the port of metrics: express's router. Loaded when somebody asks. Not here:
// the sockets (control-socket.ts, metrics-port.ts), the answers' types (answers.ts), the page (page/page-api.ts).

import type { RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Request, type Response } from 'express';
import { messageOf, UserError } from '../base/errors.js';
import { nearest } from '../base/suggest.js';
import { excerpt } from '../base/text.js';
import {
  API_VERSION,
  type FarPeers,
  type Inspection,
  type Problem,
  type Rules,
  type Status,
} from './answers.js';
import { EXPOSITION_TYPE } from './exposition.js';
import type { AskWay, Daemon } from './halves.js';
import { healthOf } from './health.js';
import type { Metrics } from './metrics.js';

/** Characters of a name that is asked for: ids have 64. */
const MAX_NAME = 255;
/** What is answered with the codes of a UserError; others are a conflict with what is there now. */
const STATUS_OF: ReadonlyMap<string | undefined, number> = new Map([
  ['EINVAL', 400],
  ['ENOENT', 404],
  ['EBUSY', 503],
]);

/** All that the control socket answers. */
export function createControlApi(daemon: Daemon, metrics: Metrics): RequestListener {
  const router = express.Router();
  const status = oneAtATime(() => statusOf(daemon));
  const survey = oneAtATime(async () => daemon.labels?.survey());
  router.get(`/${API_VERSION}/status`, async (_request, response) => answer(response, 200, await status()));
  router.get(`/${API_VERSION}/inspect/:name`, async ({ params: { name } }, response) => {
    const known = name.length <= MAX_NAME ? await inspect(daemon, name) : undefined;
    if (known) answer(response, 200, known);
    else answer(response, 404, unknown(name, await status()));
  });
  router.get(`/${API_VERSION}/rules/:name`, async ({ params: { name } }, response) =>
    answerRules(response, name, await rulesOf(daemon, name)),
  );
  router.get(`/${API_VERSION}/explain/:name`, async ({ params: { name }, url }, response) =>
    answerWay(response, { name, url }, daemon.explain),
  );
  router.get(`/${API_VERSION}/peers/:name`, async ({ params: { name }, url }, response) =>
    answerOrWhyNot(response, () => farPeersOf(daemon, name, queryOf(url).get('range') ?? undefined)),
  );
  router.get(`/${API_VERSION}/survey`, async (_request, response) => {
    const known = await survey();
    if (known) answer(response, 200, known);
    else answer(response, 503, { error: 'what labels come to is not known now' });
  });
  router.get('/health', (_request, response) => {
    const health = healthOf(daemon);
    answer(response, health.healthy ? 200 : 503, health);
  });
  addMetrics(router, metrics);
  return listenerOf(router);
}

/** What the page asks. */
export interface PageAnswers {
  status(): Promise<Status>;
  /** Undefined: no container of that name has labels. */
  rules(name: string): Promise<Rules | undefined>;
  readonly explain: AskWay;
}

/** Adds the page to what is answered. */
export type AddPage = (router: express.Router, answers: PageAnswers) => void;

/** The metrics, and the page of a daemon where one is given. */
export function createMetricsApi(
  metrics: Metrics,
  page?: { readonly daemon: Daemon; readonly add: AddPage },
): RequestListener {
  const router = express.Router();
  addMetrics(router, metrics);
  if (page) {
    const { daemon, add } = page;
    add(router, {
      status: oneAtATime(() => statusOf(daemon)),
      rules: name => rulesOf(daemon, name),
      explain: daemon.explain,
    });
  }
  return listenerOf(router);
}

function addMetrics(router: express.Router, metrics: Metrics): void {
  router.get('/metrics', async (_request, response) =>
    answerText(response, 200, EXPOSITION_TYPE, await metrics.text()),
  );
}

function listenerOf(router: express.Router): RequestListener {
  router.use((request, response) => {
    const path = excerpt(request.url.split('?', 1)[0]!);
    if (request.method === 'GET' || request.method === 'HEAD')
      answer(response, 404, { error: `there is nothing at ${path}` });
    else answer(response, 405, { error: `only GET is answered here, not ${excerpt(request.method)}` });
  });
  const failed: ErrorRequestHandler = (err, _request, response, _next) => {
    // A path that cannot be decoded has a status of its own.
    const { status = 500 } = err as { status?: number };
    answer(response, status, { error: messageOf(err) });
  };
  router.use(failed);
  return (request, response) => router(request as Request, response as Response, () => response.destroy());
}

async function statusOf(daemon: Daemon): Promise<Status> {
  const { version, started, driver, labels } = daemon;
  const hearing = labels?.hearing();
  return {
    version,
    started: started.toISOString(),
    ...healthOf(daemon),
    networks: (await driver?.networks()) ?? [],
    containers: labels?.containers() ?? [],
    ...(hearing && { hearing }),
  };
}

async function rulesOf({ labels }: Daemon, name: string): Promise<Rules | undefined> {
  return name.length <= MAX_NAME ? labels?.rules(name) : undefined;
}

/** Answers with the rules, or that there are none. */
export function answerRules(response: ServerResponse, name: string, known: Rules | undefined): void {
  if (known) answer(response, 200, known);
  else answer(response, 404, { error: `no container ${excerpt(name)} has labels` });
}

/** Answers with the way of a packet to the address in the query's `to`, or why there is none. */
export async function answerWay(
  response: ServerResponse,
  { name, url }: { readonly name: string; readonly url: string },
  explain: AskWay,
): Promise<void> {
  await answerOrWhyNot(response, () => explain(name, queryOf(url).get('to') ?? ''));
}

function queryOf(url: string): URLSearchParams {
  return new URLSearchParams(url.split('?', 2)[1] ?? '');
}

async function farPeersOf({ driver }: Daemon, name: string, range: string | undefined): Promise<FarPeers> {
  if (driver && name.length <= MAX_NAME) return driver.farPeers(name, range);
  throw new UserError(`there is no network ${excerpt(name)} of this driver`, { code: 'ENOENT' });
}

async function answerOrWhyNot(response: ServerResponse, find: () => Promise<object>): Promise<void> {
  try {
    answer(response, 200, await find());
  } catch (err) {
    if (!(err instanceof UserError)) throw err;
    answer(response, STATUS_OF.get(err.code) ?? 409, { error: messageOf(err) });
  }
}

async function inspect({ driver, labels }: Daemon, name: string): Promise<Inspection | undefined> {
  const found = await Promise.all([driver?.inspect(name), labels?.inspect(name)]);
  const first = found.find(one => one?.kind === 'container') ?? found[0];
  if (!first) return undefined;
  // One name may be a container's and a network's; an answer is about one of them.
  const same = found.filter(one => one?.kind === first.kind && one.id === first.id);
  return {
    kind: first.kind,
    name: first.name,
    id: first.id,
    parts: same.flatMap(one => one?.parts ?? []),
    notInForce: same.flatMap(one => one?.notInForce ?? []),
  };
}

function unknown(name: string, { networks, containers }: Status): Problem {
  const endpoints = networks.flatMap(network => network.endpoints);
  const names = [...networks.map(one => one.name), ...endpoints.map(one => one.container)];
  const near = nearest(name, [...containers.map(one => one.name), ...names.filter(one => one !== undefined)]);
  const hint = near === undefined ? 'dwgd status lists them' : `did you mean ${excerpt(near)}?`;
  return {
    error: `there is no network ${excerpt(name)} of this driver, and no container of that name that is on one or has labels: ${hint}`,
  };
}

/** Questions during one are answered by the next: as many as like may ask. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | undefined;
  return () => {
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

export function answer(response: ServerResponse, status: number, body: object): void {
  answerText(response, status, 'application/json', `${JSON.stringify(body)}\n`);
}

export function answerText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
  });
  response.end(text);
}
