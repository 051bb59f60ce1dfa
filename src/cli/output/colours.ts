// Whether output has colours: on a terminal, and never where NO_COLOR says so (https://no-color.org). Pure. Not here: which
// (text-table.ts).

/** @param stream what is written to */
export function hasColours(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const isForbidden = env.NO_COLOR !== undefined && env.NO_COLOR !== '';
  return stream.isTTY === true && !isForbidden && env.TERM !== 'dumb';
}
