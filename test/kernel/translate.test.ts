// `dwgd translate --nft`: what libnftables itself says of a rule, and that nothing of it stays.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { kernelTest, run } from '../support/namespace.js';

const cli = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

for (const [args, expected, set] of [
  [['TWINE_INPUT -p tcp --dport 22 -j ACCEPT'], 'TWINE_INPUT tcp dport 22 accept'],
  [
    ['-6', 'TWINE_NAT_POSTROUTING -o wg+ -j MASQUERADE'],
    'TWINE_NAT_POSTROUTING meta nfproto ipv6 oifname "wg*" masquerade',
  ],
  [
    ['TWINE_NAT_PREROUTING -d 10.0.0.1 -p udp -j DNAT --to-destination 10.0.0.2:53'],
    'TWINE_NAT_PREROUTING meta l4proto udp ip daddr 10.0.0.1 dnat ip to 10.0.0.2:53',
  ],
  [['TWINE_INPUT -j TWINE_FORWARD'], 'TWINE_INPUT jump TWINE_FORWARD'],
  [
    ['-4', 'TWINE_INPUT -m recent --update --seconds 90 --name knock'],
    'TWINE_INPUT ip saddr @recent4.90.knock update @recent4.90.knock { ip saddr } counter',
    'recent4.90.knock { type ipv4_addr; size 65535; flags timeout; timeout 90s; }',
  ],
] as readonly (readonly [args: readonly string[], rule: string, set?: string])[]) {
  kernelTest(
    `translate --nft ${args.join(' ')}`,
    () => {
      const before = run('nft', 'list', 'tables');
      assert.equal(
        run(process.execPath, cli, 'translate', '--nft', ...args),
        `${set === undefined ? '' : `add set inet dwgd ${set}\n`}add rule inet dwgd ${expected}\n`,
      );
      assert.equal(run('nft', 'list', 'tables'), before);
    },
    'nft',
  );
}
