// The source as the compiler reads it: what each file imports, exports and names. Not here: what of it is right.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import {
  isCallExpression,
  isExportAssignment,
  isExportDeclaration,
  isExternalModuleReference,
  isIdentifier,
  isImportDeclaration,
  isImportEqualsDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedExports,
  isNamedImports,
  isNamespaceImport,
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  isVariableStatement,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/async';

/** Files by their paths from the root of the project, each with its text. */
export type Tree = ReadonlyMap<string, string>;
/** The same, read. */
export type Syntax = ReadonlyMap<string, SourceFile>;

export interface Import {
  /** A file of the project as its path, all else by its name; COMPUTED where it is no literal. */
  readonly from: string;
  /** Whether nothing of it is there at run time. */
  readonly isOfTypes: boolean;
  /** What is imported by its name there; ALL for the whole, DEFAULT for what has no name. */
  readonly names: readonly string[];
}

export const COMPUTED = 'something that is computed';
export const ALL = '*';
export const DEFAULT = 'default';

const TYPES: readonly SyntaxKind[] = [
  SyntaxKind.ClassDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.EnumDeclaration,
];

/** Reads every file; no other file is asked for. Others that run in this process are not kept waiting. */
export async function readSyntax(tree: Tree): Promise<Syntax> {
  // The compiler asks this process for each file that is not on a disk, which takes longer than all else.
  const home = mkdtempSync(join(tmpdir(), 'dwgd-tree-'));
  const compilerOptions = { noResolve: true, noLib: true, types: [], allowJs: true, module: 'nodenext' };
  const config = join(home, 'tsconfig.json');
  for (const folder of new Set([...tree.keys()].map(dirname)))
    mkdirSync(join(home, folder), { recursive: true });
  for (const [file, text] of tree) writeFileSync(join(home, file), text);
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [...tree.keys()] }));
  const api = new API({ cwd: home });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [config] });
    const { program } = snapshot.getProject(config)!;
    const syntax = new Map<string, SourceFile>();
    for (const file of tree.keys()) syntax.set(file, (await program.getSourceFile(join(home, file)))!);
    return syntax;
  } finally {
    await api.close();
    rmSync(home, { recursive: true });
  }
}

/** Every node of a file, each before those in it. */
export function nodesOf(node: Node): Node[] {
  const nodes: Node[] = [];
  const visit = (one: Node): void => {
    nodes.push(one);
    one.forEachChild(visit);
  };
  visit(node);
  return nodes;
}

/** What a file imports, wherever in it, and in whatever way. */
export function importsOf(file: string, source: SourceFile): Import[] {
  return nodesOf(source).flatMap(node => {
    const found = importIn(node);
    return found ? [{ ...found, from: resolve(file, found.from) }] : [];
  });
}

function resolve(file: string, from: string): string {
  return from.startsWith('.') ? normalize(join(dirname(file), from)).replace(/\.(m|c)?js$/, '.$1ts') : from;
}

function importIn(node: Node): Import | undefined {
  if (isImportDeclaration(node)) {
    const clause = node.importClause;
    const isOfTypes = clause?.phaseModifier === SyntaxKind.TypeKeyword;
    const bindings = clause?.namedBindings;
    const named = bindings && isNamedImports(bindings) ? bindings.elements : [];
    return {
      from: textOf(node.moduleSpecifier),
      isOfTypes:
        isOfTypes || (named.length > 0 && !clause?.name && named.every(({ isTypeOnly }) => isTypeOnly)),
      names: [
        ...(clause?.name ? [DEFAULT] : []),
        ...(bindings && isNamespaceImport(bindings) ? [ALL] : []),
        ...named.map(({ name, propertyName }) => (propertyName ?? name).text),
      ],
    };
  }
  if (isExportDeclaration(node) && node.moduleSpecifier) {
    const named = node.exportClause && isNamedExports(node.exportClause) ? node.exportClause.elements : [];
    return {
      from: textOf(node.moduleSpecifier),
      isOfTypes: node.isTypeOnly || (named.length > 0 && named.every(({ isTypeOnly }) => isTypeOnly)),
      names: named.length > 0 ? named.map(({ name, propertyName }) => (propertyName ?? name).text) : [ALL],
    };
  }
  if (isImportEqualsDeclaration(node) && isExternalModuleReference(node.moduleReference))
    return { from: textOf(node.moduleReference.expression), isOfTypes: node.isTypeOnly, names: [ALL] };
  if (isImportTypeNode(node)) {
    const from = isLiteralTypeNode(node.argument) ? textOf(node.argument.literal) : COMPUTED;
    return { from, isOfTypes: true, names: [ALL] };
  }
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword)
    return { from: textOf(node.arguments[0]), isOfTypes: false, names: [ALL] };
  return undefined;
}

function textOf(node: Node | undefined): string {
  const isLiteral = node && (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node));
  return isLiteral ? node.text : COMPUTED;
}

/** The names that a file exports by itself, and not from another. */
export function exportsOf(source: SourceFile): string[] {
  const imported = new Set(source.statements.flatMap(boundBy));
  return source.statements.flatMap((node): string[] => {
    if (isExportAssignment(node)) return [DEFAULT];
    if (isExportDeclaration(node)) {
      const { moduleSpecifier, exportClause } = node;
      if (moduleSpecifier || !exportClause || !isNamedExports(exportClause)) return [];
      return exportClause.elements
        .filter(({ name, propertyName }) => !imported.has((propertyName ?? name).text))
        .map(({ name }) => name.text);
    }
    if (!isExported(node)) return [];
    if (isVariableStatement(node)) return declaredIn(node);
    const { name } = node as Node & { readonly name?: Node };
    return [name && isIdentifier(name) ? name.text : DEFAULT];
  });
}

/** The classes, interfaces, type aliases and enums of a file, by their names; whether each is a class. */
export function typesOf(source: SourceFile): ReadonlyMap<string, boolean> {
  return new Map(
    source.statements
      .filter(node => TYPES.includes(node.kind))
      .flatMap(node => {
        const { name } = node as Node & { readonly name?: Node };
        return name && isIdentifier(name) ? [[name.text, node.kind === SyntaxKind.ClassDeclaration]] : [];
      }),
  );
}

/** The names that an import gives to what it imports. */
function boundBy(statement: Node): string[] {
  if (!isImportDeclaration(statement)) return [];
  const { name, namedBindings } = statement.importClause ?? {};
  if (namedBindings && isNamedImports(namedBindings))
    return namedBindings.elements.map(element => element.name.text).concat(name?.text ?? []);
  return [
    name?.text ?? [],
    namedBindings && isNamespaceImport(namedBindings) ? namedBindings.name.text : [],
  ].flat();
}

/** Whether a statement begins with `export`. */
function isExported(node: Node): boolean {
  const { modifiers } = node as Node & { readonly modifiers?: readonly Node[] };
  return modifiers?.some(({ kind }) => kind === SyntaxKind.ExportKeyword) ?? false;
}

/** The names that a statement with variables declares, those taken apart included. */
function declaredIn(statement: Node): string[] {
  return nodesOf(statement).flatMap(node => {
    const isDeclaration =
      node.kind === SyntaxKind.VariableDeclaration || node.kind === SyntaxKind.BindingElement;
    const { name } = node as Node & { readonly name?: Node };
    return isDeclaration && name && isIdentifier(name) && isAtTop(node, statement) ? [name.text] : [];
  });
}

/** Whether no function stands between a node and the statement. */
function isAtTop(node: Node, statement: Node): boolean {
  for (let at = node.parent; at && at !== statement; at = at.parent)
    if (at.kind === SyntaxKind.ArrowFunction || at.kind === SyntaxKind.FunctionExpression) return false;
  return true;
}
