// Starts programs and waits for them, by a shell that lives as long as the test: to fork a process as large as node is takes
// several times as long as a program does.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Its folder: `ask` and `answer` are pipes, a line each; `line` is what to do, `out` and `err` what came of it. */
const LOOP = `
  exec 3< "$1/ask" 4> "$1/answer"
  while read -r _ <&3; do
    . "$1/line" < /dev/null > "$1/out" 2> "$1/err"
    echo $? >&4
  done
  rm -rf "$1"`;

/** A program that ended with another status than 0, as execFileSync() has it. */
export class ProgramError extends Error {
  override name = 'ProgramError';
  constructor(
    command: string,
    readonly status: number,
    readonly stdout: string,
    readonly stderr: string,
  ) {
    super(`Command failed: ${command}\n${stderr}`);
  }
}

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Starter {
  readonly #folder: string;
  readonly #ask: number;
  readonly #answer: number;

  /** The shell stays in the namespaces that this thread is in now. */
  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), 'dwgd-starter-'));
    const [ask, answer] = [join(this.#folder, 'ask'), join(this.#folder, 'answer')];
    execFileSync('mkfifo', [ask, answer]);
    spawn('sh', ['-c', LOOP, 'sh', this.#folder], { stdio: 'ignore' }).unref();
    this.#ask = openSync(ask, 'w');
    this.#answer = openSync(answer, 'r');
  }

  /** What a program prints. @throws ProgramError */
  run(program: string, ...args: string[]): string {
    const { status, stdout, stderr } = this.outcome(program, ...args);
    if (status !== 0) throw new ProgramError([program, ...args].join(' '), status, stdout, stderr);
    return stdout;
  }

  /** Whatever its status is. */
  outcome(program: string, ...args: string[]): Outcome {
    const line = [program, ...args].map(quoted).join(' ');
    writeFileSync(join(this.#folder, 'line'), line);
    writeSync(this.#ask, '\n');
    const bytes = Buffer.alloc(16);
    const length = readSync(this.#answer, bytes);
    if (length === 0) throw new Error(`the shell that runs programs has ended at: ${line}`);
    const status = Number(bytes.toString('latin1', 0, length));
    const [stdout, stderr] = ['out', 'err'].map(name => readFileSync(join(this.#folder, name), 'utf8'));
    return { status, stdout: stdout!, stderr: stderr! };
  }

  /** The shell ends with it. */
  close(): void {
    closeSync(this.#ask);
    closeSync(this.#answer);
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
