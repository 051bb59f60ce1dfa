// A list of JSON in parts, so that a long one need not be read at once. Pure. Not here: where it comes from (api-client.ts).

/** A part has as many entries as fit into so many characters, and one at least. */
const PART_LENGTH = 65_536;
const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c] as const;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/**
 * The entries of a list, part by part, in order; what is no list, as a whole.
 * @throws SyntaxError where the text is not JSON, at the latest with the last part
 */
export function* listParts(text: string): Generator<unknown[], void> {
  const [begin, end] = [text.indexOf('['), text.lastIndexOf(']')];
  const isList = begin >= 0 && end > begin;
  // Whatever else it is, it is one part.
  if (!isList || text.slice(0, begin).trim() !== '' || text.slice(end + 1).trim() !== '') {
    yield JSON.parse(text);
    return;
  }
  let from = begin + 1;
  let [depth, isText] = [0, false];
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isText = !isText;
    else if (isText) at += code === BACKSLASH ? 1 : 0;
    else if (OPENING.has(code)) depth++;
    else if (CLOSING.has(code)) depth--;
    else if (code === COMMA && depth === 0 && at - from >= PART_LENGTH) {
      yield part(text, from, at);
      from = at + 1;
      // Behind a comma there is an entry.
      if (text.slice(from, end).trim() === '') JSON.parse(text);
    }
  }
  yield part(text, from, end);
}

function part(text: string, from: number, to: number): unknown[] {
  return JSON.parse(`[${text.slice(from, to)}]`) as unknown[];
}
