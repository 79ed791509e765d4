import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The text of a file; nothing where it cannot be read. */
export function codeOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The texts of the files of a folder, by their names. */
export function codeIn(folder: string): ReadonlyMap<string, string | undefined> {
  return new Map(readdirSync(folder).map((name) => [name, codeOf(path.join(folder, name))]));
}
