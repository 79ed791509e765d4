import type * as Acorn from 'acorn';
import type { AnyNode, Program } from 'acorn';
import { createRequire } from 'node:module';
import path from 'node:path';

/**
 * Reads code: a module, the text of a function or of a method, or a module in TypeScript where the project has `typescript`.
 *
 * @returns nothing for a text that cannot be read
 */
export function parseCode(code: string): Program | undefined {
  const found = parsed(code) ?? parsed(`(${code}\n)`) ?? parsed(`({${code}\n})`);
  if (found !== undefined) return found;
  const compiled = withoutTypes(code);
  return compiled === undefined ? undefined : parsed(compiled);
}

function parsed(code: string): Program | undefined {
  // Only migrations need it.
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- isRepeatable has no promise to give
  const { parse } = require('acorn') as typeof Acorn;
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true });
  } catch {
    return undefined;
  }
}

/** The slice of TypeScript that is used here. */
interface Compiler {
  readonly ModuleKind: { readonly ESNext: number };
  readonly ScriptTarget: { readonly ESNext: number };
  transpileModule(
    code: string,
    options: object,
  ): { readonly outputText: string; readonly diagnostics?: readonly unknown[] };
}

/** TypeScript as JavaScript; nothing where the project has no compiler, or that cannot read it. */
function withoutTypes(code: string): string | undefined {
  try {
    const load = createRequire(path.join(process.cwd(), 'migrations.js'));
    const compiler = load('typescript') as Compiler;
    const compilerOptions = {
      module: compiler.ModuleKind.ESNext,
      target: compiler.ScriptTarget.ESNext,
    };
    // What it cannot read it corrects, and says so.
    const { outputText, diagnostics } = compiler.transpileModule(code, {
      compilerOptions,
      reportDiagnostics: true,
    });
    return diagnostics?.length === 0 ? outputText : undefined;
  } catch {
    return undefined;
  }
}

/** The nodes right below one. */
export function childrenOf(node: AnyNode): readonly AnyNode[] {
  return Object.values(node as unknown as Record<string, unknown>).flatMap((value) =>
    (Array.isArray(value) ? value : [value]).filter(isNode),
  );
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string';
}
