// JSON that a user other than root sends in place of their Docker. JSON.parse() takes a hundred times as long, and fifty
// times as much memory, for nothing but brackets as for what Docker writes, so the brackets are counted first. Not here:
// how long the text may be (request.ts, driver/plugin/http.ts).

/** Docker nests a description of a network five deep. */
const MOST_DEPTH = 32;
/** Objects and lists: a network has one for each of its endpoints, of which a user may have 1024, and some more. */
const MOST_OBJECTS = 16_384;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [LIST, LIST_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d];

/** @throws SyntaxError for what is no JSON, or is nested or divided as nothing of Docker's is */
export function parseUserJson(text: string): unknown {
  let [depth, objects] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
    } else if (code === LIST || code === OBJECT) {
      if (++depth > MOST_DEPTH || ++objects > MOST_OBJECTS)
        throw new SyntaxError(
          `JSON of more than ${MOST_OBJECTS} objects and lists, or ${MOST_DEPTH} in one another`,
        );
    } else if (code === LIST_END || code === OBJECT_END) {
      depth--;
    }
  }
  return JSON.parse(text);
}

/** Where the string that begins at a quote ends. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) at++;
  }
  return at;
}
