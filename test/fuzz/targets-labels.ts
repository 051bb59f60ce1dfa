// Readers of labels and of what Docker tells of containers.
import { UserError } from '../../src/base/errors.js';
import { asJson, explain } from '../../src/cli/translate.js';
import { findHostDns } from '../../src/docker/resolv-conf.js';
import { isOwnStack } from '../../src/labels/discovery/runtimes.js';
import {
  formatDestination,
  parseDestination,
  parseNetwork,
  splitPort,
} from '../../src/labels/spec/destination.js';
import { forwardSubject, forwardTarget, parseForward } from '../../src/labels/spec/forward.js';
import { formatPattern, parsePattern } from '../../src/labels/spec/interface-pattern.js';
import { describeUnknown } from '../../src/labels/spec/label-keys.js';
import { meaningOf, suggestionFor } from '../../src/labels/spec/misspelt.js';
import { decodeLabels } from '../../src/labels/spec/parse.js';
import { BASIC_OPTIONS } from '../../src/nft/iptables/option-names.js';
import { MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { RuleError, TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { ofJson, ofText, type Target } from './target.js';

const USER = { throws: [UserError] } as const;
const RULE_WORDS = [
  ...TWINE_CHAINS,
  ...BASIC_OPTIONS.flatMap(({ letter, names }) => [`-${letter}`, ...names.map(name => `--${name}`)]),
  ...[...MATCHES, ...TARGETS].flatMap(({ name, options }) => [
    ...[name, `-m ${name}`, `-j ${name}`],
    ...options.flatMap(({ names }) => names.map(each => `--${each}`)),
  ]),
  ...[
    '!',
    '10.0.0.0/8',
    'fd00::1',
    '80:90',
    '1/s',
    'NEW,ESTABLISHED',
    '-p tcp',
    '-p udp',
    '-j ACCEPT',
    '0x1/0xff',
  ],
];
const KEY_WORDS = [
  ...[
    'twine.nat.interfaces',
    'twine.nat.in-interfaces',
    'twine.nat.forward.',
    'twine.route.',
    'twine.iptables.rule.',
    'twine.host.routes',
  ],
  ...[
    'twine.strict',
    'twine.',
    '.',
    '0.0.0.0/0',
    '::/0',
    'default',
    '10.0.0.0/8',
    '80/tcp',
    'eth0',
    'wg+',
    'web:80',
  ],
  ...['[fd00::2]:80', '192.0.2.1', ',', 'true', 'routes'],
];

function rule(text: string): void {
  try {
    const translated = translateRule(text);
    asJson(translated);
  } catch (err) {
    if (err instanceof RuleError) explain(text, err);
    throw err;
  }
}

/** Labels are texts by the time that they are read. */
function labels(tree: unknown): void {
  const entries = typeof tree === 'object' && tree !== null ? Object.entries(tree) : [];
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const { diagnostics } = decodeLabels('web', new Map(texts));
  const bug = diagnostics.find(({ message }) => message.startsWith('the label cannot be read: '));
  if (bug) throw new Error(bug.message);
}

export const LABEL_TARGETS: readonly Target[] = [
  ofJson('labels', labels, { throws: [], words: [...KEY_WORDS, ...RULE_WORDS], max: 128 * 1024 }),
  ofText('label-key', key => describeUnknown(key, suggestionFor(meaningOf(key))), { words: KEY_WORDS }),
  ofText(
    'destination',
    text => {
      const { host, port } = splitPort(text);
      const again = splitPort(formatDestination(parseDestination(host), port));
      parseDestination(again.host);
    },
    { ...USER, words: KEY_WORDS },
  ),
  ofText(
    'forward',
    text => {
      const [name = '', value = 'web'] = text.split('=');
      for (const forward of parseForward('key', name, value))
        parseForward('key', forwardSubject(forward).replace(' ', '.'), forwardTarget(forward));
    },
    { ...USER, words: KEY_WORDS },
  ),
  ofText('destination-name', parseDestination, { ...USER, words: KEY_WORDS }),
  ofText('route-network', parseNetwork, { ...USER, words: KEY_WORDS }),
  ofText('interface-pattern', text => parsePattern(formatPattern(parsePattern(text))), {
    ...USER,
    words: KEY_WORDS,
  }),
  ofText('rule', rule, { throws: [RuleError], words: RULE_WORDS }),
  ofText(
    'resolv-conf',
    text => {
      const [container, host, resolved] = text.split('\0');
      return findHostDns({ container, hasOwnDns: false, host, resolved });
    },
    { words: ['nameserver ', '127.0.0.11', '127.0.0.53', '\0', '# ExtServers: [', 'host(', ')]', '\n'] },
  ),
  ofText('runtime', isOwnStack, { words: ['runsc', 'kata', '/', '.', '-', 'v2'] }),
];
