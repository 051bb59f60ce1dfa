// Our text of a table beside that of this machine's nft(8): its releases list the same rules in different words, and take all
// of them; but for some that none takes back, not its own listing either.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type Namespace, run } from './namespace.js';

/** The release whose words src/nft/text has, which is the oldest that the daemon works with. */
const WORDS_OF = '1.0.6';

/** Whether nft(8) is of the release whose words ours are. */
export function listsInOurWords(): boolean {
  return run('nft', '--version').startsWith(`nftables v${WORDS_OF} `);
}

/**
 * Loads a text of ours in place of a table of family inet.
 * @param theirs what nft(8) lists of that table
 * @returns both listings in the words of nft(8), without the lines that it does not take back: they are the same in both, or
 *   have the same comment
 */
export function relist(
  namespace: Namespace,
  table: string,
  text: string,
  theirs: string,
): { own: string; theirs: string } {
  const lines = text.split('\n');
  const listed = theirs.split('\n');
  for (;;) {
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', namespace.name, 'nft', '-f', '-'], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
      input: `delete table inet ${table}\n${lines.join('\n')}`,
    });
    if (status === 0) break;
    const refused = [...stderr.matchAll(/^\S+?:(\d+):\d+-\d+: Error: /gm)].map(
      ([, line]) => Number(line) - 2,
    );
    assert.ok(refused.length > 0, stderr);
    for (const n of new Set(refused)) {
      const [comment = lines[n]!] = / comment "[^"]*"$/.exec(lines[n]!) ?? [];
      const same = listed.indexOf(lines[n]!);
      const at = same >= 0 ? same : listed.findIndex(line => line.endsWith(comment));
      assert.ok(at >= 0, `refused, and not what is listed: ${lines[n]}`);
      listed.splice(at, 1);
      lines[n] = '';
    }
  }
  const own = namespace.exec('env', 'TZ=UTC', 'nft', '-s', 'list', 'table', 'inet', table);
  return { own, theirs: listed.join('\n') };
}
