// A kernel that lacks a module of nftables: what needs none stands, the module is named, and nothing forwards unfiltered.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { scenario, sh } from '../../support/lab.js';
import { programmer } from '../../support/label-namespace.js';
import { container, plan } from '../../support/label-world.js';
import { Namespace } from '../../support/namespace.js';

const BARRED = '/etc/modprobe.d/dwgd-barred.conf';

const GATEWAY = {
  'twine.nat.interfaces': 'wg+',
  'twine.nat.forward.9080': 'web:80',
  'twine.iptables.rule.here': 'TWINE_OUTPUT -m addrtype --dst-type UNICAST -d 192.0.2.1 -j DROP',
  'twine.iptables.rule.keep': 'TWINE_OUTPUT -d 198.51.100.1 -j DROP',
};

/** A gateway is made in a namespace of its own: what came of it, and the ruleset. */
async function gateway(t: TestContext, labels: Readonly<Record<string, string>>) {
  const ns = await Namespace.create(t);
  ns.exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
  const { sandboxes } = await programmer(t);
  const web = container('web', { networks: { main: '10.0.0.3' } });
  const { sandboxes: planned } = plan([container('gw', { networks: { main: '10.0.0.2' }, labels }), web]);
  const outcome = sandboxes.reconcile({ ...planned[0]!, netns: ns.ref })!;
  return {
    failures: outcome.failures,
    told: (outcome.refused ?? []).map(({ key, message }) => `${key}: ${message}`),
    ruleset: ns.exec('nft', 'list', 'ruleset'),
    forwards: ns.exec('cat', '/proc/sys/net/ipv4/ip_forward').trim(),
  };
}

scenario(
  'modules',
  () => {
    test('without nft_fib_inet a gateway filters and masquerades, and the module is named', async t => {
      await sh(`mkdir -p /etc/modprobe.d; echo 'install nft_fib_inet /bin/false' > ${BARRED}`);
      await sh('! grep -q ^nft_fib_inet /proc/modules || rmmod nft_fib_inet');
      const { failures, told, ruleset, forwards } = await gateway(t, GATEWAY);
      assert.deepEqual(failures, []);
      assert.match(ruleset, /oifname "wg\*" .*masquerade/);
      assert.match(ruleset, /chain forward {[^}]*drop/);
      assert.match(ruleset, /ip daddr 198\.51\.100\.1 .*drop/);
      assert.doesNotMatch(ruleset, /fib/);
      assert.equal(forwards, '1');
      assert.equal(told.length, 2, told.join('\n'));
      assert.match(
        told[0]!,
        /^twine\.iptables\.rule\.here: .*what it would have stopped passes.*modprobe nft_fib_inet/,
      );
      assert.match(told[1]!, /^twine\.\*: the kernel lacks the module nft_fib_inet, so no port is forwarded/);
    });

    test('a strict gateway is closed without it', async t => {
      const { ruleset } = await gateway(t, { ...GATEWAY, 'twine.strict': 'true' });
      assert.match(ruleset, /chain strict-output {[^}]*oifname != "lo" drop/);
      assert.match(ruleset, /chain strict-postrouting {[^}]*oifname != "lo" drop/);
    });

    test('with the module all of it is there', async t => {
      await sh(`rm ${BARRED}`);
      const { told, ruleset } = await gateway(t, GATEWAY);
      assert.deepEqual(told, []);
      assert.match(ruleset, /fib daddr . iif type local/);
    });
  },
  { docker: false },
);
