import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { blocks, codeOf, pages, placeOf, root, textOf, wayOf, type Block } from './blocks';
import { projects } from './projects';

const examplesRun = readdirSync(path.join(root, 'test/examples'))
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => textOf(`test/examples/${file}`))
  .join('');

/** What is TypeScript on the pages; of a difference, both of its sides. */
const inTypeScript = blocks
  .filter(({ language }) => ['ts', 'js', 'diff'].includes(language))
  .flatMap((block) =>
    (block.language === 'diff' ? (['+', '-'] as const) : (['+'] as const)).map((side) => ({
      ...block,
      text: codeOf(block, side),
    })),
  );

/** What the examples are about and do not say again. */
const CONTEXT = `
declare const dataSource: import('aurora-dsql-orm/typeorm').DsqlDataSource;
declare const sequelize: import('sequelize').Sequelize;
declare const pool: import('aurora-dsql-orm').DsqlPool;
declare const id: string;
declare const host: string;
`;

it('each block of the documents is run, or a comment above it says why not', () => {
  expect(blocks.length).toBeGreaterThan(100);
  expect(blocks.flatMap((block) => unaccounted(block))).toEqual([]);
});

/** What is missing for a block to be run. */
function unaccounted(block: Block): readonly string[] {
  const way = wayOf(block);
  if (way === 'as a file of a project') {
    return projects.some((project) => project.page === block.page && project.heading === block.heading)
      ? []
      : [`${placeOf(block)}: no project of test/documents/projects.ts has ${block.file ?? ''}`];
  }
  if (way === 'as an example') {
    const name = path.relative('examples', path.dirname(block.page)).replace(/^moving\//, '');
    return examplesRun.includes(`'${name}'`) || examplesRun.includes(`examples/${name}'`)
      ? []
      : [`${placeOf(block)}: no test of test/examples names ${name}`];
  }
  return [];
}

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

it('what no test runs is what it says to be', () => {
  const broken = blocks
    .filter(({ notRun }) => notRun !== undefined)
    .filter(({ language, text }) => {
      if (language === 'json') return !isPolicy(JSON.parse(text));
      if (language === 'sh') return spawnSync('sh', ['-n'], { input: text }).status !== 0;
      return language !== 'ts';
    });
  expect(broken.map(placeOf)).toEqual([]);
});

function isPolicy(value: unknown): boolean {
  const { Version, Statement } = value as { Version: string; Statement: readonly Record<string, string>[] };
  const isStatement = ({ Effect, Action = '', Resource = '' }: Record<string, string>) =>
    Effect === 'Allow' &&
    /^dsql:DbConnect(?:Admin)?$/.test(Action) &&
    /^arn:aws:dsql:[a-z0-9-]+:\d{12}:cluster\/<identifier>$/.test(Resource);
  return Version === '2012-10-17' && Statement.length > 0 && Statement.every(isStatement);
}

it('what the documents install is what the tests run with', () => {
  const { devDependencies } = JSON.parse(textOf('package.json')) as {
    devDependencies: Readonly<Record<string, string>>;
  };
  const installed = blocks
    .filter(({ language, notRun }) => language === 'sh' && notRun === undefined)
    .flatMap(({ text }) => [...text.matchAll(/^npm install (.+?)(?: +#.*)?$/gm)])
    .flatMap(([, names = '']) => names.split(/ +/).filter((name) => /^[@a-z]/.test(name)));
  expect(installed.length).toBeGreaterThan(10);
  const others = installed.filter((each) => {
    const [, name = '', version] = /^(.[^@]*)(?:@(.+))?$/.exec(each) ?? [];
    return (
      devDependencies[name] === undefined || (version ?? devDependencies[name]) !== devDependencies[name]
    );
  });
  // The package itself; and what runs TypeScript, in the place of which the tests have a hook.
  expect([...new Set(others)].sort()).toEqual(['aurora-dsql-orm', 'tsx']);
});

it('the examples in the documents are TypeScript', () => {
  expect(inTypeScript.length).toBeGreaterThan(40);
  const broken = inTypeScript.flatMap(({ page, line, text }) => {
    const { diagnostics = [] } = ts.transpileModule(text, {
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2023, experimentalDecorators: true },
    });
    return diagnostics
      .filter(({ code }) => code !== RETURN_OUTSIDE)
      .map(({ messageText }) => `${page}:${String(line)} ${JSON.stringify(messageText)}`);
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

/** A difference may be of the inside of a function. */
const RETURN_OUTSIDE = 1108;
/** Names that are not defined, in the four ways in which TypeScript says so; modules of the user's own. */
const IGNORED_CODES = new Set([2304, 2552, 2307, 2503, 18004, RETURN_OUTSIDE]);

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
