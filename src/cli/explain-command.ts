// The flags of `dwgd explain` on the command line. Not here: what it does (commands/explain.ts), the other commands
// (command-line.ts).

import type { Command, Option } from 'commander';
import type { ExplainFlags } from './commands/explain.js';

/** @param dockerHost the option that says where Docker is, @param socket the one that says where the daemon is */
export function addExplain(
  root: Command,
  dockerHost: readonly [string, string, (text: string) => string],
  socket: Option,
): void {
  root
    .command('explain')
    .description(
      'print the way that a packet of a container takes: routes, rules, translation, tunnel; changes nothing',
    )
    .exitOverride()
    .argument('<container>', 'its name, or the beginning of its id')
    .argument(
      '<destination>',
      'an address, or a container on one of its networks, with :port and /tcp, /udp or /icmp where wanted',
    )
    .option('--json', 'as JSON')
    .option(...dockerHost)
    .addOption(socket)
    .action(async (name: string, destination: string, flags: ExplainFlags) => {
      const { printExplanation } = await import('./commands/explain.js');
      await printExplanation(name, destination, flags);
    });
}
