// Questions to Docker beside passes: what is kept of an answer that was late, and for how long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type DockerApi, TimeoutError } from '../../../src/docker/api-client.js';
import { Queries } from '../../../src/docker/queries.js';

const PATH = '/containers/gone/json';

/** Answers when they are told to; how often it was asked. */
class SlowDocker {
  asked = 0;
  readonly isClosed = false;
  #answer: (() => void)[] = [];
  get(): Promise<unknown> {
    this.asked++;
    return new Promise(resolve => this.#answer.push(() => resolve({})));
  }
  async answer(): Promise<void> {
    for (const answer of this.#answer.splice(0)) answer();
    for (let n = 0; n < 5; n++) await turn();
  }
}

for (const [what, isGone, asked] of [
  ['is kept for who asks again', () => false, 1],
  ['of a container that is gone is dropped', (path: string) => path === PATH, 2],
] as const) {
  test(`an answer that was late ${what}`, async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const docker = new SlowDocker();
    const queries = new Queries(docker as unknown as DockerApi);
    const late = assert.rejects(
      queries.get(PATH, answer => answer),
      TimeoutError,
    );
    await turn();
    t.mock.timers.tick(3_000);
    await late;
    await docker.answer();
    queries.dropAll(isGone);
    void queries.get(PATH, answer => answer).catch(() => undefined);
    await turn();
    assert.equal(docker.asked, asked);
  });
}
