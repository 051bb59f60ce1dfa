// The command line: the daemon by default, and commands. Not here: what they do, what a
// flag's value may be (settings/flag-values.ts), how V8 is set up (main.ts).

import { Command, CommanderError, Option } from 'commander';
import { errorCode, messageOf, UserError } from '../base/errors.js';
import { quote } from '../base/plain-text.js';
import { nearest } from '../base/suggest.js';
import { forTerminal } from '../base/text.js';
import { CONTROL_SOCKET } from '../control/paths.js';
import { version } from '../control/version.js';
import type { DaemonOptions, Reread } from '../daemon.js';
import type { InspectFlags } from './commands/inspect.js';
import type { StatusFlags } from './commands/status.js';
import { addExamples } from './examples.js';
import { addExplain } from './explain-command.js';
import { addPeers } from './peers-command.js';
import { addPlan } from './plan-command.js';
import { printPubkey } from './pubkey.js';
import { readDockerHost, readIp, UsageError } from './settings/flag-values.js';
import { addSettings, givenIn } from './settings/flags.js';
import { fromGoFlags } from './settings/go-flags.js';
import { daemonOptions, SETTINGS } from './settings/settings-table.js';
import { resolveSettings } from './settings/sources.js';
import { settingsOfService } from './settings/unit.js';

/** Exit status for a command line that cannot be understood, as getopt(3) programs have it. */
const USAGE = 2;
/** Of <sysexits.h>: the database is damaged, which no other start will fix. The unit knows it. */
const EX_DATAERR = 65;
/** Of what `dwgd seed` prints: as many as a private key has. */
const SEED_BYTES = 32;

interface CleanupFlags {
  readonly v?: true;
  readonly dockerHost?: string;
}

/** What others have commands for. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['logs', 'what the daemon logs is read by journalctl -u dwgd'],
  ['reload', 'systemctl reload dwgd has the daemon read its file again'],
  ['help', 'dwgd --help lists all that there are, and dwgd <command> --help the flags of one'],
  ['version', 'dwgd --version prints it'],
  ['completion', 'the packages install completion for bash, zsh and fish'],
]);

const { flags, meaning } = SETTINGS.find(({ key }) => key === 'docker-host')!;
const DOCKER_HOST = [flags, meaning, readDockerHost] as const;

/**
 * The command tree.
 * @param start what to do with the options of the daemon, where the command line is that of the daemon
 */
export function program(start: (options: DaemonOptions, reread: Reread) => Promise<void>): Command {
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
    .action(async () => {
      const sources = { ...givenIn(root), environment: process.env };
      const reread = async (): Promise<DaemonOptions> =>
        daemonOptions((await resolveSettings(sources)).settings);
      await start(await reread(), reread);
    });
  addSettings(root);
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
      const { settings } = await settingsOfService(dockerHost);
      const at = settings['docker-host'];
      await runCleanup({ verbose: v === true, ...(at !== undefined && { dockerHost: at }) });
    });
  root
    .command('doctor')
    .description('look for what is wrong on this host, and say what helps; changes nothing')
    .exitOverride()
    .option('--json', 'as JSON')
    .option(...DOCKER_HOST)
    .action(runDoctor);
  root
    .command('config')
    .description('print the settings that the service has, or would have, and where each comes from')
    .exitOverride()
    .option('--json', 'as JSON')
    .action(printConfig);
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
  addPeers(root, socketOption());
  addPlan(root, DOCKER_HOST);
  addExplain(root, DOCKER_HOST, socketOption());
  addExamples(root);
  return root;
}

function socketOption(): Option {
  return new Option('--socket <path>', "the daemon's control socket").default(CONTROL_SOCKET);
}

interface DoctorFlags {
  readonly json?: true;
  readonly dockerHost?: string;
}

async function runDoctor({ json, dockerHost }: DoctorFlags): Promise<void> {
  const { printFindings } = await import('./commands/doctor.js');
  if (await printFindings(settingsOfService(dockerHost), dockerHost, json === true)) process.exitCode = 1;
}

async function printConfig({ json }: Pick<DoctorFlags, 'json'>): Promise<void> {
  const { configAsText, configAsJson } = await import('./commands/config.js');
  const resolved = await settingsOfService();
  process.stdout.write(json ? configAsJson(resolved) : configAsText(resolved));
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

async function startDaemon(options: DaemonOptions, reread: Reread): Promise<void> {
  const { runDaemon } = await import('../daemon.js');
  await runDaemon(options, reread);
}

async function printSeed(): Promise<void> {
  // It takes as long to load as all else here.
  const { randomBytes } = await import('node:crypto');
  process.stdout.write(`${randomBytes(SEED_BYTES).toString('base64url')}\n`);
}

/** @throws UsageError where the command line begins with a word that is no command */
function refuseUnknown(word: string | undefined, { commands }: Command): void {
  const names = commands.map(command => command.name());
  if (word === undefined || word.startsWith('-') || names.includes(word)) return;
  const near = nearest(word, names);
  const hint = ELSEWHERE.get(word) ?? (near ? `did you mean ${near}?` : 'dwgd --help lists them');
  throw new UsageError(`there is no command ${quote(word)}: ${hint}`);
}

/** Nobody reads any more what is printed, or it has no room; who has gone away is told nothing. */
function endUnwritten(err: Error): void {
  if (errorCode(err) !== 'EPIPE')
    process.stderr.write(forTerminal(`dwgd: cannot write to standard output: ${messageOf(err)}\n`));
  process.exit(1);
}

/** Carries out the command line of this process; sets its exit status. */
export async function main(): Promise<void> {
  const args = fromGoFlags(process.argv.slice(2));
  // A seed given by -s is not for everybody who lists the processes.
  process.title = 'dwgd';
  process.stdout.on('error', endUnwritten);
  try {
    const root = program(startDaemon);
    refuseUnknown(args[0], root);
    await root.parseAsync(args, { from: 'user' });
  } catch (err) {
    if (err instanceof CommanderError) {
      process.exitCode = err.exitCode === 0 ? 0 : USAGE;
    } else if (err instanceof UsageError) {
      process.stderr.write(forTerminal(`error: ${err.message}\n`));
      process.exitCode = USAGE;
    } else {
      process.stderr.write(forTerminal(`dwgd: ${err instanceof UserError ? err.message : messageOf(err)}\n`));
      process.exit(errorCode(err) === 'EUCLEAN' ? EX_DATAERR : 1);
    }
  }
}
