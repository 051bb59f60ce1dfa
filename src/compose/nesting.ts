// How deep a YAML text is nested, told before it is parsed: for nesting without end the parser takes seconds, and then its
// stack ends, at which V8 may end the process. Pure. Not here: how deep what was parsed is, aliases followed (yaml-tree.ts).

/** What the lexer says before a scalar without quotes. */
const SCALAR = '\u001f';
/** What of its words is not in the text: the same, the begin of a document, an error in flow. */
const MARKS: ReadonlySet<string> = new Set([SCALAR, '\u0002', '\u0018']);
/** A bracket that opens at the begin of a line counts as its line, too. */
const COUNTED_TWICE = 2;

/**
 * Where a text is nested more than so deep, for certain; what is nested a little deeper may be missed.
 * @param lexemes of the text, as yaml's Lexer has them
 * @returns line and column, which count from 1
 */
export function deepPlace(
  text: string,
  lexemes: readonly string[],
  most: number,
): { line: number; column: number } | undefined {
  /** Columns at which something began that lines below may be part of. */
  const columns: number[] = [];
  let [offset, lineStart, brackets] = [0, 0, 0];
  let [isScalar, begins] = [false, true];
  for (const lexeme of lexemes) {
    const isMark = MARKS.has(lexeme);
    if (!isMark && !isScalar && /^[[{]$/.test(lexeme)) brackets++;
    if (!isMark && !isScalar && /^[\]}]$/.test(lexeme)) brackets--;
    if (!isMark && brackets <= 0 && begins && !/^[\s#]/.test(lexeme)) {
      const column = offset - lineStart;
      while (columns.length > 0 && columns.at(-1)! >= column) columns.pop();
      columns.push(column);
    }
    if (columns.length + brackets > most + COUNTED_TWICE)
      return { line: text.slice(0, offset).split('\n').length, column: offset - lineStart + 1 };
    if (!isMark) {
      // Behind a dash or a question mark something may begin, as in a line of its own.
      if (/\S/.test(lexeme)) begins = !isScalar && /^[-?]$/.test(lexeme);
      if (lexeme.endsWith('\n')) begins = true;
      const newline = lexeme.lastIndexOf('\n');
      if (newline >= 0) lineStart = offset + newline + 1;
      offset += lexeme.length;
    }
    isScalar = lexeme === SCALAR;
  }
  return undefined;
}
