// Untrusted text made safe for a log, a terminal and an answer: bounded, on one line, invisible characters escaped.
// Each function reads no more characters than it may print, however long the text is. Not here: labels, which are shown
// in printable ASCII only (plain-text.ts).

/** Maximum length of an error's message, in bytes of UTF-8. */
export const MESSAGE_MAX = 1024;
/** Maximum length of a quotation in a message, in UTF-16 units. */
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

/** Lines for a terminal, which obeys some of those characters; tabs stay. */
export function forTerminal(text: string): string {
  return text.replace(/[^\n\t]+/g, part => escapeUnseen(part));
}

/** The text with each such character as `\uXXXX`, for JSON, which leaves terminal control characters as they are. */
export function quoteAsJson(text: string): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text).replace(UNSEEN, char => char.split('').map(escaped).join(''));
}

/** The text with each such character as one U+FFFD, so that it keeps its width. */
export function blankUnseen(text: string): string {
  return text.replace(UNSEEN, '\ufffd');
}

/** An untrusted text as a message quotes it: at most 80 characters, invisible ones escaped. */
export function excerpt(text: string): string {
  return text.length > EXCERPT_MAX ? `${escapeUnseen(text.slice(0, EXCERPT_MAX))}…` : escapeUnseen(text);
}

/** The text on one line, invisible characters escaped. @param max bytes of UTF-8; beyond them it ends with `…` */
export function oneLine(text: string, max: number): string {
  // A character takes at least one byte, so what is cut off here would not fit in any case.
  const line = escapeUnseen(text.slice(0, max).replace(/\p{Cc}[\p{Cc} ]*/gu, ' '));
  return truncate(text.length > max ? `${line}…` : line, max);
}

/** The text, cut where it has more bytes, and then with `…` at its end. @param max bytes of UTF-8, 3 at least */
export function truncate(text: string, max: number): string {
  const bytes = Buffer.from(text.slice(0, max + 1));
  if (bytes.length <= max && text.length <= max) return text;
  let end = max - Buffer.byteLength('…');
  // Do not cut inside a character: its continuation bytes begin with the bits 10.
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}…`;
}
