// The flags of `dwgd plan` on the command line. Not here: what it does (commands/plan.ts), the other commands
// (command-line.ts).

import { type Command, Option } from 'commander';
import type { PlanFlags } from './commands/plan-flags.js';
import { readNetworks } from './settings/flag-values.js';

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** @param dockerHost the option that says where Docker is */
export function addPlan(
  root: Command,
  dockerHost: readonly [string, string, (text: string) => string],
): void {
  root
    .command('plan')
    .description('print what labels would do, of a compose file or of a running container, without doing it')
    .exitOverride()
    .argument(
      '[subject]',
      'a compose file, its folder, or a container; absent: as docker compose finds its file',
    )
    .addOption(
      new Option(
        '-f, --file <path>',
        'a compose file; may be given again, as for docker compose; - is standard input',
      )
        .argParser(collect)
        .default([], 'none'),
    )
    .option('-p, --project-name <name>', "the project's name")
    .addOption(
      new Option('--profile <name>', 'a profile whose services count; may be given again')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      new Option('--allow-host-routes <networks>', 'as the flag of the daemon')
        .argParser(readNetworks)
        .default([], 'none'),
    )
    .option('--strict', 'as the flag of the daemon')
    .option('--trust-image-labels', 'as the flag of the daemon; for a container')
    .option(...dockerHost)
    .option('--json', 'as JSON')
    .action(async (subject: string | undefined, flags: PlanFlags) => {
      const { runPlan } = await import('./commands/plan.js');
      await runPlan(subject, flags);
    });
}
