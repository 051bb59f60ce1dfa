// `npm sbom … | node dist/packaging/sbom.js`: the list without what differs from one run to the next, so that packages
// can be built again byte by byte. With SOURCE_DATE_EPOCH it has that time.

import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';

interface Sbom {
  serialNumber?: string;
  metadata: { timestamp?: string; component?: { 'bom-ref'?: string; name: string } };
}

/** The list with a serial number made of its content, and no time but that of the source. */
export function reproducible(list: Sbom, sourceDate?: string): Sbom {
  const { serialNumber: _, metadata, ...rest } = list;
  const { timestamp: __, ...others } = metadata;
  // npm names the whole by its folder; the reference is `name@version`.
  const named = /^(.+)@/.exec(others.component?.['bom-ref'] ?? '')?.[1];
  if (others.component && named) others.component = { ...others.component, name: named };
  const hash = createHash('sha256')
    .update(JSON.stringify([others, rest]))
    .digest('hex');
  // A UUID of version 8: its bits are ours to choose.
  const uuid = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ];
  const timestamp = sourceDate && new Date(Number(sourceDate) * 1000).toISOString();
  return {
    ...rest,
    serialNumber: `urn:uuid:${uuid.join('-')}`,
    metadata: { ...(timestamp && { timestamp }), ...others },
  };
}

async function main(): Promise<void> {
  const list = JSON.parse(await text(process.stdin)) as Sbom;
  const made = reproducible(list, process.env.SOURCE_DATE_EPOCH);
  process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
}

if (process.argv[1] === __filename) void main();
