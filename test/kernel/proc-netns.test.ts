// A process that has the number of a container's, and is another's: by its cgroup, and by when it began.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { netnsOfContainer } from '../../src/labels/discovery/proc-netns.js';
import { accepting, container, desire, programmer } from '../support/label-namespace.js';
import { kernelTest } from '../support/namespace.js';

const [ID, OTHER] = ['d39d'.padEnd(64, '0'), 'd39d'.padEnd(64, '1')] as const;

kernelTest("a process in another container's cgroup is not the container's", async t => {
  const root = existsSync('/sys/fs/cgroup/cgroup.procs') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
  const cgroup = `${root}/dwgd-test-${process.pid}-${OTHER}`;
  mkdirSync(cgroup);
  const child = spawn('sleep', ['1000']);
  t.after(async () => {
    child.kill();
    await once(child, 'close');
    rmdirSync(cgroup);
  });
  const pid = child.pid!;
  assert.equal(netnsOfContainer({ id: OTHER, pid })?.path, `/proc/${pid}/ns/net`);
  writeFileSync(`${cgroup}/cgroup.procs`, `${pid}`);
  assert.equal(netnsOfContainer({ id: ID, pid }), undefined);
  assert.equal(netnsOfContainer({ id: OTHER, pid })?.path, `/proc/${pid}/ns/net`);
});

kernelTest('nothing is changed in the namespace of a process that began at another time', async t => {
  const { inside } = await container(t);
  const { sandboxes, said } = await programmer(t);
  const desired = desire(inside, { table: accepting(80) });
  const netns = { ...inside.ref, process: { pid: process.pid, startTime: '1' } };
  assert.equal(sandboxes.reconcile({ ...desired, netns }), undefined);
  assert.equal(sandboxes.clear(netns), undefined);
  assert.deepEqual(said, []);
});
