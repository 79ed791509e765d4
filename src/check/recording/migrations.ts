import type { DataSource, DataSourceOptions, QueryRunner } from 'typeorm';
import type { Recording } from './recording';
import { recordingSequelize, sequelizeOf } from './sequelize-recorder';
import { recordingQueryRunner, typeOrmOf, unconnectedDataSource } from './typeorm-recorder';

/** What a module exports that can be checked. */
export interface Exports {
  readonly typeOrmMigrations: readonly TypeOrmMigrationClass[];
  /** Migrations of sequelize-cli and umzug. */
  readonly sequelizeMigrations: readonly SequelizeMigration[];
  /** Everything else that it exports. */
  readonly values: readonly unknown[];
}

type TypeOrmMigrationClass = new () => {
  up(queryRunner: QueryRunner): Promise<void>;
  down?(queryRunner: QueryRunner): Promise<void>;
};

type Step = (context: object, sequelize: unknown) => unknown;

/** Of sequelize-cli, `up(queryInterface, Sequelize)`; of umzug, `up({ name, context })`. */
interface SequelizeMigration {
  readonly up: Step;
  readonly down?: Step;
}

/** Looks through what a module exports, and through the object that is its default. */
export function readExports(exported: Readonly<Record<string, unknown>>): Exports {
  // The loader gives every module a default: what a CommonJS module exports is that.
  const main = exported.default ?? exported;
  const members: unknown[] = typeof main === 'object' ? Object.values(main) : [];
  const values = [...new Set([main, ...Object.values(exported), ...members])];
  return {
    values,
    typeOrmMigrations: values.filter(isMigrationClass),
    sequelizeMigrations: values.filter(isMigrationObject),
  };
}

function isMigrationClass(value: unknown): value is TypeOrmMigrationClass {
  if (typeof value !== 'function') return false;
  const { prototype } = value as { readonly prototype?: { readonly up?: unknown } };
  return typeof prototype?.up === 'function';
}

function isMigrationObject(value: unknown): value is SequelizeMigration {
  // A class of migrations has `up` on its prototype; an instance of one, such as a runner, is none.
  if (typeof value !== 'object' || value === null || isMigrationClass(value.constructor)) return false;
  return typeof (value as { readonly up?: unknown }).up === 'function';
}

/** Which of a migration's two ways is run. */
export type Direction = 'up' | 'down';

/** Runs migrations of TypeORM against a recording. */
export class TypeOrmMigrations {
  #dataSource: DataSource | undefined;
  readonly #entities: DataSourceOptions['entities'];

  /** @param entities - whose repositories migrations may use */
  constructor(entities: DataSourceOptions['entities']) {
    this.#entities = entities;
  }

  async run(file: string, Migration: TypeOrmMigrationClass, direction: Direction, recording: Recording) {
    const typeorm = typeOrmOf(file);
    if (!typeorm) throw new Error('TypeORM is not installed where this migration is.');
    this.#dataSource ??= await unconnectedDataSource(typeorm, { entities: this.#entities ?? [] });
    const runner = recordingQueryRunner(typeorm, this.#dataSource, recording);
    // Whatever `transaction` says of it: createDsqlDataSource takes such a transaction apart by itself.
    await new Migration()[direction]?.(runner);
  }
}

/** Runs a migration of sequelize-cli or umzug against a recording. */
export async function runSequelizeMigration(
  file: string,
  migration: SequelizeMigration,
  direction: Direction,
  recording: Recording,
): Promise<void> {
  const project = sequelizeOf(file);
  if (!project) throw new Error('Sequelize is not installed where this migration is.');
  const { context } = recordingSequelize(project, recording);
  // As the second argument sequelize-cli gives its `Sequelize`, on which the data types are, too.
  await migration[direction]?.(context, project.Sequelize);
}
