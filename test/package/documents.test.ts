import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.join(__dirname, '../..');
const pages = ['README.md', ...readdirSync(path.join(root, 'docs')).map((file) => `docs/${file}`)];
const textOf = (page: string) => readFileSync(path.join(root, page), 'utf8');

interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const blocks = pages.flatMap((page): Block[] => {
  const text = textOf(page);
  return [...text.matchAll(/^( *)```(\w+)\n([^]*?)^ *```$/gm)].map(
    ({ index, 1: indent = '', 2: language = '', 3: inside = '' }) => ({
      page,
      line: text.slice(0, index).split('\n').length,
      language,
      text: inside.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  );
});
const inTypeScript = blocks.filter(({ language }) => ['ts', 'js', 'typescript'].includes(language));

/** What the examples are about and do not say again. */
const CONTEXT = `
declare const dataSource: import('typeorm').DataSource;
declare const sequelize: import('sequelize').Sequelize;
declare const pool: import('aurora-dsql-orm').DsqlPool;
declare const id: string;
declare const host: string;
`;

it('the documents link to files and headings that are there', () => {
  const anchorsOf = (page: string) =>
    [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
  const broken = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].flatMap(
      ([link, file = '', anchor]) => {
        const target = file === '' ? page : path.join(path.dirname(page), file);
        if (!existsSync(path.join(root, target))) return [`${page}: ${link}`];
        return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [`${page}: ${link}`];
      },
    ),
  );
  expect(broken).toEqual([]);
});

it('the examples in the documents are TypeScript', () => {
  expect(inTypeScript.length).toBeGreaterThan(40);
  const broken = inTypeScript.flatMap(({ page, line, text }) => {
    const { diagnostics = [] } = ts.transpileModule(text, {
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2023, experimentalDecorators: true },
    });
    return diagnostics.map(({ messageText }) => `${page}:${String(line)} ${JSON.stringify(messageText)}`);
  });
  expect(broken).toEqual([]);
});

it('the examples in the documents use exports and options that are there', () => {
  const names = inTypeScript.map((_, index) => path.join(root, `example-${String(index)}.ts`));
  const read = (file: string) => {
    const index = names.indexOf(file);
    const block = inTypeScript[index];
    // A module, so that examples do not see each other's names.
    return block && `${block.text}\nexport {};\n${declarationsFor(block.text)}`;
  };
  const config = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const relaxed = {
    ...options,
    module: ts.ModuleKind.ES2022,
    noEmit: true,
    strictPropertyInitialization: false,
    noImplicitAny: false,
  };
  const disk = ts.createCompilerHost(relaxed);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (file) => names.includes(file) || disk.fileExists(file),
    readFile: (file) => read(file) ?? disk.readFile(file),
    getSourceFile: (file, version, ...rest) => {
      const text = read(file);
      return text === undefined
        ? disk.getSourceFile(file, version, ...rest)
        : ts.createSourceFile(file, text, version, true);
    },
  };
  const program = ts.createProgram({ rootNames: names, options: relaxed, host });
  const broken = inTypeScript.flatMap(({ page, line, text }, index) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(names[index] ?? ''))
      // An example may use what it does not define.
      .filter(({ code }) => !IGNORED_CODES.has(code))
      .map(({ messageText, code, start = 0 }) => {
        const at = line + text.slice(0, start).split('\n').length;
        return `${page}:${String(at)} TS${String(code)} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      }),
  );
  expect(broken).toEqual([]);
});

/** Names that are not defined, in the four ways in which TypeScript says so; modules of the user's own. */
const IGNORED_CODES = new Set([2304, 2552, 2307, 2503, 18004]);

function declarationsFor(text: string): string {
  return CONTEXT.split('\n')
    .filter((line) => {
      const name = /const (\w+)/.exec(line)?.[1];
      return (
        name !== undefined &&
        !new RegExp(`(?:const|let|class|function|import) \\{?[^;=]*\\b${name}\\b`).test(text)
      );
    })
    .join('\n');
}

it('the commands in the documents are there, with their options', () => {
  const hook = path.join(root, 'test/typescript-register.cjs');
  const main = path.join(root, 'src/cli/main.ts');
  const help = new Map<string, string>();
  const helpOf = (command: string) => {
    if (!help.has(command)) {
      const text = execFileSync(process.execPath, ['-r', hook, main, command, '--help'], {
        encoding: 'utf8',
      });
      help.set(command, text);
    }
    return help.get(command) ?? '';
  };
  const commands = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ page, text }) =>
      [...text.matchAll(/npx aurora-dsql-orm ([a-z]+)((?: [^|#)\n]*)?)/g)].map(
        ([, command = '', rest = '']) => ({
          page,
          command,
          options: rest.split(/ -- | --$/)[0] ?? '',
        }),
      ),
    );
  expect(commands.length).toBeGreaterThan(10);
  const broken = commands.flatMap(({ page, command, options }) =>
    (options.match(/--[a-z][\w-]*/g) ?? ['--help'])
      .filter((option) => !helpOf(command).includes(option))
      .map((option) => `${page}: ${command} ${option}`),
  );
  expect(broken).toEqual([]);
});
