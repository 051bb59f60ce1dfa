// Runs scenarios inside the guest, all in this one process: under emulation a node of its own for each file, as
// `node --test` starts it, costs more than most tests. Started by guest-init with the names as arguments.
import { test } from 'node:test';

for (const name of process.argv.slice(2)) {
  try {
    await import(`./scenarios/${name}.js`);
  } catch (error) {
    test(`${name} can be loaded`, () => {
      throw error;
    });
  }
}
