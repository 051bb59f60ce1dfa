// The words of a rule as a shell would cut them, each with its place, and the error that points at one. Total: any
// text is cut or refused by RuleError. Not here: what the words mean.

import { quoteAsJson } from '../../../base/text.js';
import { RuleError } from './rule.js';

/** `LINE_MAX` of iptables-restore(8): longer rules are refused by it too. */
const RULE_MAX = 10_240;
/** How much of a word a message shows. */
const SHOWN_MAX = 40;

export interface Token {
  readonly text: string;
  /** Where it begins in the rule, in UTF-16 units. */
  readonly offset: number;
  /** Whether quotes were around it or a part of it: a quoted `!` is no negation. */
  readonly quoted: boolean;
}

/**
 * Cuts a rule into words: white space between them, '…' as it stands, "…" with \ before " and \, and \ before any
 * character outside of quotes.
 * @throws RuleError
 */
export function tokenize(text: string): Token[] {
  if (text.length > RULE_MAX) {
    throw new RuleError(`the rule has ${text.length} characters, and ${RULE_MAX} are the most`, '', 0);
  }
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    if (isSpace(text[at]!)) {
      at++;
      continue;
    }
    const { token, end } = readWord(text, at);
    tokens.push(token);
    at = end;
  }
  return tokens;
}

function readWord(text: string, offset: number): { token: Token; end: number } {
  let word = '';
  let quoted = false;
  let at = offset;
  while (at < text.length && !isSpace(text[at]!)) {
    const char = text[at]!;
    if (char === '"' || char === "'") {
      const { content, end } = readQuoted(text, at, char);
      word += content;
      quoted = true;
      at = end;
      continue;
    }
    if (char === '\\') {
      quoted = true;
      at++;
      if (at === text.length) throw new RuleError('nothing follows the last \\', '\\', at - 1);
    }
    word += text[at];
    at++;
  }
  if (/[\0\p{Surrogate}]/u.test(word)) {
    throw new RuleError(`${show(word)} holds a zero byte or half a character`, word, offset);
  }
  return { token: { text: word, offset, quoted }, end: at };
}

function readQuoted(text: string, offset: number, quote: string): { content: string; end: number } {
  let content = '';
  for (let at = offset + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === quote) return { content, end: at + 1 };
    const next = text[at + 1];
    if (char === '\\' && quote === '"' && (next === '"' || next === '\\')) at++;
    content += text[at];
  }
  const token = text.slice(offset);
  throw new RuleError(`the quote that begins ${show(token)} is not closed`, token, offset);
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

/** A word as it may be printed: in quotes, control characters escaped, at most SHOWN_MAX characters of it. */
export function show(text: string): string {
  const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return quoteAsJson(shown);
}

/** As many whole characters of a text as so many bytes hold. */
export function shorten(text: string, bytes: number): string {
  let kept = '';
  let size = 0;
  for (const letter of text) {
    size += Buffer.byteLength(letter);
    if (size > bytes) break;
    kept += letter;
  }
  return kept;
}

/** Refuses a rule because of a word: `"x" REASON`. @throws RuleError always */
export function refuse(token: Token, reason: string): never {
  throw new RuleError(`${show(token.text)} ${reason}`, token.text, token.offset);
}
