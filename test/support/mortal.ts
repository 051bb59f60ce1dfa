// A daemon that may die at any moment, and is started again wherever it is needed. Not here: where it dies (faults.ts).
import { daemon, eventually } from './lab.js';

/** Of a step that fails where a death has cut it short. */
const TRIES = 4;

/**
 * A daemon that may die, and is started again wherever it is needed. Each returns how many have died.
 * @param start begins one with an environment, and fails where it dies meanwhile
 * @param patience seconds within which what shall be so must be, and between two looks
 */
export function mortal(
  start: (env: Record<string, string>) => Promise<void>,
  patience: { readonly within: number; readonly every: number },
) {
  const revive = async (): Promise<number> => {
    if (daemon.running()) return 0;
    await start({});
    return 1;
  };
  return {
    revive,
    /** Begins one, and another in place of one that dies while it begins. */
    begin: async (env: Record<string, string> = {}): Promise<number> => {
      try {
        await start(env);
        return 0;
      } catch (err) {
        if (daemon.running()) throw err;
        return revive();
      }
    },
    /** Does what a user does, again where a daemon's death has cut it short. */
    insist: async (step: () => Promise<unknown>): Promise<number> => {
      let deaths = 0;
      let failed: unknown;
      for (let n = 0; n < TRIES; n++) {
        const doing = step().then(
          () => undefined,
          (err: unknown) => err ?? new Error('failed'),
        );
        let isDone = false;
        const done = doing.finally(() => {
          isDone = true;
        });
        // Docker waits for the plugin, which somebody has to start again.
        while (!isDone) {
          await Promise.race([done, new Promise(resolve => setTimeout(resolve, 200))]);
          deaths += await revive();
        }
        failed = await doing;
        if (failed === undefined) return deaths + (await revive());
      }
      throw failed;
    },
    /** Waits until something is so, by whatever daemon lives. */
    reaches: async (check: () => Promise<unknown>): Promise<number> => {
      let deaths = 0;
      await eventually(async () => {
        deaths += await revive();
        await check();
      }, patience);
      return deaths;
    },
  };
}
