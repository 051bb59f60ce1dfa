// The command line: the daemon by default, `pubkey`. Not here: what they do, how V8 is set up (cli.ts).

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { messageOf, UserError } from './errors.js';
import { fromGoFlags, readGoBoolean } from './go-flags.js';
import { type Address, parseAddress } from './ip.js';

const DEFAULT_DATABASE = '/var/lib/dwgd.db';
/** Exit status for a command line that cannot be understood, as getopt(3) programs have it. */
const USAGE = 2;

interface DaemonFlags {
  readonly d: string;
  readonly v?: true;
  readonly r: boolean;
}

interface PubkeyFlags {
  readonly s?: string;
  readonly seedfile?: string;
  readonly i: Address;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The value of `-r`. */
function readBoolean(text: string): boolean {
  const value = readGoBoolean(text);
  if (value === undefined) throw new InvalidArgumentError('Give true or false.');
  return value;
}

function readIp(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new InvalidArgumentError('Give an IPv4 or IPv6 address, without a prefix length.');
  return address;
}

function program(): Command {
  const root = new Command('dwgd')
    .description('Docker network driver for WireGuard. Without a command it is the daemon.')
    .helpCommand(false)
    .allowExcessArguments(false)
    // A command's flags are its own: a seed may look like one of the daemon's.
    .enablePositionalOptions()
    .exitOverride()
    .version(version(), '--version', 'print the version')
    .option('-d <path>', 'path of the database; empty: in memory', DEFAULT_DATABASE)
    .option('-v', 'log what is done in detail')
    .option('-r [bool]', 'serve rootless Dockers too; -r=false: only the one of root', readBoolean, true)
    .action(async ({ d, v, r }: DaemonFlags) => {
      const { runDaemon } = await import('./daemon.js');
      await runDaemon({ database: d, verbose: v === true, rootless: r });
    });
  root
    .command('pubkey')
    .description('print the public key that a container of this seed and address has')
    .exitOverride()
    .option('-s <seed>', 'the seed, as given by dwgd.seed')
    .option('--seedfile <path>', 'a file that holds the seed, as given by dwgd.seedfile; - is standard input')
    .requiredOption('-i <ip>', 'the address of the container', readIp)
    .action(printPubkey);
  return root;
}

async function printPubkey({ s, seedfile, i }: PubkeyFlags): Promise<void> {
  if ((s === undefined) === (seedfile === undefined))
    throw new UsageError('give either -s <seed> or --seedfile <path>');
  const seed = s === undefined ? readSeedFile(seedfile!) : Buffer.from(s);
  if (seed.length === 0) throw new UsageError('the seed is empty');
  const { derivePrivateKey, publicKey } = await import('./netlink/key.js');
  process.stdout.write(`${publicKey(derivePrivateKey(seed, i))}\n`);
}

/** The content without its last newline, which is the editor's, as dwgd.seedfile has it; `-` is standard input. */
function readSeedFile(path: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(path === '-' ? 0 : path);
  } catch (err) {
    throw new UsageError(`the seed cannot be read: ${messageOf(err)}`);
  }
  const end = content.at(-1) === 0x0a ? (content.at(-2) === 0x0d ? -2 : -1) : content.length;
  return content.subarray(0, end);
}

/** Carries out the command line of this process; sets its exit status. */
export async function main(): Promise<void> {
  const args = fromGoFlags(process.argv.slice(2));
  // A seed given by -s is not for everybody who lists the processes.
  process.title = 'dwgd';
  try {
    await program().parseAsync(args, { from: 'user' });
  } catch (err) {
    if (err instanceof CommanderError) {
      process.exitCode = err.exitCode === 0 ? 0 : USAGE;
    } else if (err instanceof UsageError) {
      process.stderr.write(`error: ${err.message}\n`);
      process.exitCode = USAGE;
    } else {
      process.stderr.write(`dwgd: ${err instanceof UserError ? err.message : messageOf(err)}\n`);
      process.exit(1);
    }
  }
}

class UsageError extends Error {}
