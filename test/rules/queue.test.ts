// NFQUEUE beside iptables-translate(8): both become the same instructions for the kernel, which may have none for
// queues itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { QUEUES } from './queue.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-queue-'));
after(() => rmSync(folder, { recursive: true }));

/** The instructions of a rule as libnftables shows them. */
function instructions(namespace: Namespace, args: readonly string[]): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'exec', namespace.name, 'nft', '--debug=netlink', ...args], {
    encoding: 'utf8',
  });
  return stdout.match(/^ {2}\[.*\]$/gm) ?? [];
}

kernelTest(
  'NFQUEUE is what iptables-translate(8) makes of it',
  async t => {
    const namespace = await Namespace.create(t);
    namespace.exec('nft', 'add', 'table', 'inet', 't');
    namespace.exec('nft', 'add', 'chain', 'inet', 't', 'c');
    for (const text of QUEUES) {
      const [rule] = translateRule(`TWINE_FORWARD ${text}`, { family: 4 }).rules;
      const expr = rule!.expr.slice(1);
      const rules = [{ add: { rule: { family: 'inet', table: 't', chain: 'c', expr } } }];
      const path = join(folder, 'rule.json');
      writeFileSync(path, JSON.stringify({ nftables: rules }));
      const ours = instructions(namespace, ['-j', '-f', path]);
      const line = run('iptables-translate', '-A', 'FORWARD', ...text.split(' '));
      const [, theirs] = /add rule ip filter FORWARD (.*)'/.exec(line) ?? [];
      assert.ok(theirs !== undefined, line);
      const words = theirs.replace('counter ', '').split(' ');
      const wanted = instructions(namespace, ['add', 'rule', 'inet', 't', 'c', ...words]);
      assert.ok(ours.length > 0 && ours.at(-1)!.includes('queue'), text);
      assert.deepEqual(ours, wanted, text);
    }
  },
  'iptables-translate',
  'nft',
);
