import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A project whose files are checked: a folder with this package's dependencies, anew for each test. */
export interface Project {
  readonly folder: string;
  readonly write: (name: string, text: string) => void;
  readonly read: (name: string) => string;
}

/** Makes a project before each test, and removes it after it. */
export function useProject(): Project {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-check-'));
    symlinkSync(path.resolve(__dirname, '../../node_modules'), path.join(folder, 'node_modules'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    write(name, text) {
      const file = path.join(folder, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    },
    read: (name) => readFileSync(path.join(folder, name), 'utf8'),
  };
}

/** A migration of TypeORM with this inside of `up`, and of `down`. */
export function migration(up: string, down = ''): string {
  return `import type { QueryRunner } from 'typeorm';
const TABLE = 'interpolated';
export class Init1700000000000 {
  async up(queryRunner: QueryRunner) {
    ${up}
  }
  async down(queryRunner: QueryRunner) {${down === '' ? '' : `\n    ${down}\n  `}}
}
`;
}
