// Flags as Go's flag package takes them, for commander. Not here: what they mean (cli.ts).

/**
 * The flags of the original's command line: `-d=PATH`, `-v=false`, `-r=false`, `-version`; a boolean takes no next
 * word. A command's own arguments are left as they are: a seed may look like a flag.
 */
export function fromGoFlags(args: readonly string[]): string[] {
  if (args[0] !== undefined && !args[0].startsWith('-')) return [...args];
  return args.flatMap(arg => {
    const match = /^--?([dvr]|version)(?:=(.*))?$/s.exec(arg);
    if (!match) return [arg];
    const [, name, value] = match;
    if (name === 'version') return ['--version'];
    if (name === 'r') return [`-r${value ?? 'true'}`];
    if (name === 'd') return value === undefined ? ['-d'] : ['-d', value];
    if (value !== undefined && readGoBoolean(value) === undefined) return [arg];
    return readGoBoolean(value ?? 'true') ? ['-v'] : [];
  });
}

/** What Go reads as a boolean; undefined for anything else. */
export function readGoBoolean(text: string): boolean | undefined {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  return undefined;
}
