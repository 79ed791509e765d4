import 'reflect-metadata';
import { createDsqlDataSource, isSchemaJobError, type SchemaProgress } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  Exclusion,
  Index,
  PrimaryGeneratedColumn,
  Table,
  TableColumn,
  TableForeignKey,
  TableIndex,
  TableUnique,
  ViewColumn,
  ViewEntity,
  type DataSource,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { oneOfEvery } from '../../form';
import { differences, none, withDataSource, type Watched } from './recorded-statements';

const cluster = useCluster();

const withEntities = <Result>(
  entities: (new () => object)[],
  work: (watched: Watched) => Promise<Result>,
  dsql: object = {},
) => withDataSource({ ...cluster.orm, entities, dsql: { ...cluster.orm.dsql, ...dsql } }, work);

async function withQueryRunner(dataSource: DataSource, work: (queryRunner: QueryRunner) => Promise<void>) {
  const queryRunner = dataSource.createQueryRunner();
  try {
    await work(queryRunner);
  } finally {
    await queryRunner.release();
  }
}

let emptying: DataSource;
beforeAll(async () => {
  emptying = await createDsqlDataSource(cluster.orm).initialize();
});
beforeEach(() => emptying.dropDatabase());
afterAll(() => emptying.destroy());

@Entity('item')
class Item {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 10 })
  @Index('item_label')
  label!: string;

  @Column('numeric', { precision: 8, scale: 2, nullable: true })
  price!: string | null;
}

@Entity('item')
class LongerItem {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 20, default: '' })
  @Index('item_label')
  label!: string;

  @Column('numeric', { precision: 12, scale: 2, nullable: true })
  price!: string | null;
}

@Entity('item')
class UniqueItem {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 10, unique: true })
  @Index('item_label', { unique: true })
  label!: string;

  @Column('numeric', { precision: 8, scale: 2 })
  price!: string;
}

describe('a change that would lose values', () => {
  it('is carried out where the options say so, and not again', async () => {
    await withEntities([Item], async ({ dataSource }) => {
      await dataSource.synchronize();
      await dataSource.getRepository(Item).insert({ label: 'a', price: '1' });
    });
    await withEntities(
      [LongerItem],
      async (watched) => {
        await watched.dataSource.synchronize();
        expect(await differences(watched)).toEqual(none);
        expect(await watched.dataSource.getRepository(LongerItem).find()).toEqual([
          { id: 1, label: '', price: null },
        ]);
      },
      { destructive: true },
    );
  });

  it('is refused by the query runner, before the column is dropped', async () => {
    await withEntities([Item], async ({ dataSource }) => {
      await dataSource.synchronize();
      await dataSource.getRepository(Item).insert({ label: 'a' });
      await withQueryRunner(dataSource, async (queryRunner) => {
        const longer = new TableColumn({ name: 'label', type: 'varchar', length: '20' });
        await expect(queryRunner.changeColumn('item', 'label', longer)).rejects.toThrow(/destructive/);
      });
      expect(await dataSource.getRepository(Item).find()).toMatchObject([{ label: 'a' }]);
    });
  });

  it('drops nothing where the new column cannot be made', async () => {
    await withEntities(
      [Item],
      async ({ dataSource }) => {
        await dataSource.synchronize();
        await withQueryRunner(dataSource, async (queryRunner) => {
          const generated = {
            name: 'label',
            type: 'text',
            generatedType: 'STORED',
            asExpression: 'id::text',
          } as const;
          await expect(queryRunner.changeColumn('item', 'label', new TableColumn(generated))).rejects.toThrow(
            /only in CREATE TABLE/,
          );
          expect((await queryRunner.getTable('item'))?.findColumnByName('label')).toMatchObject({
            length: '10',
          });
        });
      },
      { destructive: true },
    );
  });
});

describe('rows that do not keep to a new rule', () => {
  it('fail the job, and the next synchronize checks them again', async () => {
    await withEntities([Item], async ({ dataSource }) => {
      await dataSource.synchronize();
      await dataSource.getRepository(Item).insert([{ label: 'a' }, { label: 'a' }]);
    });
    await withEntities([UniqueItem], async (watched) => {
      const { dataSource } = watched;
      const failed: unknown = await dataSource.synchronize().catch((error: unknown) => error);
      expect(isSchemaJobError(failed)).toBe(true);
      expect(isSchemaJobError(await dataSource.synchronize().catch((error: unknown) => error))).toBe(true);
      await dataSource.query(`UPDATE item SET label = id::text, price = 1`);
      await dataSource.synchronize();
      expect(await differences(watched)).toEqual(none);
      const repository = dataSource.getRepository(UniqueItem);
      await expect(repository.insert({ label: '1', price: '1' })).rejects.toMatchObject({ code: '23505' });
      await expect(repository.insert({ label: '3', price: null as never })).rejects.toMatchObject({
        code: '23514',
      });
    });
  });

  it('are checked for a constraint whose job nobody has waited for', async () => {
    await withEntities([Item], async ({ dataSource }) => {
      await dataSource.synchronize();
    });
    await withEntities([UniqueItem], async (watched) => {
      await watched.dataSource.query(
        'ALTER TABLE item ADD CONSTRAINT item_price_not_null CHECK (price IS NOT NULL) NOT VALID',
      );
      await watched.dataSource.synchronize();
      expect(watched.statements.takeChanges()).toContain(
        'ALTER TABLE ASYNC "item" VALIDATE CONSTRAINT "item_price_not_null"',
      );
      expect(await differences(watched)).toEqual(none);
    });
  });
});

it('independent indexes are built at the same time, and progress is told', async () => {
  const progress: SchemaProgress[] = [];
  await withEntities(
    [Item, ...manyIndexed],
    async ({ dataSource, statements }) => {
      await dataSource.synchronize();
      const steps = progress.map(({ step }) => step).filter((step) => step.startsWith('job'));
      expect(steps).toEqual([...Array<string>(5).fill('job started'), ...Array<string>(5).fill('job ended')]);
      expect(statements.told).toContainEqual(
        expect.stringMatching(/^done after \d+ ms, 0 still running: CREATE INDEX/),
      );
    },
    { onSchemaProgress: (step: SchemaProgress) => progress.push(step) },
  );
});

const manyIndexed = ['one', 'two', 'three', 'four'].map((name) => {
  @Entity(`indexed_${name}`, { comment: name })
  class Indexed {
    @PrimaryGeneratedColumn()
    id!: number;

    @Column()
    @Index()
    a!: number;
  }
  return Indexed;
});

describe('migration:generate', () => {
  it('has statements that Aurora DSQL takes, forwards and backwards', async () => {
    await withEntities([Item, ...manyIndexed], async (watched) => {
      const { dataSource } = watched;
      const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
      for (const { query, parameters } of upQueries) await dataSource.query(query, parameters);
      expect(await differences(watched)).toEqual(none);
      for (const { query, parameters } of downQueries.reverse()) await dataSource.query(query, parameters);
      const left = await dataSource.query<object[]>(
        `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`,
      );
      expect(left).toEqual([]);
    });
  });

  it.each(oneOfEvery(2, ['none', 'each', 'all'] as const))(
    'makes a migration that fills more rows than a transaction may change, with transactions: %s',
    async (migrationsTransactionMode) => {
      await withEntities([Item], async ({ dataSource }) => {
        await dataSource.synchronize();
        for (let batch = 0; batch < 3; batch++) {
          await dataSource.query(`INSERT INTO item (label) SELECT 'x' FROM generate_series(1, 1500)`);
        }
      });
      @Entity('item')
      class Sold extends Item {
        @Column({ default: 3 })
        @Index('item_sold')
        sold!: number;
      }
      const { upQueries, downQueries } = await withEntities([Sold], ({ dataSource }) =>
        dataSource.driver.createSchemaBuilder().log(),
      );
      class AddSold1760000000000 implements MigrationInterface {
        async up(queryRunner: QueryRunner) {
          for (const { query } of upQueries) await queryRunner.query(query);
        }
        async down(queryRunner: QueryRunner) {
          for (const { query } of downQueries.reverse()) await queryRunner.query(query);
        }
      }
      const options = { ...cluster.orm, migrationsTransactionMode, migrations: [AddSold1760000000000] };
      await withDataSource({ ...options, entities: [Sold] }, async (watched) => {
        const { dataSource } = watched;
        await dataSource.runMigrations();
        expect(await dataSource.getRepository(Sold).countBy({ sold: 3 })).toBe(4500);
        expect(await differences(watched)).toEqual(none);
        await dataSource.undoLastMigration();
      });
      await withEntities([Item], async (watched) => {
        expect(await differences(watched)).toEqual(none);
      });
    },
  );

  it('says in the statement itself what cannot be undone', async () => {
    @Entity('item')
    class Bare {
      @PrimaryGeneratedColumn()
      id!: number;
    }
    @Entity('item')
    class Computed extends Bare {
      @Column({ type: 'text', generatedType: 'STORED', asExpression: 'id::text', nullable: true })
      label!: string;
    }
    await withEntities([Computed], ({ dataSource }) => dataSource.synchronize());
    await withEntities([Bare], async ({ dataSource }) => {
      const { downQueries } = await dataSource.driver.createSchemaBuilder().log();
      const [undo] = downQueries.filter(({ query }) => query.includes('ADD "label"'));
      expect(undo?.query).toMatch(
        /^\/\* DSQL has generated columns only in CREATE TABLE\. .* \*\/ ALTER TABLE "item" ADD/,
      );
      await expect(dataSource.query(undo?.query ?? '')).rejects.toMatchObject({ code: '0A000' });
    });
  });
});

describe("the query runner's own methods", () => {
  it('make and change tables, and undo it', async () => {
    await withEntities([], async ({ dataSource }) => {
      await withQueryRunner(dataSource, async (queryRunner) => {
        await queryRunner.createTable(
          new Table({
            name: 'author',
            columns: [
              {
                name: 'id',
                type: 'int',
                isPrimary: true,
                isGenerated: true,
                generationStrategy: 'increment',
              },
              { name: 'mood', type: 'enum', enum: ['good', 'bad'], default: "'good'" },
            ],
          }),
        );
        await queryRunner.createTable(
          new Table({
            name: 'book',
            columns: [
              { name: 'id', type: 'uuid', isPrimary: true, isGenerated: true, generationStrategy: 'uuid' },
            ],
            indices: [],
          }),
        );
        const author = { name: 'author_id', type: 'bigint', isNullable: true };
        await queryRunner.addColumns('book', [
          new TableColumn(author),
          new TableColumn({ name: 'isbn', type: 'varchar', isUnique: true, isNullable: true }),
          new TableColumn({ name: 'pages', type: 'int', default: '1' }),
        ]);
        const key = {
          columnNames: ['author_id'],
          referencedTableName: 'author',
          referencedColumnNames: ['id'],
        };
        await queryRunner.createForeignKey('book', new TableForeignKey(key));
        // At the same time, on one connection.
        await Promise.all([
          queryRunner.createIndex('book', new TableIndex({ name: 'by_pages', columnNames: ['pages'] })),
          queryRunner.createIndex('book', new TableIndex({ name: 'by_author', columnNames: ['author_id'] })),
        ]);
        await queryRunner.createUniqueConstraint(
          'book',
          new TableUnique({ name: 'both', columnNames: ['isbn', 'pages'] }),
        );
        await queryRunner.changeColumn(
          'author',
          'mood',
          new TableColumn({
            name: 'feeling',
            type: 'enum',
            enum: ['good', 'bad', 'mixed'],
            default: "'mixed'",
          }),
        );
        await queryRunner.renameTable('author', 'writer');

        const writer = await queryRunner.getTable('writer');
        expect(writer?.findColumnByName('feeling')).toMatchObject({
          type: 'enum',
          enum: ['good', 'bad', 'mixed'],
          default: "'mixed'",
          isNullable: false,
        });
        const book = await queryRunner.getTable('book');
        expect(book?.findColumnByName('pages')).toMatchObject({ isNullable: false, default: "'1'" });
        expect(book?.indices.map(({ name }) => name).sort()).toEqual(['by_author', 'by_pages']);
        expect(book?.uniques.map(({ columnNames }) => columnNames.join()).sort()).toEqual([
          'isbn',
          'isbn,pages',
        ]);
        expect(book?.foreignKeys).toMatchObject([{ referencedTableName: 'writer' }]);
        await queryRunner.query('INSERT INTO writer DEFAULT VALUES');
        // The enum that comes back has not got its value.
        await queryRunner.query('DELETE FROM writer');

        await queryRunner.executeMemoryDownSql();
        expect(await queryRunner.hasTable('author')).toBe(false);
        expect(await queryRunner.hasTable('book')).toBe(false);
      });
    });
  });

  it('refuse what there is not, before anything is sent', async () => {
    await withEntities([Item], async ({ dataSource, statements }) => {
      await dataSource.synchronize();
      await withQueryRunner(dataSource, async (queryRunner) => {
        const table = await queryRunner.getTable('item');
        statements.takeChanges();
        await expect(queryRunner.createDatabase('other')).rejects.toThrow(/CREATE DATABASE/);
        await expect(queryRunner.dropPrimaryKey('item')).rejects.toThrow(/primary key/i);
        await expect(
          queryRunner.createIndex(
            'item',
            new TableIndex({ columnNames: ['label'], isSpatial: true, isUnique: true }),
          ),
        ).rejects.toThrow(/USING/);
        expect(table?.name).toBe('item');
        expect(statements.takeChanges()).toEqual([]);
      });
    });
  });
});

describe('entities that cannot be kept', () => {
  @Entity()
  @Exclusion(`USING gist ("during" WITH &&)`)
  class Impossible {
    @PrimaryGeneratedColumn()
    id!: number;

    @Column('tsrange')
    during!: string;

    @Column('text', { array: true })
    words!: string[];

    @Column({ type: 'text', collation: 'de_DE' })
    name!: string;
  }

  it('are refused with everything that is in the way, and what to do instead', async () => {
    const dataSource = createDsqlDataSource({ ...cluster.orm, entities: [Impossible] });
    const error: unknown = await dataSource.initialize().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'UnsupportedFeatureError' });
    const { message } = error as Error;
    expect(message).toMatch(/@Exclusion.*Check in the transaction that writes/);
    expect(message).toMatch(/tsrange of Impossible\.during.*two columns/);
    expect(message).toMatch(/array Impossible\.words.*dsql: \{ arrays: 'jsonb' \}/);
    expect(message).toMatch(/collation "de_DE" of Impossible\.name.*simplify/);
  });

  it('are refused where a view is to be materialized', async () => {
    @ViewEntity({ expression: 'SELECT 1 AS one', materialized: true })
    class Materialized {
      @ViewColumn()
      one!: number;
    }
    await withEntities([Materialized], async ({ dataSource, statements }) => {
      await expect(dataSource.synchronize()).rejects.toThrow(/MATERIALIZED VIEW/);
      expect(statements.takeChanges()).toEqual([]);
    });
  });
});

it('identity columns get the cache of the options, and the ids of migrations stay in order', async () => {
  await withEntities(
    [Item],
    async ({ dataSource, statements }) => {
      await dataSource.synchronize();
      await dataSource.runMigrations();
      const created = statements.takeChanges().filter((sql) => sql.startsWith('CREATE TABLE'));
      expect(created).toEqual([
        expect.stringMatching(/^CREATE TABLE "item" .*CACHE 65536/),
        expect.stringMatching(/^CREATE TABLE "migrations" .*CACHE 1\)/),
      ]);
    },
    { identityCache: 65_536 },
  );
});

it('dropSchema and synchronize(true) leave nothing of what was there', async () => {
  await withEntities([Item], async ({ dataSource }) => {
    await dataSource.synchronize();
    await dataSource.getRepository(Item).insert({ label: 'a' });
    await dataSource.query('CREATE TABLE child (item bigint REFERENCES item (id))');
    await dataSource.query('CREATE VIEW labels AS SELECT label FROM item');
    await dataSource.synchronize(true);
    expect(await dataSource.getRepository(Item).count()).toBe(0);
    const left = await dataSource.query<object[]>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_name NOT LIKE 'aurora_dsql_orm%'`,
    );
    expect(left).toEqual([{ name: 'item' }]);
  });
});

it('clearDatabase in a transaction of the caller drops all tables and their views in one statement', async () => {
  await withEntities([Item], async ({ dataSource, statements }) => {
    await dataSource.synchronize();
    await dataSource.query('CREATE TABLE child (item bigint REFERENCES item (id))');
    await dataSource.query('CREATE VIEW labels AS SELECT label FROM item');
    statements.takeChanges();
    await withQueryRunner(dataSource, async (queryRunner) => {
      await queryRunner.startTransaction();
      await queryRunner.clearDatabase();
      await queryRunner.commitTransaction();
    });
    const drops = statements.takeChanges().filter((sql) => sql.startsWith('DROP'));
    expect(drops).toEqual([expect.stringMatching(/^DROP TABLE IF EXISTS .* CASCADE$/)]);
    expect(await dataSource.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)).toEqual([]);
  });
});
