import path from 'node:path';
import { parseQuery, tableNameOf } from '../../sql';
import type { NodeBody } from '../../sql';
import type { LoadedModule } from '../sources/load-module';
import type { Sources } from './recording';
import type { Location } from '../sources/sql-text';

/** Finds where models and their properties are declared, in the modules that one module has loaded. */
export class Declarations {
  readonly #sources: Sources;
  /** Those that are nearer to the module come first: a project may hold several applications. */
  readonly #modules: readonly LoadedModule[];
  readonly #files = new Map<unknown, string | undefined>();

  /** @param file - the module that exports the data source or the instance */
  constructor(file: string, modules: readonly LoadedModule[], sources: Sources) {
    this.#sources = sources;
    this.#modules = [...modules].sort((a, b) => nearness(b.file, file) - nearness(a.file, file));
  }

  /**
   * The place of a property of a model, or of the model if it has none of that name.
   *
   * @param target - the class, or whatever else a module exports
   * @param names - by which the model may be written, best first
   * @param property - its name in the program, or nothing
   */
  find(target: unknown, names: readonly string[], property: string): Location | undefined {
    const exporting = this.#fileOf(target);
    for (const { file } of [...(exporting === undefined ? [] : [{ file: exporting }]), ...this.#modules]) {
      const source = this.#sources.get(file);
      const start = source && modelIn(source.text, names);
      if (!source || start === undefined) continue;
      const found = property === '' ? undefined : propertyIn(source.text, start, property);
      return source.locate(found ?? start);
    }
    return undefined;
  }

  /** The module that exports it. */
  #fileOf(target: unknown): string | undefined {
    if (!this.#files.has(target)) {
      const file = this.#modules.find(({ exports }) => exportsIt(exports, target))?.file;
      this.#files.set(target, file);
    }
    return this.#files.get(target);
  }
}

function nearness(file: string, other: string): number {
  if (file === other) return Infinity;
  const parts = other.split(path.sep);
  const different = file.split(path.sep).findIndex((part, index) => part !== parts[index]);
  return different < 0 ? parts.length : different;
}

function exportsIt(exported: unknown, target: unknown): boolean {
  if (target === undefined || typeof target === 'string') return false;
  if (exported === target) return true;
  return typeof exported === 'object' && exported !== null && Object.values(exported).includes(target);
}

function modelIn(source: string, names: readonly string[]): number | undefined {
  for (const name of names) {
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const match =
      new RegExp(`\\bclass\\s+${escaped}\\b`).exec(source) ??
      new RegExp(`(?:define|through:|name:|modelName:|tableName:)\\s*\\(?\\s*(['"\`])${escaped}\\1`).exec(
        source,
      );
    if (match) return match.index;
  }
  return undefined;
}

function propertyIn(source: string, from: number, property: string): number | undefined {
  const escaped = property.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const declared = new RegExp(`(?<![\\w$.'"\`])(['"\`]?)${escaped}\\1\\s*[!?]?\\s*[:=;](?!:)`, 'g');
  declared.lastIndex = from;
  const match = declared.exec(source);
  if (match) return match.index;
  // Models that call `init` before the class's own fields, or schemas that name themselves last.
  declared.lastIndex = 0;
  return declared.exec(source)?.index;
}

/** The name of the table that a text of an ORM is about. */
export function tableIn(sql: string): string {
  const [statement] = parseQuery(sql).statements;
  const { relation } = (statement?.tree ?? {}) as Partial<NodeBody<'CreateStmt'>>;
  if (relation) return tableNameOf(relation).name;
  // COMMENT ON COLUMN "table"."column"
  return /\b(?:COLUMN|TABLE)\s+"([^"]+)"/.exec(sql)?.[1] ?? '';
}
