import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NODE_RANGE } from '../../src/node';
import { outcomeOf, run, start } from './run-cli';

const root = path.resolve(__dirname, '../..');
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

describe('aurora-dsql-orm', () => {
  it('says which version it is', async () => {
    const outcome = { status: 0, stdout: `${manifest.version}\n`, stderr: '' };
    expect(await run(['--version'])).toEqual(outcome);
  });

  it.each([['--help'], ['-h'], ['help']])('names its commands with %s', async (option) => {
    const { status, stdout } = await run([option]);
    expect(status).toBe(0);
    for (const command of ['check', 'doctor', 'local', 'migrate', 'token']) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
  });

  it('names its commands on standard error, and fails, without arguments', async () => {
    const usage = expect.stringContaining('Usage: aurora-dsql-orm <command>') as string;
    expect(await run([])).toEqual({ status: 2, stdout: '', stderr: usage });
  });

  it.each([
    [['check', '--help']],
    [['local', '-h']],
    [['migrate', 'status', '--help']],
    [['token', '--help']],
    [['doctor', '--help']],
    [['help', 'check']],
    [['local', '--port', '--help', '--', 'npm']],
  ])('explains a command and its exit statuses: %j', async (args) => {
    const name = args.find((arg) => /^(check|doctor|local|migrate|token)$/.test(arg));
    const { status, stdout, stderr } = await run(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`Usage: aurora-dsql-orm ${String(name)}`);
    expect(stdout).toContain('It exits with');
  });

  it.each([['loca'], ['toString'], ["'"], ['--verison']])(
    'says which commands there are, for %s',
    async (name) => {
      expect(await run([name])).toEqual({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(
          /^aurora-dsql-orm: there is no command .*; the commands are check, .*local.*\n.*--help says more\.\n$/,
        ) as string,
      });
    },
  );

  it.each([
    [['check', '--fxi'], 'there is no option "--fxi"; the options are --format,'],
    [['check', '--format', 'xml'], '--format: expected text, json, sarif, got "xml"'],
    [['migrate', '--sttaus'], 'there is no option "--sttaus"; the options are --data-source,'],
  ])('answers %j in two lines', async (args, message) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout, lines: stderr.trim().split('\n') }).toEqual({
      status: 2,
      stdout: '',
      lines: [expect.stringContaining(message), `aurora-dsql-orm ${String(args[0])} --help says more.`],
    });
  });
});

it('goes on to its end where nobody reads what it prints', async () => {
  const child = start(['doctor', '--host', 'example.com']);
  child.stdout.destroy();
  const { status, stderr } = await outcomeOf(child);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
});

describe('an old Node.js', () => {
  const message = 'aurora-dsql-orm needs Node.js 20.19.0 or newer, and this is 18.20.4.';

  it('is refused by the command line', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-node-'));
    const old = path.join(folder, 'old.cjs');
    writeFileSync(
      old,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })`,
    );
    const outcome = await run(['--version'], { env: { NODE_OPTIONS: `--require ${old}` } });
    rmSync(folder, { recursive: true, force: true });
    expect(outcome).toEqual({ status: 1, stdout: '', stderr: expect.stringContaining(message) as string });
  });

  it('is refused by what engines says', () => {
    expect(NODE_RANGE).toBe(manifest.engines.node);
  });

  it.each([
    'aurora-dsql-orm',
    'aurora-dsql-orm/typeorm',
    'aurora-dsql-orm/sequelize',
    'aurora-dsql-orm/local',
  ])('is refused by %s', (entry) => {
    const versions = Object.getOwnPropertyDescriptor(process, 'versions') ?? {};
    Object.defineProperty(process, 'versions', {
      ...versions,
      value: { ...process.versions, node: '18.20.4' },
    });
    try {
      jest.isolateModules(() => {
        expect(() => jest.requireActual<object>(entry)).toThrow(message);
      });
    } finally {
      Object.defineProperty(process, 'versions', versions);
    }
  });
});
