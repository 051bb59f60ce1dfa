// What a pure file may not do, found in its syntax: ask the clock, chance, the process or the outside, and keep a state of
// its own. Not here: which files are pure (test/unit/layers.test.ts).
import {
  isCallExpression,
  isClassDeclaration,
  isElementAccessExpression,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isPropertyDeclaration,
  isTypeNode,
  isVariableStatement,
  type Node,
  NodeFlags,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { nodesOf } from './source-tree.js';

/** What is there without an import and makes a result depend on more than what goes in, or does more than return one. */
const GLOBALS: ReadonlySet<string> = new Set([
  ...['process', 'performance', 'console', 'fetch', 'crypto', 'globalThis', 'global', 'require', 'eval'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'Function', 'WebSocket', 'Atomics'],
  ...[
    'SharedArrayBuffer',
    'BroadcastChannel',
    'MessageChannel',
    'EventSource',
    'navigator',
    'FinalizationRegistry',
  ],
]);
/** Members that ask the clock or chance. */
const MEMBERS: ReadonlySet<string> = new Set(['Date.now', 'Math.random']);
/** Methods that change what they are called on. */
const WRITES =
  /^(set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|copy|write\w*|swap\d+)$/;

/** What is impure in a file, in words that follow its name. */
export function impuritiesOf(source: SourceFile): string[] {
  const kept = variablesOf(source);
  return [...new Set(nodesOf(source).flatMap(node => whyImpure(node, kept) ?? []))].concat(
    source.statements.flatMap(node => whyState(node) ?? []),
  );
}

function whyImpure(node: Node, kept: ReadonlySet<string>): string | undefined {
  if (isPropertyDeclaration(node) && hasModifier(node, SyntaxKind.StaticKeyword))
    return `keeps a state of its own: the static field ${node.name.getText()}`;
  if (isIdentifier(node) && isReference(node) && GLOBALS.has(node.text)) return `uses ${node.text}`;
  const text = isPropertyAccessExpression(node) ? node.getText() : '';
  if (MEMBERS.has(text)) return `uses ${text}`;
  if (isIdentifier(node) && node.text === 'Date' && isReference(node) && asksClock(node))
    return 'uses new Date()';
  const written = writtenBy(node);
  return written !== undefined && kept.has(written)
    ? `keeps a state of its own: it writes to ${written}`
    : undefined;
}

/** Whether it is a value, and not the name of a member, of what is declared, or of a type. */
function isReference(node: Node): boolean {
  const { parent } = node;
  if (isTypeNode(parent) || parent.kind === SyntaxKind.QualifiedName) return false;
  const { name, propertyName, kind } = parent as Node & {
    readonly name?: Node;
    readonly propertyName?: Node;
  };
  if (node === propertyName) return false;
  return node !== name || kind === SyntaxKind.ShorthandPropertyAssignment;
}

/** Whether `Date` stands for the time now: not in `new Date(1)`, not in `Date.UTC(…)`. */
function asksClock({ parent }: Node): boolean {
  if (isPropertyAccessExpression(parent)) return false;
  return !isNewExpression(parent) || (parent.arguments?.length ?? 0) === 0;
}

/** The variable that a node writes to, or to a part of. */
function writtenBy(node: Node): string | undefined {
  if (isCallExpression(node) && isPropertyAccessExpression(node.expression)) {
    const { expression, name } = node.expression;
    if (WRITES.test(name.text)) return rootOf(expression);
    const isAssign = /^(Object\.(assign|definePropert(y|ies))|Reflect\.set)$/.test(node.expression.getText());
    return isAssign && node.arguments[0] ? rootOf(node.arguments[0]) : undefined;
  }
  const { operatorToken, left, operator, operand, expression, kind } = node as Node & {
    readonly operatorToken?: Node;
    readonly left?: Node;
    readonly operator?: SyntaxKind;
    readonly operand?: Node;
    readonly expression?: Node;
  };
  const isAssignment =
    operatorToken &&
    operatorToken.kind >= SyntaxKind.FirstAssignment &&
    operatorToken.kind <= SyntaxKind.LastAssignment;
  if (isAssignment && left) return rootOf(left);
  if (kind === SyntaxKind.DeleteExpression && expression) return rootOf(expression);
  const steps = operator === SyntaxKind.PlusPlusToken || operator === SyntaxKind.MinusMinusToken;
  return steps && operand ? rootOf(operand) : undefined;
}

/** The variable at the beginning of `a.b[c]`. */
function rootOf(node: Node): string | undefined {
  if (isPropertyAccessExpression(node) || isElementAccessExpression(node)) return rootOf(node.expression);
  return isIdentifier(node) ? node.text : undefined;
}

/** The names of a file's own variables, functions and classes, which last as long as it. */
function variablesOf(source: SourceFile): ReadonlySet<string> {
  return new Set(
    source.statements.flatMap(node => {
      if (isVariableStatement(node))
        return node.declarationList.declarations.flatMap(({ name }) =>
          nodesOf(name).flatMap(part => (isIdentifier(part) ? [part.text] : [])),
        );
      return isClassDeclaration(node) && node.name ? [node.name.text] : [];
    }),
  );
}

function whyState(node: Node): string | undefined {
  if (!isVariableStatement(node) || (node.declarationList.flags & NodeFlags.Const) !== 0) return undefined;
  const names = node.declarationList.declarations.map(({ name }) => name.getText());
  return `keeps a state of its own: the variable ${names.join(', ')}`;
}

function hasModifier(node: Node, kind: SyntaxKind): boolean {
  const { modifiers } = node as Node & { readonly modifiers?: readonly Node[] };
  return modifiers?.some(modifier => modifier.kind === kind) ?? false;
}
