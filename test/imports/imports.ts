import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** One place where a file names a module. */
export interface Import {
  /** What it names, or `undefined` where an expression says so at run time. */
  readonly specifier: string | undefined;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * Reads every form in which TypeScript lets a file name a module: `import` and `export … from` (of types, too),
 * `import x = require()`, `import()`, `require()`, `require.resolve()`, `import('…').Type` and `/// <reference path>`.
 */
export function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const imports: Import[] = source.referencedFiles.map(({ fileName, pos }) => ({
    specifier: fileName.startsWith('.') ? fileName : `./${fileName}`,
    line: lineOf(source, pos),
  }));
  const visit = (node: ts.Node): void => {
    const named = moduleNamedBy(node);
    if (named) {
      const specifier = ts.isStringLiteralLike(named) ? named.text : undefined;
      imports.push({ specifier, line: lineOf(source, named.getStart(source)) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

function moduleNamedBy(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isCallExpression(node) && loadsModule(node.expression)) return node.arguments[0];
  return undefined;
}

function loadsModule(callee: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(callee))
    return isRequire(callee.expression) && callee.name.text === 'resolve';
  return callee.kind === ts.SyntaxKind.ImportKeyword || isRequire(callee);
}

function isRequire(expression: ts.Expression): boolean {
  return ts.isIdentifier(expression) && expression.text === 'require';
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1;
}
