// Every page that is made from the command tree, by where it lies in a prefix's share. Not here: writing them (write.ts).

import { program } from '../../src/cli/command-line.js';
import { bashCompletion } from './bash.js';
import { type CommandEntry, readCommand } from './command-tree.js';
import { fishCompletion } from './fish.js';
import { manualPages } from './manual.js';
import { zshCompletion } from './zsh.js';

/** Texts by path, such as `man/man1/dwgd.1`. */
export function pagesOf(): Map<string, string> {
  const root = program(async () => {});
  const commands = readCommand(root);
  return new Map([
    ...completions(commands),
    ...[...manualPages(commands, root.version() ?? '')].map(
      ([name, text]) => [`man/man1/${name}`, text] as const,
    ),
  ]);
}

function completions(commands: CommandEntry): [string, string][] {
  return [
    ['bash-completion/completions/dwgd', bashCompletion(commands)],
    ['zsh/vendor-completions/_dwgd', zshCompletion(commands)],
    ['fish/vendor_completions.d/dwgd.fish', fishCompletion(commands)],
  ];
}
