// Examples of the command line, as the end of each command's `--help`, from where its manual page has them. Not here: the
// commands and their flags (command-line.ts).

import type { Command } from 'commander';

/** A line to type, and what it is for. */
type Example = readonly [line: string, what: string];

/** By what is typed to have the command. */
const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  dwgd: [
    ['dwgd -d /var/lib/dwgd.db', 'the daemon, as its service runs it'],
    ['dwgd -r=1000,1001 --rootless-ifname=wg0', 'serve the rootless Dockers of two users, who may join wg0'],
    ['dwgd --no-driver --docker-host tcp://socket-proxy:2375', 'labels alone, by a socket proxy'],
  ],
  'dwgd status': [
    ['dwgd status', 'networks, peers, labels, and what is not in force'],
    ['dwgd status --watch', 'the same, again every second'],
    ['dwgd status --json | jq .healthy', 'for a program'],
  ],
  'dwgd inspect': [['dwgd inspect qbittorrent', 'what a container is to have beside what it has']],
  'dwgd peers': [
    ['dwgd peers vpn', 'the containers on a network, with the key that the far end has to know of each'],
    ['dwgd peers vpn --wg 10.0.1.0/28', 'sections for the file of the far end, before there are any'],
  ],
  'dwgd doctor': [['dwgd doctor', 'what is wrong on this host, and what helps']],
  'dwgd config': [['dwgd config', 'which settings the service has, and where each comes from']],
  'dwgd plan': [
    [
      'dwgd plan compose.yml',
      'what its labels would do, and each mistake with its line; status 1 where there is one',
    ],
    ['dwgd plan qbittorrent', 'the same of a container that runs; by root'],
  ],
  'dwgd explain': [
    [
      'dwgd explain qbittorrent 203.0.113.7:443',
      'which way a connection to there goes, or who drops it; by root',
    ],
    ['dwgd explain qbittorrent 1.1.1.1:53/udp --json | jq -r .sentence', 'the one sentence, for a program'],
  ],
  'dwgd cleanup': [['dwgd cleanup', 'after the daemon has stopped: take away what labels brought']],
  'dwgd pubkey': [
    [
      'dwgd pubkey --seedfile /etc/dwgd/seed -i 10.0.1.2',
      'the public key that the container at 10.0.1.2 will have',
    ],
  ],
  'dwgd seed': [['dwgd seed > /etc/dwgd/seed', 'a seed file, which only umask 077 keeps to yourself']],
  'dwgd translate': [
    ["dwgd translate 'TWINE_FORWARD -p tcp --dport 22 -j ACCEPT'", 'as JSON, or what is wrong with the rule'],
    ["dwgd translate --nft -4 'TWINE_INPUT -s 10.0.0.0/8 -j DROP'", 'as nft(8) would list it, for IPv4'],
  ],
};

/** Puts its examples at the end of a command's help, and those of its commands at theirs. */
export function addExamples(command: Command, path = command.name()): void {
  const lines = (EXAMPLES[path] ?? []).flatMap(([line, what]) => [`  # ${what}`, `  ${line}`]);
  if (lines.length > 0) command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'));
  for (const child of command.commands) addExamples(child, `${path} ${child.name()}`);
}
