import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { connectionOptions, type OptionDescriptor, type OptionTable } from '../../src/connection';
import { endpointPolicyOptions } from '../../src/connection/endpoints/endpoint-policy';
import { batchesOptions, transactionDefaults, transactionOptions } from '../../src/occ';
import { mappingOptions } from '../../src/schema';

/**
 * The options of this package stand in tables of the source, and everything else that names them follows from these. Here
 * the documents and the comments are compared with them.
 */

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The cells of the first table under a heading. */
function tableUnder(file: string, heading: string): string[][] {
  const [, section = ''] = read(file).split(`\n${heading}\n`);
  const lines = section.split('\n');
  const start = lines.findIndex((line) => line.startsWith('| option'));
  const rows = lines.slice(start + 2);
  const cells = rows.slice(
    0,
    rows.findIndex((line) => !line.startsWith('|')),
  );
  return cells.map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The default as a text, where it is one value. */
function defaultOf({ defaultValue }: OptionDescriptor): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof defaultValue)
    ? (defaultValue as string | number | boolean).toString()
    : undefined;
}

function shownDefault(option: OptionDescriptor): string {
  const { defaultValue, environment = [], otherwise } = option;
  const value = defaultOf(option);
  const shown = typeof defaultValue === 'number' ? value : value && `\`${value}\``;
  const variables = environment.map((variable) => `\`${variable}\``);
  return [otherwise, ...variables, shown].filter((part) => part !== undefined).join(', ');
}

const rowsOf = (table: OptionTable) =>
  Object.entries(table).map(([name, descriptor]) => [
    `\`${name}\``,
    descriptor.meaning,
    shownDefault(descriptor),
  ]);

it.each<[string, string, string, OptionTable]>([
  ['of a connection', 'docs/connecting.md', '## Options', connectionOptions],
  ['of endpointPolicy', 'docs/connecting.md', '## Several Regions', endpointPolicyOptions],
  ['of a transaction', 'docs/transactions.md', '## Options', transactionOptions],
  ['of the mapping', 'docs/sequelize.md', '## Four ways in', mappingOptions],
])('%s the documents list as the table does', (_, file, heading, table) => {
  expect(tableUnder(file, heading)).toStrictEqual(rowsOf(table));
});

it('names the parameters of a connection string', () => {
  const parameters = Object.values<OptionDescriptor>(connectionOptions).flatMap(
    ({ parameter }) => parameter ?? [],
  );
  const [, sentence = ''] =
    /A connection string \(.*?\) may carry (.*?)\.\n/s.exec(read('docs/connecting.md')) ?? [];
  expect([...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toStrictEqual(parameters);
});

/** The TSDoc comments of the properties of an object in a source file. */
function commentsIn(file: string, name: string): ReadonlyMap<string, string> {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  const comments = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && node.name.getText() === name) {
      node.forEachChild(function find(inner): void {
        if (!ts.isObjectLiteralExpression(inner)) {
          inner.forEachChild(find);
          return;
        }
        for (const property of inner.properties.filter(ts.isPropertyAssignment)) {
          const docs = ts.getJSDocCommentsAndTags(property);
          comments.set(property.name.getText(), docs.map((each) => each.getText()).join('\n'));
        }
      });
    }
    node.forEachChild(visit);
  };
  visit(source);
  return comments;
}

describe.each<[string, string, string, OptionTable]>([
  [
    'connectionOptions',
    'src/connection/options/connection-options.ts',
    'connectionOptions',
    connectionOptions,
  ],
  [
    'endpointPolicyOptions',
    'src/connection/endpoints/endpoint-policy.ts',
    'endpointPolicyOptions',
    endpointPolicyOptions,
  ],
  ['retryOptions', 'src/occ/retry.ts', 'retryOptions', transactionOptions],
  ['runOptions', 'src/occ/transaction-runner.ts', 'runOptions', transactionOptions],
  ['the rules', 'src/occ/transaction-options.ts', 'rules', transactionDefaults],
  ['batchesOptions', 'src/occ/writes/in-batches.ts', 'batchesOptions', batchesOptions],
  ['mappingOptions', 'src/schema/orm-options.ts', 'mappingOptions', mappingOptions],
])('the TSDoc in %s', (_, file, name, table) => {
  const comments = commentsIn(file, name);

  it.each([...comments.keys()])('of %s names its default and its environment variables', (option) => {
    const comment = comments.get(option) ?? '';
    expect(comment).toMatch(/^\/\*\*/);
    const descriptor = table[option] ?? fail(option);
    const named = [...(descriptor.environment ?? []), defaultOf(descriptor)];
    for (const each of named) expect(comment).toContain(each ?? '');
  });
});

function fail(option: string): never {
  throw new Error(`${option} is in no table.`);
}
