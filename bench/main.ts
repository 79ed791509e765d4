import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import path from 'node:path';
import { plot } from './plot';
import type { Result } from './result';

/**
 * Runs the benches one after the other, in a process each, and keeps what they have measured: `bench/results.json`, and plots
 * in `bench/plots`.
 *
 * Usage: npm run bench                            all of them
 *        npm run bench -- bulk                    one of them; its results replace those from before
 *        npm run bench -- [bulk] --quick          whether they work: the results go to `build/bench` and mean nothing
 *        npm run bench -- bulk --rows 1000        one of them with its own options, which it names itself; only printed
 */

interface Run {
  readonly args: string;
  /** Options of Node.js. */
  readonly node?: string;
}

interface Bench {
  readonly full: readonly Run[];
  readonly quick: readonly Run[];
}

/** What each runs with. */
const BENCHES: Readonly<Record<string, Bench>> = {
  'round-trips': { full: [{ args: '' }], quick: [{ args: '' }] },
  tokens: { full: [{ args: '' }], quick: [{ args: '--checkouts 100' }] },
  start: { full: [{ args: '--rounds 9' }], quick: [{ args: '--rounds 1' }] },
  operations: {
    full: [{ args: '--latencyMs 0,1,5 --rounds 15 --operations 100' }],
    quick: [{ args: '--latencyMs 0,1 --rounds 1 --operations 2' }],
  },
  bulk: {
    full: [
      { args: '--rows 30000 --rounds 5' },
      { args: '--iterable --rows 200000 --concurrency 2', node: '--max-old-space-size=100' },
    ],
    quick: [{ args: '--rows 100 --rounds 1' }, { args: '--iterable --rows 100' }],
  },
  contention: {
    full: [
      { args: '--cells grid --latencyMs 0,1,5 --workers 16,64 --rows 1,10,1000 --seconds 2' },
      { args: '--cells bystanders,inner --latencyMs 1 --seconds 2' },
    ],
    quick: [{ args: '--cells grid --latencyMs 1 --workers 4 --rows 10 --seconds 0.2' }],
  },
  migrate: {
    full: [{ args: '--statements 50 --rounds 3' }],
    quick: [{ args: '--statements 3 --rounds 1 --latencyMs 0' }],
  },
  growth: {
    full: [{ args: '' }],
    quick: [
      { args: '--rounds 1 --pools 1,2 --workers 2 --rows 1,10 --children 1,5 --entities 2,4 --tables 2,4' },
    ],
  },
  translate: { full: [{ args: '--statements 30000' }], quick: [{ args: '--statements 120' }] },
  check: { full: [{ args: '--files 10000' }], quick: [{ args: '--files 8' }] },
  local: {
    full: [{ args: '--seconds 0.25 --rounds 6 --boots 3' }],
    quick: [{ args: '--seconds 0.05 --rounds 1 --boots 1' }],
  },
};

interface Kept {
  readonly date: string;
  readonly seconds: number;
  readonly machine: {
    readonly cores: number;
    readonly processor: string;
    readonly memoryGiB: number;
    readonly platform: string;
    readonly node: string;
  };
  readonly results: readonly Result[];
}

const KEPT = __dirname;
const PASSING = path.join(__dirname, '../build/bench');

/** Runs a bench once, and returns its results. */
async function run(name: string, args: readonly string[], node: readonly string[] = []): Promise<Result[]> {
  const results: Result[] = [];
  const child = fork(path.join(__dirname, `${name}.ts`), args, { execArgv: [...process.execArgv, ...node] });
  child.on('message', (result) => {
    results.push(result as Result);
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0 || results.length === 0) throw new Error(`The bench ${name} failed.`);
  return results;
}

const wordsOf = (text = '') => text.split(' ').filter((word) => word !== '');

async function runAll(name: string, runs: readonly Run[]): Promise<Kept> {
  const begun = performance.now();
  const results: Result[] = [];
  for (const { args, node } of runs) results.push(...(await run(name, wordsOf(args), wordsOf(node))));
  return {
    date: new Date().toISOString().slice(0, 10),
    seconds: Math.round((performance.now() - begun) / 1000),
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model ?? '',
      memoryGiB: Math.round(totalmem() / 1024 ** 3),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    results,
  };
}

/** Writes what a bench has measured, as soon as it has: the others' results stay as they are. */
function keep(folder: string, name: string, kept: Kept): void {
  const file = path.join(folder, 'results.json');
  const plots = path.join(folder, 'plots');
  mkdirSync(plots, { recursive: true });
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Kept>) : {};
  const after = { ...before, [name]: kept };
  const inOrder = Object.keys(BENCHES).flatMap((each) => (after[each] ? [[each, after[each]]] : []));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(inOrder), undefined, 2)}\n`);
  for (const result of kept.results) {
    if (result.isPlotted ?? true) writeFileSync(path.join(plots, `${result.name}.svg`), `${plot(result)}\n`);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const isQuick = args.includes('--quick');
  const [name, ...options] = args.filter((arg) => arg !== '--quick');
  if (name !== undefined && !(name in BENCHES)) {
    throw new Error(`${name}: there are ${Object.keys(BENCHES).join(', ')}.`);
  }
  if (name !== undefined && options.length > 0) {
    await run(name, options);
    return;
  }
  const begun = performance.now();
  const failures: string[] = [];
  for (const [each, { full, quick }] of Object.entries(BENCHES)) {
    if (name !== undefined && each !== name) continue;
    console.log(`\n${each}`);
    try {
      const kept = await runAll(each, isQuick ? quick : full);
      keep(isQuick ? PASSING : KEPT, each, kept);
      console.log(`${each}: ${kept.seconds} s`);
    } catch (error) {
      // The others' results are worth having.
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  console.log(`\nAll of it took ${Math.round((performance.now() - begun) / 1000)} s.`);
  if (failures.length > 0) throw new Error(failures.join('\n'));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
