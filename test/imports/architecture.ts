import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { importsOf } from './imports';
import type { Room } from './rooms';

/** One file of `src`, and the files of `src` that it imports. */
interface SourceFile {
  /** Relative to `src`, with slashes. */
  readonly name: string;
  readonly imports: string[];
}

/** What the rooms may import of each other. */
export interface Architecture {
  readonly rooms: Readonly<Record<string, Room>>;
  /** For the files that are in no room. */
  readonly besideRooms: Room;
}

/**
 * Holds a folder of TypeScript against its architecture.
 *
 * @param src - the folder whose sub-folders are the rooms
 * @returns a sentence for each import that breaks it, and for each circle of files; types count as everything else
 */
export function violationsIn(src: string, architecture: Architecture): string[] {
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.split(path.sep).join('/'))
    .sort();
  const violations: string[] = [];
  const files = names.map((name): SourceFile => {
    const file: SourceFile = { name, imports: [] };
    for (const { specifier, line } of importsOf(path.join(src, name))) {
      const found = follow(src, name, specifier);
      if (found.file !== undefined) file.imports.push(found.file);
      const problem = found.problem ?? problemOf(name, found.file, architecture);
      if (problem !== undefined && !mayCompute(name, specifier, architecture)) {
        violations.push(`src/${name}:${line} ${problem}`);
      }
    }
    return file;
  });
  return [
    ...violations,
    ...circlesOf(files).map(
      (circle) => `circle of imports: ${circle.map((name) => `src/${name}`).join(' → ')}`,
    ),
  ];
}

/** Where an import leads: a file of `src`, or a problem, or neither for a package. */
function follow(
  src: string,
  name: string,
  specifier: string | undefined,
): { readonly file?: string; readonly problem?: string } {
  if (specifier === undefined) return { problem: 'imports a module that only an expression names' };
  if (/^aurora-dsql-orm(\/|$)/.test(specifier)) {
    return { problem: `imports ${specifier}: src imports its own rooms by relative path` };
  }
  if (!specifier.startsWith('.')) return {};
  const target = path.join(src, path.dirname(name), specifier);
  const relative = path.relative(src, target);
  if (relative.startsWith('..')) return { problem: `imports ${specifier}, which is outside of src` };
  const stem = target.replace(/\.[cm]?[jt]s$/, '');
  const file = [target, `${stem}.ts`, `${target}.ts`, `${target}.d.ts`, path.join(target, 'index.ts')].find(
    (candidate) => existsSync(candidate) && statSync(candidate).isFile(),
  );
  if (file === undefined) return { problem: `imports ${specifier}, which is not there` };
  return { file: path.relative(src, file).split(path.sep).join('/') };
}

function problemOf(
  from: string,
  to: string | undefined,
  { rooms, besideRooms }: Architecture,
): string | undefined {
  if (to === undefined) return undefined;
  const [room, other] = [roomOf(from), roomOf(to)];
  if (room === other) return undefined;
  const rule = room === undefined ? besideRooms : rooms[room];
  if (rule === undefined) return `is in a room that the table of rooms does not have`;
  if (other === undefined) return `imports src/${to}, which is in no room`;
  if (!rule.imports.includes(other)) return `imports src/${to}: there is no arrow to src/${other}`;
  const entries = rooms[other]?.entries ?? ['index'];
  if (!entries.some((entry) => to === `${other}/${entry}.ts`)) {
    const allowed = entries.map((entry) => `src/${other}/${entry}.ts`).join(' or ');
    return `imports src/${to} past ${allowed}`;
  }
  return undefined;
}

function mayCompute(name: string, specifier: string | undefined, { rooms }: Architecture): boolean {
  const room = roomOf(name);
  if (specifier !== undefined || room === undefined) return false;
  return (rooms[room]?.computed ?? []).some((file) => name === `${room}/${file}.ts`);
}

/** The first folder of a name, or `undefined` for a file that is in none. */
function roomOf(name: string): string | undefined {
  return name.includes('/') ? name.slice(0, name.indexOf('/')) : undefined;
}

/** The shortest circle through each file, without those that an earlier one has all the files of. */
function circlesOf(files: readonly SourceFile[]): string[][] {
  const importsByName = new Map(files.map(({ name, imports }) => [name, imports]));
  const circles = files
    .map(({ name }) => shortestCircle(name, importsByName))
    .filter((circle) => circle !== undefined)
    .sort((a, b) => a.length - b.length);
  const seen = new Set<string>();
  return circles.filter((circle) => {
    const key = [...new Set(circle)].sort().join();
    return !seen.has(key) && seen.add(key);
  });
}

/** Breadth first, from a file back to itself. */
function shortestCircle(
  start: string,
  importsByName: ReadonlyMap<string, readonly string[]>,
): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const name of queue) {
    for (const next of importsByName.get(name) ?? []) {
      if (next === start) {
        const way = [start];
        for (let at: string | undefined = name; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
        return way;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, name);
      queue.push(next);
    }
  }
  return undefined;
}
