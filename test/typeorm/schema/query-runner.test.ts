import 'reflect-metadata';
import {
  Column,
  Entity,
  Exclusion,
  Index,
  PrimaryColumn,
  Table,
  TableColumn,
  TableExclusion,
  TableUnique,
  type QueryRunner,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { differences, none, withDataSource } from './recorded-statements';

const cluster = useCluster();

/** Gives some work a query runner, on an empty schema. */
async function withQueryRunner(work: (queryRunner: QueryRunner) => Promise<void>): Promise<void> {
  await withDataSource({ ...cluster.orm, dropSchema: true }, async ({ dataSource }) => {
    const queryRunner = dataSource.createQueryRunner();
    try {
      await work(queryRunner);
    } finally {
      await queryRunner.release();
    }
  });
}

const drawers = () =>
  new Table({
    name: 'drawers',
    columns: [
      { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
      { name: 'label', type: 'varchar', isUnique: true },
      { name: 'content', type: 'varchar', isNullable: true },
    ],
  });

it('reads the key that it has created as the increment it was asked for', async () => {
  await withQueryRunner(async (queryRunner) => {
    await queryRunner.createTable(drawers());
    const table = await queryRunner.getTable('drawers');
    expect(table?.findColumnByName('id')).toMatchObject({
      type: 'bigint',
      isGenerated: true,
      generationStrategy: 'increment',
    });
  });
});

it('has nothing to drop of a database that a cluster does not have', async () => {
  await withQueryRunner(async (queryRunner) => {
    await queryRunner.dropDatabase('other', true);
    await queryRunner.createDatabase('postgres', true);
    await expect(queryRunner.dropDatabase('other')).rejects.toThrow('DROP DATABASE');
    await expect(queryRunner.dropDatabase('postgres', true)).rejects.toThrow('DROP DATABASE');
    await expect(queryRunner.createDatabase('other', true)).rejects.toThrow('CREATE DATABASE');
  });
});

it('renames the sequence of a key with its table', async () => {
  await withQueryRunner(async (queryRunner) => {
    await queryRunner.createTable(drawers());
    await queryRunner.renameTable('drawers', 'boxes');
    await expect(queryRunner.query(`SELECT pg_get_serial_sequence('boxes', 'id') AS name`)).resolves.toEqual([
      { name: 'public.boxes_id_seq' },
    ]);
    await queryRunner.executeMemoryDownSql();
    await expect(queryRunner.hasTable('boxes')).resolves.toBe(false);
  });
});

it('waits for the index of a unique constraint when a change is undone', async () => {
  await withQueryRunner(async (queryRunner) => {
    await queryRunner.createTable(drawers());
    await queryRunner.createUniqueConstraint(
      'drawers',
      new TableUnique({ name: 'one_content', columnNames: ['content'] }),
    );
    queryRunner.clearSqlMemory();
    await queryRunner.dropUniqueConstraint('drawers', 'one_content');
    const names = async () => (await queryRunner.getTable('drawers'))?.uniques.map(({ name }) => name);
    await expect(names()).resolves.not.toContain('one_content');

    await queryRunner.executeMemoryDownSql();
    await expect(names()).resolves.toContain('one_content');
  });
});

it('makes a column NOT NULL again when the change that dropped it is undone', async () => {
  await withQueryRunner(async (queryRunner) => {
    await queryRunner.createTable(drawers());
    queryRunner.clearSqlMemory();
    const isNullable = async () =>
      (await queryRunner.getTable('drawers'))?.findColumnByName('label')?.isNullable;
    const label = (await queryRunner.getTable('drawers'))?.findColumnByName('label');
    const nullable = label?.clone() ?? new TableColumn();
    nullable.isNullable = true;
    await queryRunner.changeColumn('drawers', 'label', nullable);
    await expect(isNullable()).resolves.toBe(true);

    await queryRunner.executeMemoryDownSql();
    await expect(isNullable()).resolves.toBe(false);
    await expect(queryRunner.query('INSERT INTO drawers (label) VALUES (NULL)')).rejects.toMatchObject({
      code: '23514',
    });
  });
});

@Entity()
@Exclusion('USING gist (during WITH &&)')
@Index(['during'], { type: 'hash' })
@Index(['id', 'during'], { type: 'gin' })
class Booking {
  @PrimaryColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'text' })
  during!: string;
}

it('leaves exclusion constraints out, and kinds of indexes, where that is allowed', async () => {
  const { orm } = cluster;
  const options = {
    ...orm,
    dsql: { ...orm.dsql, simplify: { exclusions: true, indexMethod: true, specialIndexes: true } },
    entities: [Booking],
    dropSchema: true,
    synchronize: true,
  };
  await withDataSource(options, async (watched) => {
    await expect(differences(watched)).resolves.toEqual(none);
    const queryRunner = watched.dataSource.createQueryRunner();
    await queryRunner.createExclusionConstraint(
      'booking',
      new TableExclusion({ expression: 'USING gist (during WITH &&)' }),
    );
    await expect(queryRunner.getTable('booking')).resolves.toMatchObject({ exclusions: [] });
    await queryRunner.release();
  });
});

enum Day {
  Monday = 1,
  Sunday = 7,
}

@Entity()
class Shift {
  @PrimaryColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'enum', enum: Day, array: true, default: [Day.Monday] })
  days!: Day[];
}

it('keeps arrays of numeric enums as numbers, and no others', async () => {
  const { orm } = cluster;
  const options = {
    ...orm,
    dsql: { ...orm.dsql, arrays: 'jsonb' as const },
    entities: [Shift],
    dropSchema: true,
    synchronize: true,
  };
  await withDataSource(options, async (watched) => {
    await expect(differences(watched)).resolves.toEqual(none);
    const shifts = watched.dataSource.getRepository(Shift);
    await shifts.save([{ id: 1 }, { id: 2, days: [Day.Sunday, Day.Monday] }]);
    await expect(shifts.find({ order: { id: 'ASC' } })).resolves.toEqual([
      { id: 1, days: [Day.Monday] },
      { id: 2, days: [Day.Sunday, Day.Monday] },
    ]);
    await expect(shifts.save({ id: 3, days: [3 as never] })).rejects.toThrow('violates check constraint');
  });
});

it('keeps arrays of tables that it creates as jsonb, where that is allowed', async () => {
  const { orm } = cluster;
  const options = { ...orm, dsql: { ...orm.dsql, arrays: 'jsonb' as const }, dropSchema: true };
  await withDataSource(options, async ({ dataSource }) => {
    const queryRunner = dataSource.createQueryRunner();
    const tags = new TableColumn({ name: 'tags', type: 'text', isArray: true, default: "'{a,b}'" });
    const sizes = new TableColumn({
      name: 'sizes',
      type: 'enum',
      enum: ['small', 'large'],
      isArray: true,
      isNullable: true,
    });
    await queryRunner.createTable(drawers());
    await queryRunner.addColumn('drawers', tags);
    await queryRunner.createTable(
      new Table({ name: 'shelves', columns: [{ name: 'id', type: 'int', isPrimary: true }, tags, sizes] }),
    );
    await queryRunner.query("INSERT INTO drawers (label) VALUES ('x')");
    await queryRunner.query(`INSERT INTO shelves (id, sizes) VALUES (1, '["small"]')`);
    await expect(
      queryRunner.query('SELECT shelves.tags, drawers.tags AS others, sizes FROM shelves CROSS JOIN drawers'),
    ).resolves.toEqual([{ tags: ['a', 'b'], others: ['a', 'b'], sizes: ['small'] }]);
    await expect(
      queryRunner.query(`INSERT INTO shelves (id, sizes) VALUES (2, '["huge"]')`),
    ).rejects.toMatchObject({ code: '23514' });
    await queryRunner.executeMemoryDownSql();
    await expect(queryRunner.hasTable('shelves')).resolves.toBe(false);
    await queryRunner.release();
  });
});
