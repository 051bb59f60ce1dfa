// Whose verbs a call of Docker's comes to: an exit network is root's alone. What they do to routers is for kernel tests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Exits } from '../../../../src/driver/lifecycle/exits.js';
import { AllNetworks } from '../../../../src/driver/lifecycle/verbs.js';
import { networkRequest, World } from '../../../support/driver-world.js';
import { EXIT, NOTHING_ELSE } from '../../../support/exit-world.js';

function verbs(): { readonly world: World; readonly all: AllNetworks } {
  const world = new World();
  // No router may be touched.
  const exits = new Exits({
    ...{ ...world, ...NOTHING_ELSE },
    ...{ routers: undefined as never, links: undefined as never },
  });
  return { world, all: new AllNetworks(world.store, world.driver, exits, undefined as never) };
}

test('a rootless Docker is refused an exit network by one sentence, and nothing is recorded', async () => {
  const { world, all } = verbs();
  const request = networkRequest({}, { Options: new Map([['dwgd.conf', EXIT.files[0]!]]) });
  await assert.rejects(all.createNetwork(request, 1000), {
    message:
      "dwgd.conf is for root's Docker alone, whose daemon reads the file: use dwgd.pubkey in a rootless Docker",
  });
  assert.deepEqual([world.store.exits(), world.store.owners()], [[], []]);
});

test("a rootless Docker takes away neither root's exit network nor one that is not on record", async () => {
  const { world, all } = verbs();
  world.store.putExit(EXIT);
  for (const id of [EXIT.id, 'f'.repeat(64)]) await all.deleteNetwork(id, 1000);
  assert.deepEqual(
    world.store.exits().map(({ id }) => id),
    [EXIT.id],
  );
});
