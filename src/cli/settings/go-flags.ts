// Flags as Go's flag package takes them, for commander. Not here: what they mean (cli/command-line.ts).

/**
 * The flags of the original's command line: `-d=PATH`, `-v=false`, `-r=false`, `-version`; a boolean takes no next
 * word. Of `pubkey`, `-s=SEED` and `-i=IP`; what stands alone is left as it is: a seed may look like a flag.
 */
export function fromGoFlags(args: readonly string[]): string[] {
  if (args[0] !== undefined && !args[0].startsWith('-')) return fromPubkeyFlags(args);
  return args.flatMap(arg => {
    const match = /^--?([dvr]|version)(?:=(.*))?$/s.exec(arg);
    if (!match) return [arg];
    const [, name, value] = match;
    if (name === 'version') return ['--version'];
    // Without a value after `=` it would be `-r`, which serves everybody: what is empty is refused by its reader.
    if (name === 'r') return value === '' ? ['-r', ''] : [`-r${value ?? 'true'}`];
    if (name === 'd') return value === undefined ? ['-d'] : ['-d', value];
    if (value !== undefined && readGoBoolean(value) === undefined) return [arg];
    // A variable or the file may say otherwise.
    return readGoBoolean(value ?? 'true') ? ['-v'] : ['--no-v'];
  });
}

function fromPubkeyFlags(args: readonly string[]): string[] {
  return args.flatMap((arg, n) => {
    const isValue = /^--?[si]$/.test(args[n - 1] ?? '');
    const match = isValue ? null : /^--?([si])=(.*)$/s.exec(arg);
    return match ? [`-${match[1]}`, match[2]!] : [arg];
  });
}

/** What Go reads as a boolean; undefined for anything else. */
export function readGoBoolean(text: string): boolean | undefined {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  return undefined;
}
