// What the sentences of the pages name: commands, flags, options and labels of dwgd are such, targets of make are there. Not
// here: blocks of code (commands.test.ts, blocks.test.ts), paths (paths.test.ts).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Command, CommanderError, Option } from 'commander';
import { program } from '../../../src/cli/command-line.js';
import { fromGoFlags } from '../../../src/cli/settings/go-flags.js';
import { parseExitOptions } from '../../../src/driver/spec/exit-options.js';
import { parseForwards } from '../../../src/driver/spec/forwarded-ports.js';
import { parseOptions } from '../../../src/driver/spec/options.js';
import { decodeLabels } from '../../../src/labels/spec/parse.js';
import { TWINE_CHAINS } from '../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../src/nft/iptables/translate.js';
import { blocksOf, CHECKOUT, PAGES, readPage, spansOf } from '../../support/page-blocks.js';

/** Of earlier versions, too, as what has changed is told there. */
const HISTORY = 'CHANGELOG.md';

/** What stands in back-ticks on the pages, without line breaks; by the text, with its pages. */
function spans(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const page of PAGES.filter(page => page !== HISTORY)) {
    for (const span of spansOf(page)) found.set(span, page);
  }
  return found;
}

/** Lines of blocks that are typed into a shell. */
function lines(): string[] {
  return PAGES.filter(page => page !== HISTORY)
    .flatMap(page => blocksOf(page))
    .filter(({ language }) => ['sh', 'console', 'indented'].includes(language))
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'));
}

/** A command line as words, quotes taken away. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c!);

/** What a place-holder of the pages might be. */
const PLACES: Readonly<Record<string, string>> = {
  '<path>': '/x',
  '<seed>': 's',
  '<address>': '10.0.0.2',
  '<host>': 'unix:///x',
  '<networks>': '10.0.0.0/8',
  '<names>': 'wg0',
  '<seconds>': '1',
  PATH: '/x',
  SEED: 's',
  IP: '10.0.0.2',
  alice: 'daemon',
  bob: 'bin',
};
const filled = (text: string): string =>
  Object.entries(PLACES).reduce(
    (text, [place, value]) => text.replaceAll(new RegExp(`(?<![\\w/])${place}(?!\\w)`, 'g'), value),
    text,
  );

/** Why a command line of dwgd is refused; nothing is done. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const root = program(async () => {});
  const quiet = (command: Command): void => {
    command.action(() => {}).configureOutput({ writeErr: () => {}, writeOut: () => {} });
    command.commands.forEach(quiet);
  };
  quiet(root);
  try {
    await root.parseAsync(fromGoFlags(words), { from: 'user' });
  } catch (err) {
    if (!(err instanceof CommanderError) || err.exitCode !== 0) return (err as Error).message;
  }
  return undefined;
}

/** Whether dwgd or one of its commands has the flag. */
function hasFlag(flag: string): boolean {
  const root = program(async () => {});
  return [root, ...root.commands].some(({ options }) =>
    [...options, new Option('-h, --help')].some(({ short, long }) =>
      [short, long, long?.replace('--', '--no-')].includes(flag),
    ),
  );
}

test('each command of dwgd on the pages is one that it takes', async () => {
  const typed = [...spans().keys(), ...lines()].flatMap(text => {
    const [, command] = /^(?:\$ )?(?:sudo )?dwgd ((?:[a-z]+|-).*)$/.exec(text.replace(/ +#.*$/, '')) ?? [];
    return command === undefined || /…|\]$/.test(command) ? [] : [filled(command.replace(/ >.*$/, ''))];
  });
  assert.ok(typed.length > 20, `${typed.length}`);
  const refused: string[] = [];
  for (const line of typed) {
    const why = await refusal(wordsOf(line));
    // A sentence may name a command without what it needs.
    if (why !== undefined && !/missing required argument|not specified$/.test(why))
      refused.push(`dwgd ${line}: ${why}`);
  }
  assert.deepEqual(refused, []);
});

test('each flag on the pages is one of dwgd, or is known to be another program’s', async () => {
  const others = new Set(
    `--dns --driver-opt --ip --ip-range --ipam-driver --ipv6 --label --mac-address --subnet --aux-address --bridge-accept-fwmark
    --live-restore --pid --network --privileged -p -o -l --to-destination --goto --seed --list --no-docker --shell --exec --long -j -m
    -shm -wal -version`.split(/\s+/),
  );
  const unknown: string[] = [];
  for (const [span, page] of spans()) {
    if (!/^-{1,2}[a-z]/.test(span) || page.startsWith('docs/rules')) continue;
    const [flag] = span.split(/[ =,]/) as [string];
    if (hasFlag(flag)) {
      const why = await refusalOfFlag(span);
      if (why !== undefined) unknown.push(`${page}: ${span}: ${why}`);
    } else if (!others.has(flag)) unknown.push(`${page}: ${span}`);
  }
  assert.deepEqual(unknown, []);
});

/** A flag may be one of any command. */
async function refusalOfFlag(span: string): Promise<string | undefined> {
  // With a place-holder for a value it stands in a table, which is made from the code.
  if (!/[ =]/.test(span) || /[<[]/.test(span)) return undefined;
  const words = wordsOf(filled(span));
  const commands = ['', 'plan x', 'pubkey -i 10.0.0.2', 'translate r', 'explain a b', 'status'];
  const refusals = await Promise.all(commands.map(command => refusal([...wordsOf(command), ...words])));
  return refusals.includes(undefined) ? undefined : refusals[0];
}

/** Labels that a page shows as wrong, with what they are told. */
const WRONG: Readonly<Record<string, RegExp>> = {
  'twine.route.0.0.0.0/0=': /empty/,
  'twine.routes.0.0.0.0/0=vpn': /unknown label: did you mean twine\.route\./,
};

test('each label on the pages is understood, but for those that are shown as wrong', () => {
  const labels = [...spans().keys()].filter(span => /^twine\.[^<…]*=[^<…]*$/.test(span));
  assert.ok(labels.length > 10, `${labels.length}`);
  for (const label of labels) {
    const at = label.indexOf('=');
    const { diagnostics } = decodeLabels('c', new Map([[label.slice(0, at), label.slice(at + 1)]]));
    const told = diagnostics.map(({ message }) => message).join('\n');
    if (WRONG[label]) assert.match(told, WRONG[label], label);
    else assert.equal(told, '', label);
  }
  assert.deepEqual(
    Object.keys(WRONG).filter(label => !labels.includes(label)),
    [],
  );
});

test('each option of a network on the pages is right', () => {
  const base = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' };
  const options = [...[...spans().keys()].join('\n').matchAll(/(?:^|-o )(dwgd\.\w+)=([^\s…<"]+)$/gm)];
  assert.ok(options.length > 4, `${options.length}`);
  for (const [, name, value] of options) {
    if (name === 'dwgd.dns' || name === 'dwgd.natpmp') {
      assert.ok(parseExitOptions(new Map(Object.entries({ 'dwgd.conf': '/x.conf', [name]: value! }))), name);
      continue;
    }
    if (name === 'dwgd.forward') {
      parseForwards(value!);
      continue;
    }
    const { 'dwgd.seed': _, ...seedless } = base;
    assert.ok(
      parseOptions(
        new Map(Object.entries({ ...(name === 'dwgd.seedfile' ? seedless : base), [name!]: value! })),
      ),
      name,
    );
  }
});

test('each docker network create of the pages has options that are right, or place-holders', () => {
  const created = lines().filter(line => /^docker network create .*--driver=dwgd/.test(line));
  assert.ok(created.length >= 4);
  for (const line of created) {
    const words = wordsOf(
      line.replace('the public key of the remote interface', '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M='),
    );
    const options = words.flatMap((word, n) => {
      const pair = words[n - 1] === '-o' ? /^([^=]+)=(.*)$/s.exec(word) : null;
      return pair ? [[pair[1]!, pair[2]!.replaceAll('"', '')] as const] : [];
    });
    assert.ok(parseOptions(new Map(options)), line);
  }
});

test('each target of make on the pages is there', () => {
  const makefile = readFileSync(join(CHECKOUT, 'Makefile'), 'utf8');
  const targets = [...spans().keys(), ...lines()].flatMap(text => {
    const [, target] = /^(?:sudo )?(?:env "PATH=\$PATH" )?make ([a-z-]+)/.exec(text) ?? [];
    return target === undefined ? [] : [target];
  });
  assert.ok(targets.length > 20);
  assert.deepEqual(
    targets.filter(target => !new RegExp(`^${target}:`, 'm').test(makefile)),
    [],
  );
});

/** What the grammar shows of a key or a value, in a label. */
const SHOWN: Readonly<Record<string, string>> = {
  '+': 'twine.nat.interfaces=+',
  '6881-6889': 'twine.nat.forward.6881-6889=web',
  '80,443,6881-6889': 'twine.nat.forward.80,443,6881-6889=web',
  'web:7881-7889': 'twine.nat.forward.6881-6889=web:7881-7889',
  tcp: 'twine.nat.forward.80/tcp=web',
  udp: 'twine.nat.forward.80/udp=web',
  'tcp,udp': 'twine.nat.forward.80/tcp,udp=web',
  '80,443/tcp,53/udp': 'twine.nat.forward.80,443/tcp,53/udp=web',
  '53=dns:53/udp': 'twine.nat.forward.53=dns:53/udp',
  '10.1.0.0/16': 'twine.route.10.1.0.0/16=vpn',
  'fd00::/8': 'twine.route.fd00::/8=vpn',
  '[fd00::2]:80': 'twine.nat.forward.80=[fd00::2]:80',
  'host-gateway': 'twine.route.192.168.0.0/16=host-gateway',
  unreachable: 'twine.route.::/0=unreachable',
  'vpn1,vpn2': 'twine.route.0.0.0.0/0=vpn1,vpn2',
  'web1,web2:80': 'twine.nat.forward.8080=web1,web2:80',
  ',keep': 'twine.nat.forward.80=web,keep',
  ',masquerade': 'twine.nat.forward.80=web,masquerade',
};
/** What it says is none: a label with it is refused. */
const NONE: Readonly<Record<string, string>> = {
  '- label="value"': 'twine.nat.interfaces="wg+"',
  '$(…)': 'twine.nat.interfaces=$(wg)',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: so it stands in a label
  '${…}': 'twine.nat.interfaces=${…}',
  '%i': 'twine.iptables.rule.a=TWINE_FORWARD -i %i -j ACCEPT',
  true: 'twine.nat.interfaces=true',
  false: 'twine.nat.interfaces=false',
  yes: 'twine.route.0.0.0.0/0=yes',
  no: 'twine.route.0.0.0.0/0=no',
  all: 'twine.nat.interfaces=all',
  any: 'twine.nat.in-interfaces=any',
  default: 'twine.nat.interfaces=default',
};

test('each word that the grammar shows is taken, or refused, as it says', () => {
  const reference = readPage('docs/reference.md');
  const [, rules] = reference.split('### Grammar')[1]!.split('### Names')[0]!.split('<!-- end of table -->');
  const shown = [...rules!.matchAll(/`([^`]+)`/g)]
    .map(([, span]) => span!)
    // Classes, single characters that a name may have, and what the other is the wrong form of.
    .filter(span => !/^<|^.$|^A-Z|^-[io]$|^- "label/.test(span) || span === '+');
  assert.deepEqual([...new Set(shown)].sort(), [...Object.keys(SHOWN), ...Object.keys(NONE)].sort());
  const told = (label: string): string =>
    decodeLabels('c', new Map([[label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)]]))
      .diagnostics.map(({ message }) => message)
      .join('\n');
  for (const label of Object.values(SHOWN)) assert.equal(told(label), '', label);
  for (const label of Object.values(NONE)) assert.notEqual(told(label), '', label);
});

test('the chains that the reference lists are those that there are, and each takes a rule', () => {
  const [, table] = readPage('docs/reference.md').split('### `twine.iptables.rule`');
  const chains = [...table!.split('\n### ')[0]!.matchAll(/`(TWINE_[A-Z_]+)`/g)].map(([, name]) => name!);
  assert.deepEqual([...new Set(chains)].sort(), [...TWINE_CHAINS].sort());
  for (const chain of chains) assert.ok(translateRule(`${chain} -p tcp --dport 22 -j RETURN`), chain);
});
