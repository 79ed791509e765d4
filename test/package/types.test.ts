import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../..');
const ENTRY_POINTS = {
  'aurora-dsql-orm': 'src/index.ts',
  'aurora-dsql-orm/typeorm': 'src/typeorm/index.ts',
  'aurora-dsql-orm/sequelize': 'src/sequelize/index.ts',
  'aurora-dsql-orm/sequelize/umzug': 'src/sequelize/umzug.ts',
  'aurora-dsql-orm/migrate': 'src/migrate/index.ts',
  'aurora-dsql-orm/local': 'src/local/index.ts',
};

let program: ts.Program;
let checker: ts.TypeChecker;

beforeAll(() => {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const files = Object.values(ENTRY_POINTS).map((file) => path.join(root, file));
  program = ts.createProgram(files, { ...options, noEmit: true });
  checker = program.getTypeChecker();
});

/** What an entry point exports, by its name. */
function exportsOf(file: string): ts.Symbol[] {
  const source = program.getSourceFile(path.join(root, file));
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${file} exports nothing`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
}

/** The places of `any` in what is written in this package, and not in what a host's types say. */
function anyIn(symbol: ts.Symbol): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node, within: string): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(within);
    // A body is no part of what a user sees.
    if (ts.isBlock(node)) return;
    if (ts.isClassElement(node) && isHidden(node)) return;
    const name = ts.isClassElement(node) || ts.isTypeElement(node) ? node.name?.getText() : undefined;
    ts.forEachChild(node, (child) => {
      visit(child, name === undefined ? within : `${within}.${name}`);
    });
  };
  for (const declaration of symbol.declarations ?? []) {
    const { fileName } = declaration.getSourceFile();
    if (fileName.startsWith(path.join(root, 'src')) && !ts.isVariableDeclaration(declaration)) {
      visit(declaration, symbol.name);
    }
  }
  return found;
}

function isHidden(member: ts.ClassElement): boolean {
  return (
    (member.name !== undefined && ts.isPrivateIdentifier(member.name)) ||
    (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0
  );
}

/** The signature of what an entry point exports. */
function signatureOf(file: string, name: string): ts.Signature {
  const symbol = exportsOf(file).find((each) => each.name === name);
  const declaration = symbol?.declarations?.[0];
  if (symbol === undefined || declaration === undefined) throw new Error(`${file} does not export ${name}`);
  return signatureOfType(checker.getTypeOfSymbolAtLocation(symbol, declaration), name);
}

/** The signature of a method of what a function returns. */
function methodOf(call: ts.Signature, name: string): ts.Signature {
  const method = call.getReturnType().getProperty(name);
  if (method === undefined) throw new Error(`There is no ${name}`);
  return signatureOfType(checker.getTypeOfSymbol(method), name);
}

function signatureOfType(type: ts.Type, name: string): ts.Signature {
  const [signature] = type.getCallSignatures();
  if (signature === undefined) throw new Error(`${name} cannot be called`);
  return signature;
}

/** The names that an editor offers in \`dsql\` of the argument of a call. */
function completions(call: ts.Signature): string[] {
  const [parameter] = call.parameters;
  if (parameter === undefined) throw new Error('It takes nothing');
  const options = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
  const dsql = checker.getPropertiesOfType(options).find(({ name }) => name === 'dsql');
  if (dsql === undefined) throw new Error('It has no dsql');
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(dsql));
  return type.getProperties().map((each) => each.name);
}

it.each(Object.entries(ENTRY_POINTS))('%s exports nothing that is any', (_, file) => {
  const symbols = exportsOf(file);
  expect(symbols.length).toBeGreaterThan(0);
  // The class of a mixin: TypeScript asks for a constructor of `any[]` there.
  expect(symbols.flatMap(anyIn).filter((place) => place !== 'SequelizeClass')).toEqual([]);
});

it.each([
  ['createDsqlDataSource', 'src/typeorm/index.ts'],
  ['createDsqlSequelize', 'src/sequelize/index.ts'],
])('%s offers every option of `dsql` by its name', (name, file) => {
  expect(completions(signatureOf(file, name))).toEqual(
    expect.arrayContaining([
      'region',
      'profile',
      'hostaddr',
      'ormPrefix',
      'retry',
      'nested',
      'commitMarkers',
      'batch',
      'arrays',
      'simplify',
      'rebuild',
      'identityCache',
      'migrations',
    ]),
  );
});

it.each([
  ['createDsqlDataSource', 'src/typeorm/index.ts', 'runMigrations', ['to']],
  ['createDsqlDataSource', 'src/typeorm/index.ts', 'undoLastMigration', []],
  ['createMigrator', 'src/sequelize/umzug.ts', 'up', []],
  ['createMigrator', 'src/sequelize/umzug.ts', 'down', []],
])('what %s of %s returns takes in %s every option of `dsql` by its name', (name, file, method, others) => {
  expect(completions(methodOf(signatureOf(file, name), method)).sort()).toEqual(
    [...others, 'onProgress', 'signal', 'steal', 'whileHeld'].sort(),
  );
});
