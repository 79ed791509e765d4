import 'reflect-metadata';
import { DsqlPool } from 'aurora-dsql-orm';
import type { Faults } from 'aurora-dsql-orm/local';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes, Model, type Sequelize } from 'sequelize';
import { Column, Entity, PrimaryColumn, type DataSource } from 'typeorm';
import { useCluster } from '../cluster';

@Entity('note')
class Note {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'integer' })
  views!: number;
}

interface Row {
  readonly id: number;
  readonly views: number;
}

class NoteModel extends Model {
  declare id: number;
  declare views: number;
}

const cluster = useCluster();
let pool: DsqlPool;
let dataSource: DataSource;
let sequelize: Sequelize;

beforeAll(async () => {
  pool = new DsqlPool(cluster.connection);
  pool.on('error', () => undefined); // of idle connections, when the cluster stops first
  await pool.query('CREATE TABLE note (id integer PRIMARY KEY, views integer NOT NULL)');
  const dsql = { ...cluster.orm.dsql, commitMarkers: true };
  dataSource = createDsqlDataSource({
    ...cluster.orm,
    dsql,
    entities: [Note],
    poolErrorHandler: () => undefined,
  });
  await dataSource.initialize();
  sequelize = createDsqlSequelize({ ...cluster.orm, dsql, logging: false });
  NoteModel.init(
    { id: { type: DataTypes.INTEGER, primaryKey: true }, views: DataTypes.INTEGER },
    { sequelize, tableName: 'note', timestamps: false },
  );
});
beforeEach(async () => {
  await pool.query('DELETE FROM note');
  await pool.query('INSERT INTO note VALUES (1, 10)');
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(async () => {
  await Promise.all([pool.end(), dataSource.destroy(), sequelize.close()]);
});

const notes = async () => (await pool.query<Row>('SELECT id, views FROM note ORDER BY id')).rows;

const losses: Readonly<Record<string, (faults: Faults) => { readonly fired: number }>> = {
  'the connection is cut before COMMIT': (faults) =>
    faults.cutConnection({ at: 'before commit', table: 'note', times: 1 }),
  'the connection is cut after COMMIT': (faults) =>
    faults.cutConnection({ at: 'after commit', table: 'note', times: 1 }),
  'COMMIT is answered with XX000 and was done': (faults) =>
    faults.failCommit({ error: 'XX000', committed: true, table: 'note', times: 1 }),
  'COMMIT is answered with XX000 and was not done': (faults) =>
    faults.failCommit({ error: 'XX000', table: 'note', times: 1 }),
};

const writes: Readonly<Record<string, { run: () => Promise<unknown>; leaves: readonly Row[] }>> = {
  'repository.insert': {
    run: () => dataSource.getRepository(Note).insert({ id: 2, views: 0 }),
    leaves: [
      { id: 1, views: 10 },
      { id: 2, views: 0 },
    ],
  },
  'repository.increment': {
    run: () => dataSource.getRepository(Note).increment({ id: 1 }, 'views', 1),
    leaves: [{ id: 1, views: 11 }],
  },
  'dataSource.query': {
    run: () => dataSource.query('UPDATE note SET views = views + 1'),
    leaves: [{ id: 1, views: 11 }],
  },
  'Model.create': {
    run: () => NoteModel.create({ id: 2, views: 0 }),
    leaves: [
      { id: 1, views: 10 },
      { id: 2, views: 0 },
    ],
  },
  'instance.increment': {
    run: async () => (await NoteModel.findByPk(1, { rejectOnEmpty: true })).increment('views'),
    leaves: [{ id: 1, views: 11 }],
  },
  'Model.destroy': { run: () => NoteModel.destroy({ where: { id: 1 } }), leaves: [] },
};

describe.each(Object.entries(losses))('with commitMarkers, where %s', (_, lose) => {
  it.each(Object.entries(writes))('%s is done once and says so', async (__, { run, leaves }) => {
    const fault = lose(cluster.local.faults);
    await run();
    expect(fault.fired).toBe(1);
    expect(await notes()).toStrictEqual(leaves);
  });
});

describe('with commitMarkers', () => {
  it('an instance goes on after its statement met a conflict', async () => {
    const note = await NoteModel.findByPk(1, { rejectOnEmpty: true });
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'note', times: 2 });
    note.views = 20;
    await note.save();
    expect(fault.fired).toBe(2);
    await note.update({ views: 21 });
    expect(await notes()).toStrictEqual([{ id: 1, views: 21 }]);
  });

  it('two statements at the same time on one query runner are two transactions', async () => {
    const queryRunner = dataSource.createQueryRunner();
    const [first, second] = await Promise.allSettled([
      queryRunner.query('INSERT INTO note VALUES (2, 0)'),
      queryRunner.query('INSERT INTO note VALUES (1, 0)'),
    ]);
    await queryRunner.release();
    expect([first.status, second.status]).toStrictEqual(['fulfilled', 'rejected']);
    expect(await notes()).toHaveLength(2);
  });

  it('reads write nothing', async () => {
    const markers = async () => (await pool.query('SELECT FROM aurora_dsql_orm_commit_marker')).rowCount;
    await dataSource.query('UPDATE note SET views = 0');
    const before = await markers();
    await dataSource.getRepository(Note).find();
    await NoteModel.findAll();
    await dataSource.query(`WITH seen AS (SELECT id FROM note) SELECT * FROM seen`);
    expect(await markers()).toBe(before);
  });
});
