// The command line: the daemon by default, `pubkey`, `seed`, `cleanup`, `translate`, `status`, `inspect`. Not here: what they do, what a
// flag's value may be (flag-values.ts), how V8 is set up (main.ts).

import { Command, CommanderError, Option } from 'commander';
import { errorCode, messageOf, UserError } from '../base/errors.js';
import type { Prefix } from '../base/ip.js';
import type { MetricsAddress } from '../control/metrics-port.js';
import { CONTROL_SOCKET } from '../control/paths.js';
import { version } from '../control/version.js';
import type { DaemonOptions } from '../daemon.js';
import { DEFAULT_DOCKER_HOST } from '../docker/docker-host.js';
import type { InspectFlags } from './commands/inspect.js';
import type { StatusFlags } from './commands/status.js';
import {
  readDockerHost,
  readIp,
  readLinkNames,
  readMetricsAddress,
  readNetworks,
  readRootless,
  readSeconds,
  UsageError,
} from './flag-values.js';
import { fromGoFlags } from './go-flags.js';
import { addPlan } from './plan-command.js';
import { printPubkey } from './pubkey.js';

const DEFAULT_DATABASE = '/var/lib/dwgd.db';
/** Exit status for a command line that cannot be understood, as getopt(3) programs have it. */
const USAGE = 2;
/** Of <sysexits.h>: the database is damaged, which no other start will fix. The unit knows it. */
const EX_DATAERR = 65;
/** Of what `dwgd seed` prints: as many as a private key has. */
const SEED_BYTES = 32;

interface DaemonFlags {
  readonly d: string;
  readonly v?: true;
  readonly r: boolean | readonly number[];
  readonly rootlessIfname: readonly string[];
  readonly driver: boolean;
  readonly labels: boolean;
  readonly dockerHost?: string;
  readonly trustImageLabels?: true;
  readonly allowHostRoutes: readonly Prefix[];
  readonly strict?: true;
  readonly lookInterval: number;
  readonly metrics?: MetricsAddress;
}

interface CleanupFlags {
  readonly v?: true;
  readonly dockerHost?: string;
}

const DOCKER_HOST = [
  '--docker-host <host>',
  `where Docker's API is: unix:///path or tcp://host:port; absent: DOCKER_HOST, else ${DEFAULT_DOCKER_HOST}`,
  readDockerHost,
] as const;

/**
 * The command tree.
 * @param start what to do with the options of the daemon, where the command line is that of the daemon
 */
export function program(start: (options: DaemonOptions) => Promise<void>): Command {
  const root = new Command('dwgd')
    .description(
      'Docker network driver for WireGuard; applies container labels. Without a command it is the daemon.',
    )
    .helpCommand(false)
    .allowExcessArguments(false)
    // A command's flags are its own: a seed may look like one of the daemon's.
    .enablePositionalOptions()
    .exitOverride()
    .version(version(), '--version', 'print the version')
    .option(
      '-d <path>',
      'the database; empty: in memory, where networks are adopted from Docker again at each start',
      DEFAULT_DATABASE,
    )
    .option('-v', "log each of Docker's calls, and each change as the ip or wg line that would make it")
    .option(
      '-r [users]',
      'serve rootless Dockers too; -r=false: only the one of root; -r=alice,1001: those of these users',
      readRootless,
      true,
    )
    .addOption(
      new Option(
        '--rootless-ifname <names>',
        'interfaces of this host that rootless Dockers may join by dwgd.ifname, separated by commas',
      )
        .argParser(readLinkNames)
        .default([], 'none'),
    )
    .option('--no-driver', 'do not be a network driver: labels only')
    .option('--no-labels', 'leave container labels alone: the driver only')
    .option(...DOCKER_HOST)
    .option('--trust-image-labels', "let labels that come with a container's image count")
    .addOption(
      new Option(
        '--allow-host-routes <networks>',
        'networks that twine.host.routes may name though they are wide or hold an address in use, separated by commas',
      )
        .argParser(readNetworks)
        .default([], 'none'),
    )
    .option('--strict', 'every labelled container is as if it had twine.strict=true')
    .option(
      '--look-interval <seconds>',
      'how often every namespace is read again, even without a Docker event',
      readSeconds,
      30,
    )
    .option(
      '--metrics <address>',
      "a port, or addr:port, where Prometheus may scrape by TCP; without an address it is the host's loopback",
      readMetricsAddress,
    )
    .action((flags: DaemonFlags) => start(readDaemonFlags(flags)));
  root
    .command('cleanup')
    .description(
      'remove everything that labels created, in all containers and on the host, and print what was removed where',
    )
    .exitOverride()
    .option('-v', 'log what is done in detail')
    .option(...DOCKER_HOST)
    .action(async ({ v, dockerHost }: CleanupFlags) => {
      const { runCleanup } = await import('../daemon.js');
      await runCleanup({ verbose: v === true, ...(dockerHost !== undefined && { dockerHost }) });
    });
  root
    .command('pubkey')
    .description('print the public key that a container of this seed and address has')
    .exitOverride()
    .option('-s <seed>', 'the seed, as given by dwgd.seed')
    .option('--seedfile <path>', 'a file that holds the seed, as given by dwgd.seedfile; - is standard input')
    .requiredOption('-i <ip>', 'the address of the container', readIp)
    .action(printPubkey);
  root
    .command('seed')
    .description('print a new seed for dwgd.seed or a seed file: 32 random bytes in base64url')
    .exitOverride()
    .action(printSeed);
  root
    .command('translate')
    .description('print what becomes of a rule of iptables, as the label twine.iptables.rule.<name> has it')
    .exitOverride()
    .argument('<rule>', "such as 'TWINE_INPUT -p tcp --dport 22 -j ACCEPT', as one word")
    .option('-4', 'for IPv4 only')
    .option('-6', 'for IPv6 only')
    .option('--nft', 'as commands of nft(8) instead of JSON')
    .action(printTranslation);
  root
    .command('status')
    .description(
      'print what a running daemon does: networks, endpoints, peers, and labels that are not in force',
    )
    .exitOverride()
    .option('--watch', 'print it again every second, until interrupted')
    .option('--json', 'as JSON')
    .addOption(socketOption())
    .action(async (flags: StatusFlags) => (await import('./commands/status.js')).printStatus(flags));
  root
    .command('inspect')
    .description('print what a container or network is to have beside what it has, difference by difference')
    .exitOverride()
    .argument('<name>', 'of the container or network, or its id')
    .option('--json', 'as JSON')
    .addOption(socketOption())
    .action(async (name: string, flags: InspectFlags) =>
      (await import('./commands/inspect.js')).printInspection(name, flags),
    );
  addPlan(root, DOCKER_HOST);
  return root;
}

function socketOption(): Option {
  return new Option('--socket <path>', "the daemon's control socket").default(CONTROL_SOCKET);
}

interface TranslateFlags {
  readonly 4?: true;
  readonly 6?: true;
  readonly nft?: true;
}

async function printTranslation(text: string, flags: TranslateFlags): Promise<void> {
  if (flags[4] && flags[6])
    throw new UsageError('give -4 or -6, not both: without them the rule is for both');
  const family = flags[4] ? 4 : flags[6] ? 6 : undefined;
  const { translateRule } = await import('../nft/iptables/translate.js');
  const { RuleError } = await import('../nft/iptables/syntax/rule.js');
  const { asJson, asNft, explain } = await import('./translate.js');
  try {
    const rule = translateRule(text, family === undefined ? {} : { family });
    process.stdout.write(flags.nft ? asNft(rule) : asJson(rule));
  } catch (err) {
    if (!(err instanceof RuleError)) throw err;
    process.stderr.write(explain(text, err));
    process.exitCode = USAGE;
  }
}

/** What the flags ask of the daemon. @throws UsageError when they contradict each other */
function readDaemonFlags(flags: DaemonFlags): DaemonOptions {
  const { d, v, r, rootlessIfname, driver, labels } = flags;
  const { dockerHost, trustImageLabels, allowHostRoutes, strict, lookInterval, metrics } = flags;
  if (!driver && !labels) throw new UsageError('give --no-driver or --no-labels, not both: nothing is left');
  return {
    database: d,
    verbose: v === true,
    rootless: r,
    rootlessIfnames: rootlessIfname,
    driver,
    ...(dockerHost !== undefined && { dockerHost }),
    ...(metrics && { metrics }),
    ...(labels && {
      labels: {
        trustImageLabels: trustImageLabels === true,
        allowHostRoutes,
        strict: strict === true,
        resyncInterval: lookInterval * 1000,
      },
    }),
  };
}

async function startDaemon(options: DaemonOptions): Promise<void> {
  const { runDaemon } = await import('../daemon.js');
  await runDaemon(options);
}

async function printSeed(): Promise<void> {
  // It takes as long to load as all else here.
  const { randomBytes } = await import('node:crypto');
  process.stdout.write(`${randomBytes(SEED_BYTES).toString('base64url')}\n`);
}

/** Carries out the command line of this process; sets its exit status. */
export async function main(): Promise<void> {
  const args = fromGoFlags(process.argv.slice(2));
  // A seed given by -s is not for everybody who lists the processes.
  process.title = 'dwgd';
  try {
    await program(startDaemon).parseAsync(args, { from: 'user' });
  } catch (err) {
    if (err instanceof CommanderError) {
      process.exitCode = err.exitCode === 0 ? 0 : USAGE;
    } else if (err instanceof UsageError) {
      process.stderr.write(`error: ${err.message}\n`);
      process.exitCode = USAGE;
    } else {
      process.stderr.write(`dwgd: ${err instanceof UserError ? err.message : messageOf(err)}\n`);
      process.exit(errorCode(err) === 'EUCLEAN' ? EX_DATAERR : 1);
    }
  }
}
