// Text that others chose, made fit for a log, a terminal and an answer: bounded, on one line, and nothing in it that is
// not seen. Each function looks at as many characters as it may print, however long the text is. Not here: texts of
// labels, of which only printable ASCII is shown (plain-text.ts).

/** Of an error's message, in bytes of UTF-8. */
export const MESSAGE_MAX = 1024;
/** Of what a message quotes of somebody's text, in UTF-16 units. */
const EXCERPT_MAX = 80;

/**
 * What is not seen, or turns around what stands beside it: control, format (bidirectional ones, too), private and
 * unassigned characters, halves of one, separators of lines, fillers.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The text with each such character as `\u{…}`. @param which the characters, as a global expression */
export function escapeUnseen(text: string, which = UNSEEN): string {
  return text.replace(which, char => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** As JSON, which lets pass what terminals obey: with each such character as `\uXXXX`. */
export function quoteAsJson(text: string): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(UNSEEN, char => char.split('').map(escaped).join(''));
}

/** The text with each such character as one U+FFFD, so that it keeps its width. */
export function blankUnseen(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** What a message shows of somebody's text: at most 80 characters, and none that is not seen. */
export function excerpt(text: string): string {
  return text.length > EXCERPT_MAX ? `${escapeUnseen(text.slice(0, EXCERPT_MAX))}…` : escapeUnseen(text);
}

/** The text on one line, with nothing that is not seen. @param max bytes of UTF-8; beyond them it ends with `…` */
export function oneLine(text: string, max: number): string {
  // A character is a byte at least: what is left aside here has no room in any case.
  const line = escapeUnseen(text.slice(0, max).replace(/\p{Cc}[\p{Cc} ]*/gu, ' '));
  return truncate(text.length > max ? `${line}…` : line, max);
}

/** The text, cut where it has more bytes, and then with `…` at its end. @param max bytes of UTF-8, 3 at least */
export function truncate(text: string, max: number): string {
  const bytes = Buffer.from(text.slice(0, max + 1));
  if (bytes.length <= max && text.length <= max) return text;
  let end = max - Buffer.byteLength('…');
  // Not within a character: its other bytes begin with the bits 10.
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}
