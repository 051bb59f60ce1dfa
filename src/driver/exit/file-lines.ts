// The lines of a file of wg(8): sections, keys and their values, as wg and wg-quick take a line apart. Not here: what keys
// mean (file-keys.ts).

/** What a line has beside comments and blanks. */
export type FileLine =
  | { readonly number: number; readonly section: string }
  | {
      readonly number: number;
      /** As written, blanks taken out. */
      readonly key: string;
      readonly value: string;
    }
  | { readonly number: number; readonly key?: undefined };

/** isspace(3), as wg has it. */
const BLANKS = /[\t-\r ]+/g;
const ENDS = /^ | $/g;

/** The lines that say something; a mark of the order of bytes at the beginning is passed over. */
export function* fileLines(text: string): Generator<FileLine> {
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n');
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    const hash = line.indexOf('#');
    const said = (hash < 0 ? line : line.slice(0, hash)).replace(BLANKS, ' ').replace(ENDS, '');
    if (said === '') continue;
    if (said.startsWith('[')) {
      yield { number, section: withoutBlanks(said) };
      continue;
    }
    const equals = said.indexOf('=');
    if (equals < 0) yield { number };
    else
      yield {
        number,
        key: withoutBlanks(said.slice(0, equals)),
        value: said.slice(equals + 1).replace(ENDS, ''),
      };
  }
}

/** wg takes blanks out of everything, keys and addresses too. */
export function withoutBlanks(text: string): string {
  return text.replace(BLANKS, '');
}
