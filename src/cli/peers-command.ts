// The flags of `dwgd peers` on the command line. Not here: what it does (commands/peers.ts), the other commands
// (command-line.ts).

import type { Command, Option } from 'commander';
import type { PeersFlags } from './commands/peers.js';

/** @param socket the option that says where the daemon is */
export function addPeers(root: Command, socket: Option): void {
  root
    .command('peers')
    .description(
      'print what the far end of a network has to know of its containers: public keys and addresses, of those that are there or of a range',
    )
    .exitOverride()
    .argument('<network>', 'its name, or its id')
    .argument('[range]', 'of addresses: one, a network such as 10.0.0.0/28, or 10.0.0.2-10.0.0.9')
    .option('--wg', 'as sections [Peer] for a file of wg(8)')
    .option('--json', 'as JSON')
    .addOption(socket)
    .action(async (network: string, range: string | undefined, flags: PeersFlags) =>
      (await import('./commands/peers.js')).printPeers(network, range, flags),
    );
}
