// The page in a real Chromium, by keys and by mouse, wide and narrow, light and dark, with three and with three hundred
// containers, of a daemon whose containers and tunnels are made up. PAGE_SHOTS=folder keeps pictures of what was seen.

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { container } from '../support/label-world.js';
import { networkOf, PageWorld, threeContainers, threeHundred } from '../support/page-world.js';
import { WAY } from '../support/ways.js';

let browser: Browser;

before(async () => {
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});
after(() => browser.close());

interface Look {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
}

/** Opens the page; whatever the browser complains of fails the test, but what is expected. */
async function looking(
  world: PageWorld,
  { width, scheme }: Look,
  work: (page: Page) => Promise<void>,
  expected: readonly RegExp[] = [],
): Promise<void> {
  const { port, close } = await world.open();
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme });
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('request', asked => {
    if (new URL(asked.url()).host !== `127.0.0.1:${port}` || asked.method() !== 'GET')
      elsewhere.push(asked.url());
  });
  try {
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.locator('.cell').first().waitFor();
    await work(page);
    const others = complaints.filter(text => !expected.some(one => one.test(text)));
    assert.deepEqual([others, elsewhere], [[], []]);
  } finally {
    await page.close();
    await close();
  }
}

/** Keeps a picture where one was asked for. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.PAGE_SHOTS;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

const small = (): PageWorld =>
  new PageWorld(threeContainers(), [networkOf('lan', ['wireguard-client', 'backup'])]);
const large = (): PageWorld =>
  new PageWorld(threeHundred(), [
    networkOf('lan', ['vpn-berlin', ...Array.from({ length: 20 }, (_, n) => `agent-${n}`)]),
  ]);
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => document.activeElement?.closest('.cell')?.getAttribute('data-cell') ?? '');
const focusedId = (page: Page): Promise<string> => page.evaluate(() => document.activeElement?.id ?? '');
const cell = (page: Page, name: string) => page.locator(`.cell[data-cell="container ${name}"]`);

for (const [count, world] of [
  ['three', small],
  ['three hundred', large],
] as const) {
  for (const width of [1400, 400]) {
    for (const scheme of ['light', 'dark'] as const) {
      const look = `${count} containers, ${width} pixels wide, ${scheme}`;
      test(`${look}: by keys alone every cell is reached, with a focus that shows, and one is opened and closed`, () =>
        looking(world(), { width, scheme }, async page => {
          await keep(page, look);
          const all = await page.locator('.cell').count();
          assert.ok(all >= (count === 'three' ? 4 : 320), `${all}`);
          for (let n = 0; n < 40 && (await focused(page)) === ''; n++) await page.keyboard.press('Tab');
          await page.keyboard.press('Home');
          const seen = new Set([await focused(page)]);
          for (let n = 1; n < all; n++) {
            await page.keyboard.press('ArrowDown');
            seen.add(await focused(page));
          }
          assert.equal(seen.size, all);
          const stroke = await page.evaluate(() => {
            const box = document.activeElement!.querySelector('.box')!;
            return getComputedStyle(box).strokeWidth;
          });
          assert.equal(stroke, '3px');
          const before = await focused(page);
          await page.keyboard.press('Enter');
          await page.locator('#details h2').waitFor();
          assert.equal(await page.evaluate(() => document.activeElement?.id), 'opened');
          await keep(page, `${look}, open`);
          await page.keyboard.press('Escape');
          await page.locator('#details').waitFor({ state: 'hidden' });
          assert.equal(await focused(page), before);
        }));

      test(`${look}: by mouse what is not in force is found, with its reason and the rules`, () =>
        looking(world(), { width, scheme }, async page => {
          const name = count === 'three' ? 'web' : 'client-57';
          await cell(page, name).click();
          const details = page.locator('#details');
          await details.locator('.problems li').first().waitFor();
          assert.match(
            await details.innerText(),
            /Not in force\s+twine\.route\.\S+\s+the DNS has not answered yet/,
          );
          await page.waitForFunction(() =>
            document.querySelector('#details pre')?.textContent?.startsWith('table inet dwgd {'),
          );
          await details.locator('.close').click();
          await page.locator('#problems button', { hasText: name }).first().click();
          assert.equal(await details.locator('h2').innerText(), name);
        }));

      test(`${look}: the page itself is no wider than the window, and text stands out from what is behind it`, () =>
        looking(world(), { width, scheme }, async page => {
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.equal(wide, width);
          const contrasts = await page.evaluate(contrastsOf);
          assert.deepEqual(
            contrasts.filter(([, ratio]) => ratio < 4.5),
            [],
          );
          assert.ok(contrasts.length > 4);
        }));
    }
  }
}

for (const width of [1400, 400])
  for (const scheme of ['light', 'dark'] as const) {
    const look = `${width} pixels wide, ${scheme}`;
    test(`${look}: by keys alone a way is asked for, and shown step by step with its sentence`, () =>
      looking(small(), { width, scheme }, async page => {
        await cell(page, 'qbittorrent').focus();
        await page.keyboard.press('Enter');
        for (let n = 0; n < 9 && (await focusedId(page)) !== 'to'; n++) await page.keyboard.press('Tab');
        // The slash of a protocol does not lead to the search.
        await page.keyboard.type('203.0.113.5:443/tcp');
        assert.deepEqual(
          [await focusedId(page), await page.inputValue('#to')],
          ['to', '203.0.113.5:443/tcp'],
        );
        await page.keyboard.press('Enter');
        const way = page.locator('#explain');
        await way.getByText('goes by wg0 of wireguard-client').waitFor();
        assert.deepEqual(
          [
            await way.locator('h4').allInnerTexts(),
            await way.locator('ol').first().locator('li').allInnerTexts(),
          ],
          [
            ['qbittorrent', 'wireguard-client'],
            WAY.steps.slice(0, 2).map(({ text, isDoubt }) => `${isDoubt ? '? ' : ''}${text}`),
          ],
        );
        await keep(page, `way, ${look}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
        const contrasts = await page.evaluate(contrastsOf);
        assert.deepEqual(
          contrasts.filter(([, ratio]) => ratio < 4.5),
          [],
        );
        assert.ok(contrasts.some(([name]) => name === 'a doubt'));
        await page.keyboard.press('Escape');
        assert.equal(await focused(page), 'container qbittorrent');
      }));

    test(`${look}: by mouse a mistake is asked for and answered in one sentence, and a way after it`, () =>
      looking(
        small(),
        { width, scheme },
        async page => {
          await cell(page, 'qbittorrent').click();
          await page.locator('#to').click();
          await page.locator('#to').fill('10.0.0.1/sctp');
          const button = page.locator('#explain button');
          // A refusal is an answer, of which the browser complains by itself.
          const complaint = page.waitForEvent('console');
          await button.click();
          assert.match((await complaint).text(), /400/);
          const said = page.locator('#explain p');
          await said.getByText('"10.0.0.1/sctp" is no destination: give an address').waitFor();
          assert.equal(await page.locator('#explain li').count(), 0);
          await keep(page, `way refused, ${look}`);
          await page.locator('#to').fill('203.0.113.5:443');
          await button.click();
          await said.getByText('goes by wg0').waitFor();
          assert.equal(await page.locator('#explain li').count(), 4);
        },
        [/the server responded with a status of 400/],
      ));
  }

/** In the browser: the contrast of each kind of text with what is behind it, as WCAG 2 reckons it. */
function contrastsOf(): [string, number][] {
  const lightness = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map(part => {
      const value = Number(part) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a: string, b: string): number => {
    const [more = 0, less = 0] = [lightness(a), lightness(b)].sort((x, y) => y - x);
    return (more + 0.05) / (less + 0.05);
  };
  const page = getComputedStyle(document.body).backgroundColor;
  const found: [string, number][] = [];
  const add = (
    name: string,
    selector: string,
    behind: (element: Element) => string,
    of: 'color' | 'fill',
  ): void => {
    const element = document.querySelector(selector);
    if (element) found.push([name, ratio(getComputedStyle(element)[of], behind(element))]);
  };
  const box = (element: Element): string =>
    getComputedStyle(element.parentElement!.querySelector('.box')!).fill;
  add('a name', '.cell.well .name', box, 'fill');
  add('a detail', '.cell.well .detail', box, 'fill');
  add('a broken name', '.cell.broken .name', box, 'fill');
  add('a broken detail', '.cell.broken .detail', box, 'fill');
  add('a network', '.cell.network .detail', box, 'fill');
  for (const kind of ['route', 'tunnel', 'forward']) add(kind, `.word.${kind}`, () => page, 'fill');
  const panel = (): string => getComputedStyle(document.querySelector('#details')!).backgroundColor;
  add('a step', '.steps li:not(.doubt)', panel, 'color');
  add('a doubt', '.steps .doubt', panel, 'color');
  add('the end of a way', '#explain p.end', () => page, 'color');
  add(
    'the counts',
    '#counts',
    () => getComputedStyle(document.querySelector('header')!).backgroundColor,
    'color',
  );
  add(
    'the problems',
    '#problems h2',
    () => getComputedStyle(document.querySelector('#problems')!).backgroundColor,
    'color',
  );
  return found;
}

test('a label that breaks shows within two seconds, and its mending too; what is focused stays so', async () => {
  const world = new PageWorld(threeContainers(false), [networkOf('lan', ['backup'])]);
  await looking(world, { width: 1400, scheme: 'light' }, async page => {
    await cell(page, 'qbittorrent').focus();
    assert.equal(await page.locator('.cell.broken').count(), 0);
    world.list(threeContainers());
    await page.locator('.cell.broken[data-cell="container web"]').waitFor({ timeout: 2_000 });
    assert.match(await page.locator('#problems').innerText(), /1 not in force/);
    world.list(threeContainers(false));
    await page.locator('.cell.broken').waitFor({ state: 'detached', timeout: 2_000 });
    assert.equal(await focused(page), 'container qbittorrent');
  });
});

test('traffic and handshakes of a tunnel that is open go on', async () => {
  const world = small();
  await looking(world, { width: 1400, scheme: 'light' }, async page => {
    await cell(page, 'backup').click();
    const details = page.locator('#details');
    assert.match(await details.innerText(), /Received\s+2\.5 MB/);
    world.networks = [networkOf('lan', ['wireguard-client', 'backup'], 50_000_000)];
    await details.getByText(/53 MB · [\d.]+ [kM]B\/s/).waitFor();
  });
});

test('names are text, whatever they look like, and the name of a container does no harm in a path', async () => {
  const name = '<img src=x onerror=alert(1)>"&/..';
  const world = new PageWorld(
    [container(name, { networks: { a: '10.0.0.2' }, labels: { 'twine.nat.interfaces': 'eth0' } })],
    [],
  );
  await looking(world, { width: 1400, scheme: 'light' }, async page => {
    await page.locator('.cell.container').click();
    assert.equal(await page.locator('#details h2').innerText(), name);
    assert.equal(await page.locator('img').count(), 0);
    await page.waitForFunction(() =>
      document.querySelector('#details pre')?.textContent?.startsWith('table inet dwgd {'),
    );
  });
});

test('the search dims what it does not find, and Enter goes to the first that it does', () =>
  looking(large(), { width: 1400, scheme: 'light' }, async page => {
    await page.keyboard.press('/');
    await page.keyboard.type('client-121');
    assert.equal(await page.locator('.cell:not(.dim)').count(), 1);
    await page.keyboard.press('Enter');
    assert.equal(await focused(page), 'container client-121');
  }));

test('a daemon that is gone leaves what was seen last, and says for how long', async () => {
  const world = small();
  const { port, close } = await world.open();
  const page = await browser.newPage();
  try {
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.locator('.cell').first().waitFor();
    await close();
    await page.getByText(/no answer for \d+ s/).waitFor();
    assert.equal(await page.locator('.cell').count(), 6);
  } finally {
    await page.close();
  }
});
