// Variables in the values of a compose file, as compose replaces them: `$NAME`, `${NAME}`, with `:-`, `-`, `:?`, `?`, `:+`,
// `+`; `$$` is a dollar. Pure. Not here: where their values come from (dot-env.ts, the environment).

import { UserError } from '../base/errors.js';
import { quote } from '../base/plain-text.js';

/** Values by name. */
export type Variables = ReadonlyMap<string, string>;
/** The value of a name. */
export type Lookup = (name: string) => string | undefined;

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const MAX_DEPTH = 16;
const MAX_LENGTH = 1 << 20;

/**
 * A variable without a value is empty; its name is handed to `missing`.
 * @throws UserError for what cannot be understood, or asks for a variable that is not set
 */
export function interpolate(
  text: string,
  variables: Lookup,
  missing: (name: string) => void = () => undefined,
  depth = 0,
): string {
  if (!text.includes('$')) return text;
  if (depth > MAX_DEPTH) throw new UserError('variables are nested too deeply');
  let result = '';
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) return bounded(result + text.slice(at));
    result += text.slice(at, dollar);
    const rest = text.slice(dollar + 1);
    if (rest.startsWith('$')) {
      result += '$';
      at = dollar + 2;
    } else if (rest.startsWith('{')) {
      const end = closing(rest);
      if (end < 0) throw new UserError(`${quote(`$${rest}`)} has no closing }: write $$ for a dollar`);
      result += braced(rest.slice(1, end), variables, missing, depth);
      at = dollar + end + 2;
    } else {
      const name = NAME.exec(rest)?.[0];
      if (name === undefined)
        throw new UserError(`${quote(`$${rest}`)} is no variable: write $$ for a dollar`);
      result += lookUp(name, variables, missing);
      at = dollar + 1 + name.length;
    }
    bounded(result);
  }
  return result;
}

function bounded(text: string): string {
  if (text.length > MAX_LENGTH) throw new UserError('a value with its variables is longer than 1 MiB');
  return text;
}

/** Where the brace that the text begins with is closed; -1 where it is not. */
function closing(text: string): number {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') open++;
    if (text[at] === '}' && --open === 0) return at;
  }
  return -1;
}

function braced(text: string, variables: Lookup, missing: (name: string) => void, depth: number): string {
  const name = NAME.exec(text)?.[0];
  const rest = text.slice(name?.length ?? 0);
  const [, operator = '', word = ''] = /^(:?[-?+])(.*)$/s.exec(rest) ?? [];
  if (name === undefined || (rest !== '' && operator === ''))
    throw new UserError(`${quote(`\${${text}}`)} is no variable: write $$ for a dollar`);
  if (operator === '') return lookUp(name, variables, missing);
  const value = variables(name);
  const isSet = value !== undefined && (value !== '' || !operator.startsWith(':'));
  const other = (): string => interpolate(word, variables, missing, depth + 1);
  if (operator.endsWith('+')) return isSet ? other() : '';
  if (isSet) return value;
  if (operator.endsWith('-')) return other();
  throw new UserError(`the variable ${name} is not set${word === '' ? '' : `: ${quote(other())}`}`);
}

function lookUp(name: string, variables: Lookup, missing: (name: string) => void): string {
  const value = variables(name);
  if (value === undefined) missing(name);
  return value ?? '';
}
