import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface, Sequelize } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { RunnableMigration } from 'umzug';
import type { useCluster } from '../cluster';
import type { Orm } from './sample';

/** What a migration sends. */
export type Statements = readonly string[];

/** The options of both ORMs. */
type OrmOptions = ReturnType<typeof useCluster>['orm'];

/** Runs the migrations that are left, of all that an instance knows of. */
export async function migrate(
  sequelize: Sequelize,
  all: readonly Statements[],
  schema?: string,
): Promise<void> {
  const migrations = all.map((statements, index): RunnableMigration<QueryInterface> => ({
    name: `m${index}`,
    up: async ({ context }) => {
      for (const statement of statements) await context.sequelize.query(statement);
    },
  }));
  const options = { migrations, logger: undefined, ...(schema !== undefined && { schema }) };
  await createMigrator(sequelize, options).up();
}

/** Processes that run migrations one after the other, as far as this package can tell: each begins with what it reads. */
export class EarlierProcesses {
  readonly #options: () => OrmOptions;

  /** @param options - asked for by each process */
  constructor(options: () => OrmOptions) {
    this.#options = options;
  }

  /** Runs what is left of some migrations with a data source of its own. */
  async runWithTypeOrm(all: readonly Statements[]): Promise<void> {
    const migrations = all.map((statements, index) => {
      return class implements MigrationInterface {
        name = `m${1770000000000 + index}`;

        async up(queryRunner: QueryRunner): Promise<void> {
          for (const statement of statements) await queryRunner.query(statement);
        }

        down(): Promise<void> {
          return Promise.resolve();
        }
      };
    });
    const dataSource = createDsqlDataSource({ ...this.#options(), migrations, logger: 'debug' });
    await dataSource.initialize();
    try {
      await dataSource.runMigrations();
    } finally {
      await dataSource.destroy();
    }
  }

  /** The same with an instance of its own. */
  async runWithSequelize(all: readonly Statements[]): Promise<void> {
    const sequelize = createDsqlSequelize({ ...this.#options(), logging: false });
    try {
      await migrate(sequelize, all);
    } finally {
      await sequelize.close();
    }
  }

  /** Runs each migration in a process of its own. */
  async runEach(orm: Orm, ...all: readonly Statements[]): Promise<void> {
    for (let upTo = 1; upTo <= all.length; upTo++) {
      const known = all.slice(0, upTo);
      await (orm === 'TypeORM' ? this.runWithTypeOrm(known) : this.runWithSequelize(known));
    }
  }
}
