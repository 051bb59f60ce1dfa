// The page at `/`, and what it asks: GET and HEAD alone, under a policy that lets it load and ask nothing from elsewhere.
// Loaded when somebody asks. Not here: what is in the page (document.ts, browser/), the port (control/metrics-port.ts).

import type { ServerResponse } from 'node:http';
import { excerpt } from '../base/text.js';
import { API_VERSION } from '../control/answers.js';
import { type AddPage, answer, answerRules, answerText, answerWay } from '../control/api.js';
import { ASSET_FOLDER, type Asset, loadAssets } from './assets.js';
import { DOCUMENT } from './document.js';
import { isOwnHost } from './host-header.js';

const POLICY = [
  "default-src 'none'",
  ...['script', 'style', 'connect', 'img'].map(kind => `${kind}-src 'self'`),
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** Who may ask for state: the page, whoever types the address, and programs, which say nothing. */
const OWN_SITES: ReadonlySet<unknown> = new Set(['same-origin', 'none', undefined]);

/** Adds the page, which is at an address alone. */
export const addPage: AddPage = (router, { status, rules, explain }) => {
  let assets: Promise<ReadonlyMap<string, Asset>> | undefined;
  router.use(({ headers: { host } }, response, next) => {
    setHeaders(response);
    if (isOwnHost(host)) next();
    else
      answer(response, 421, {
        error: `the page is at an address of this host, or at localhost, not at ${excerpt(host ?? '')}`,
      });
  });
  router.use(`/${API_VERSION}`, ({ headers }, response, next) => {
    if (OWN_SITES.has(headers['sec-fetch-site'])) next();
    else answer(response, 403, { error: 'the page of another site asks: only the page at / may' });
  });
  router.get('/', (_request, response) => answerText(response, 200, 'text/html; charset=utf-8', DOCUMENT));
  router.get(`/${ASSET_FOLDER}/:name`, async ({ params: { name } }, response, next) => {
    assets ??= loadAssets();
    const found = (await assets).get(name);
    if (found) answerText(response, 200, found.type, found.text);
    else next();
  });
  router.get(`/${API_VERSION}/status`, async (_request, response) => answer(response, 200, await status()));
  router.get(`/${API_VERSION}/rules/:name`, async ({ params: { name } }, response) =>
    answerRules(response, name, await rules(name)),
  );
  router.get(`/${API_VERSION}/explain/:name`, async ({ params: { name }, url }, response) =>
    answerWay(response, { name, url }, explain),
  );
};

function setHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
}
