// Which address is asked for a port, by what a provider's file says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import { gatewayOfExit, natpmpGateway } from '../../../../src/driver/exit/natpmp-gateway.js';
import { EXIT, tunnelFile } from '../../../support/exit-world.js';

const file = (addresses: string, allowedIPs = '0.0.0.0/0') => tunnelFile('far', { addresses, allowedIPs });
const shown = (found: ReturnType<typeof gatewayOfExit>): string =>
  found === undefined ? 'nobody' : 'why' in found ? found.why : formatAddress(found.address);

for (const [addresses, gateway] of [
  ['10.2.0.2/32', '10.2.0.1'],
  ['10.2.0.2', '10.2.0.1'],
  ['10.2.0.2/24', '10.2.0.1'],
  ['10.14.39.7/16', '10.14.0.1'],
  ['172.16.5.130/25', '172.16.5.129'],
  ['10.8.0.6/30', '10.8.0.5'],
  ['10.8.0.6/31', '10.8.0.1'],
  ['fd64::2/128, 10.2.0.2/32, 10.3.0.2/32', '10.2.0.1'],
] as const) {
  test(`with the Address ${addresses} it is ${gateway}`, () => {
    assert.equal(shown(natpmpGateway('on', file(addresses))), gateway);
  });
}

for (const [what, found, why] of [
  ['no IPv4', natpmpGateway('on', file('fd64::2/128', '::/0')), 'the file has no Address of IPv4'],
  ['its first address', natpmpGateway('on', file('10.2.0.1/24')), "10.2.0.1 is the tunnel's own address"],
  [
    'AllowedIPs elsewhere',
    natpmpGateway('on', file('10.2.0.2/32', '10.3.0.0/16')),
    'the gateway 10.2.0.1 is not behind the tunnel (AllowedIPs)',
  ],
  [
    'an Address in half of all there are',
    natpmpGateway('on', file('10.2.0.2/1')),
    '0.0.0.1 would be the gateway, no address of a host',
  ],
  [
    'a gateway that is its own',
    natpmpGateway(parseAddress('10.2.0.2')!, file('10.2.0.2/32')),
    "10.2.0.2 is the tunnel's own address",
  ],
] as const) {
  test(`a file with ${what} has none, and it is said why`, () => {
    assert.equal(shown(found), why);
  });
}

test('one that is given is asked, whatever the file says, unless the tunnel does not lead there', () => {
  const given = parseAddress('10.99.0.1')!;
  assert.equal(shown(natpmpGateway(given, file('10.2.0.2/32'))), '10.99.0.1');
  assert.equal(
    shown(natpmpGateway(given, file('10.2.0.2/32', '10.2.0.0/24'))),
    'the gateway 10.99.0.1 is not behind the tunnel (AllowedIPs)',
  );
});

test('a network asks where that is on, over IPv4, and beyond its own subnet', () => {
  const one = file('10.2.0.2/32');
  const { ipv4: _ipv4, ...withoutIPv4 } = EXIT;
  assert.equal(shown(gatewayOfExit(EXIT, one)), 'nobody');
  assert.equal(shown(gatewayOfExit({ ...EXIT, natpmp: 'on' }, one)), '10.2.0.1');
  assert.equal(shown(gatewayOfExit({ ...withoutIPv4, natpmp: 'on' }, one)), 'the network has no IPv4');
  assert.equal(
    shown(gatewayOfExit({ ...EXIT, natpmp: parseAddress('10.66.0.9')! }, one)),
    "the gateway 10.66.0.9 is in the network's own subnet",
  );
});
