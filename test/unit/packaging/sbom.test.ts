// The list of modules, so that a package can be built again byte by byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reproducible } from '../../../packaging/sbom.js';

const list = (timestamp: string, serial: string, name = 'a') => ({
  bomFormat: 'CycloneDX',
  serialNumber: `urn:uuid:${serial}`,
  metadata: { timestamp, component: { name } },
  components: [],
});

test('two runs give one list, in which is no time', () => {
  const made = reproducible(list('2026-01-01T00:00:00.000Z', '1'));
  assert.deepEqual(made, reproducible(list('2026-02-02T00:00:00.000Z', '2')));
  assert.deepEqual(made.metadata, { component: { name: 'a' } });
});

test('the whole has the name of its package, and not that of the folder', () => {
  const of = (folder: string) => {
    const metadata = { component: { 'bom-ref': 'dwgd@0.1.0', name: folder } };
    return reproducible({ ...list('x', '1'), metadata });
  };
  assert.equal(of('here').metadata.component?.name, 'dwgd');
  assert.deepEqual(of('here'), of('there'));
});

test('another list has another serial number, which is a UUID', () => {
  const one = reproducible(list('x', '1')).serialNumber!;
  assert.match(one, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(one, reproducible(list('x', '1', 'b')).serialNumber);
});

test('with SOURCE_DATE_EPOCH it has that time', () => {
  assert.equal(reproducible(list('x', '1'), '0').metadata.timestamp, '1970-01-01T00:00:00.000Z');
});
