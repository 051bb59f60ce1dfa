// libnftables waits by select(2), which knows 1024 descriptors: with more of them open, glibc would end the daemon.
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { Nft } from '../../src/nft/client.js';
import { createTable } from '../../src/nft/table.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const FD_SETSIZE = 1024;
const TABLE = { family: 'inet', name: 'test', sets: [], chains: [] } as const;

kernelTest('with 1024 descriptors open a change is refused, and the process lives on', async t => {
  const ns = await Namespace.create(t);
  const nft = new Nft();
  t.after(() => nft.close());
  const open: number[] = [];
  t.after(() => open.forEach(fd => void closeSync(fd)));
  while ((open.at(-1) ?? 0) < FD_SETSIZE) open.push(openSync('/dev/null', 'r'));
  ns.within(() => {
    assert.throws(() => nft.apply(createTable(TABLE), 'a test'), { name: 'OpError', code: 'EMFILE' });
    for (const fd of open.splice(0)) closeSync(fd);
    nft.apply(createTable(TABLE), 'a test');
  });
});
