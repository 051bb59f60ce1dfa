// A hostile user's program: `node attacker.js caller|shifter TARGET`, begun as root and his from the first line on. It prints
// each second what it has counted so far, and ends with its input.
import { become, Counts } from './attack.js';
import { callEverything, type Target } from './caller.js';
import { shiftEverything } from './shifter.js';

const [part, text] = process.argv.slice(2);
const target = JSON.parse(text!) as Target;
become(target.uid);
const counts = new Counts();
const tell = (): boolean => process.stdout.write(`${JSON.stringify(counts.all())}\n`);
setInterval(tell, 1000);
process.stdin.resume().on('end', () => {
  tell();
  process.exit();
});
await (part === 'caller' ? callEverything(target, counts) : shiftEverything(target.uid, counts));
