import ts from 'typescript';

/** What a block has left. */
export interface Ran {
  /** By its name, what the block declares: as it is now. */
  readonly declared: Readonly<Record<string, unknown>>;
  readonly exported: Readonly<Record<string, unknown>>;
  readonly returned: unknown;
}

/** What a block uses and does not define, by its name. */
export type Names = Readonly<Record<string, unknown>>;

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2023,
  esModuleInterop: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};

/** Runs TypeScript as the body of an asynchronous function: with imports, exports, `await` and `return` outside of one. */
export async function runBlock(text: string, names: Names): Promise<Ran> {
  const script = ts.transpileModule(text, { compilerOptions }).outputText;
  const modules = new Map<string, unknown>();
  for (const [, name = ''] of script.matchAll(/\brequire\("([^"]+)"\)/g)) {
    modules.set(name, await import(name));
  }
  let declared: Ran['declared'] = {};
  const exported: Record<string, unknown> = {};
  const parameters: Names = {
    ...Object.fromEntries(Object.entries(names).filter(([name]) => mentions(script, name))),
    require: (name: string) => modules.get(name),
    exports: exported,
    declare: (values: Ran['declared']) => {
      declared = values;
    },
  };
  const getters = declaredBy(text).map((name) => `get ${name}() { return ${name}; }`);
  // A function of its own, because what a block declares may have the name of a parameter.
  const body = `return (async () => { declare({ ${getters.join(', ')} });\n${script}\n})();`;
  const AsyncFunction = runBlock.constructor as new (
    ...source: string[]
  ) => (...values: readonly unknown[]) => Promise<unknown>;
  const returned = await new AsyncFunction(...Object.keys(parameters), body)(...Object.values(parameters));
  return { declared, exported, returned };
}

/** Whether a text has an identifier. */
export const mentions = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

/** The names that a text declares outside of functions. */
function declaredBy(text: string): readonly string[] {
  const { statements } = ts.createSourceFile('block.ts', text, ts.ScriptTarget.ES2023);
  const namesOf = (name: ts.BindingName): readonly string[] =>
    ts.isIdentifier(name)
      ? [name.text]
      : name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesOf(element.name) : []));
  return statements.flatMap((statement) => {
    if (ts.isVariableStatement(statement)) {
      // What is exported is no variable in CommonJS.
      if (statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
      return statement.declarationList.declarations.flatMap(({ name }) => namesOf(name));
    }
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      return statement.name === undefined ? [] : [statement.name.text];
    }
    return [];
  });
}
