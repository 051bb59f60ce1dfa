// A call that the daemon's end cuts short: Docker sends it again without its body, and the user is told what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNetwork, removeNetwork } from '../support/containers.js';
import { daemon, docker, eventually, scenario } from '../support/lab.js';

const PEER = {
  'dwgd.pubkey': Buffer.alloc(32, 7).toString('base64'),
  'dwgd.endpoint': '192.0.2.1:51820',
  'dwgd.seed': 'a seed of more than sixteen bytes',
};

scenario('cut-short', () => {
  test('docker network create says so, and nothing of it is left', async () => {
    await daemon.start();
    await createNetwork('first', { options: PEER, subnets: ['10.0.1.0/24'] });
    process.kill(daemon.pid(), 'SIGSTOP');
    const creating = createNetwork('second', { options: PEER, subnets: ['10.0.2.0/24'] }).then(
      () => 'created',
      (err: Error) => err.message,
    );
    // Docker has sent it, and waits for an answer.
    await sleep(1_000);
    await daemon.kill9();
    await daemon.start();
    assert.match(
      await creating,
      /CreateNetwork: the request has no body: dwgd was ended or restarted during this call, and Docker repeats it without what it said: create the network again/,
    );
    await createNetwork('second', { options: PEER, subnets: ['10.0.2.0/24'] });
    await removeNetwork('second');
  });

  test('a network whose removal is cut short is taken away all the same', async () => {
    await createNetwork('third', { options: PEER, subnets: ['10.0.3.0/24'] });
    assert.equal(await daemon.rows('network'), 2);
    process.kill(daemon.pid(), 'SIGSTOP');
    const removing = docker.call('DELETE', '/networks/third');
    await sleep(1_000);
    await daemon.kill9();
    await daemon.start();
    await removing;
    await eventually(() => assert.match(daemon.logs(), /call=NetworkDriver\.DeleteNetwork/));
    await eventually(async () => assert.equal(await daemon.rows('network'), 1), { within: 30 });
    await removeNetwork('first');
  });
});
