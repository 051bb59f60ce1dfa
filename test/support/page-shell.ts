// Lines of the pages in a real bash, in which `dwgd` is answered by this process (starting Node.js takes longer than most
// commands do) and `sudo` runs what is behind it. Not here: which lines (page-blocks.ts).
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { AS_ROOT } from './page-blocks.js';
import { runCommand } from './program.js';

/** While a command runs in this process, these are the command's. */
const [PATH, HERE] = [process.env.PATH, process.cwd()];

/** Asks by one descriptor for each command, and reads the answer by another: its status, two lengths, two texts. */
const PRELUDE = `
LC_ALL=C
dwgd() {
  local status outs errs out= err=
  printf '%s\\0' "$#" "$PWD" "$@" >&3
  read -r status outs errs <&4
  if ((outs > 0)); then IFS= read -r -N "$outs" out <&4; fi
  if ((errs > 0)); then IFS= read -r -N "$errs" err <&4; fi
  printf %s "$out"
  printf %s "$err" >&2
  return "$status"
}
`;

interface Printed {
  readonly status: number | null;
  /** What it has printed on either output, in order. */
  readonly printed: string;
}

/** Runs lines in a folder. @param env variables beside PATH */
export async function pageShell(
  lines: string,
  { cwd = '.', env = {} }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Printed> {
  const surroundings = { PATH, ...env };
  const child = spawn('bash', ['-c', `exec 2>&1\n${AS_ROOT}${PRELUDE}${lines}`], {
    cwd: resolve(HERE, cwd),
    env: surroundings,
    stdio: ['ignore', 'pipe', 'inherit', 'pipe', 'pipe'],
  });
  const [, stdout, , asked, answers] = child.stdio as unknown as [null, Duplex, null, Duplex, Duplex];
  let printed = '';
  stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  let open = '';
  asked.setEncoding('utf8').on('data', (text: string) => {
    open += text;
    const words = open.split('\0');
    const count = Number(words[0]);
    if (words.length < count + 3) return;
    open = words.slice(count + 2).join('\0');
    void answer(words.slice(2, count + 2), words[1]!, surroundings).then(reply => answers.write(reply));
  });
  const status = await new Promise<number | null>(resolve => child.on('close', resolve));
  return { status, printed };
}

async function answer(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Buffer> {
  const { status, out, err } = await runCommand(args, { cwd, env });
  const texts = [out, err].map(text => Buffer.from(text));
  return Buffer.concat([Buffer.from(`${status} ${texts.map(text => text.length).join(' ')}\n`), ...texts]);
}
