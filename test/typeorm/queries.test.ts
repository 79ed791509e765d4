import { pipeline } from 'node:stream/promises';
import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  EventSubscriber,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  type DataSource,
  type EntityManager,
  type EntitySubscriberInterface,
  type InsertEvent,
  type Logger,
  type Relation,
  type UpdateEvent,
} from 'typeorm';
import { useCluster } from '../cluster';

@Entity()
class Team {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', unique: true })
  name!: string;

  @Column({ type: 'integer', default: 0 })
  points!: number;

  @Column({ type: 'bigint', default: 0 })
  followers!: string;

  @OneToMany(() => Player, (player) => player.team)
  players!: Relation<Player>[];
}

@Entity()
class Player {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @ManyToOne(() => Team, (team) => team.players, { nullable: true, onDelete: 'CASCADE' })
  team!: Relation<Team> | null;

  @ManyToMany(() => Skill)
  @JoinTable({
    name: 'player_skill',
    joinColumn: { name: 'playerId' },
    inverseJoinColumn: { name: 'skillId' },
  })
  skills!: Relation<Skill>[];
}

@Entity()
class Skill {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  label!: string;
}

@Entity()
class Measure {
  @PrimaryColumn({ type: 'integer' })
  place!: number;

  @PrimaryColumn({ type: 'integer' })
  number!: number;
}

const cluster = useCluster();
const entities = [Team, Player, Skill, Measure];
const tables = [
  `CREATE TABLE team (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE,
    points integer NOT NULL DEFAULT 0, followers bigint NOT NULL DEFAULT 0)`,
  `CREATE TABLE player (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL,
    "teamId" uuid REFERENCES team (id) ON DELETE CASCADE)`,
  'CREATE TABLE skill (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), label text NOT NULL)',
  `CREATE TABLE player_skill ("playerId" uuid REFERENCES player (id) ON DELETE CASCADE,
    "skillId" uuid REFERENCES skill (id) ON DELETE CASCADE, PRIMARY KEY ("playerId", "skillId"))`,
  'CREATE TABLE measure (place integer, number integer, PRIMARY KEY (place, number))',
];
let dataSource: DataSource;

const open = (more: Partial<DsqlDataSourceOptions> = {}) =>
  createDsqlDataSource({ ...cluster.orm, entities, ...more }).initialize();

async function using<T>(more: Partial<DsqlDataSourceOptions>, work: (source: DataSource) => Promise<T>) {
  const source = await open(more);
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}

const upgrading = () => {
  const { dsql } = cluster.orm;
  return { dsql: { ...dsql, simplify: { rowLocks: true } } };
};

/** What was sent, and what the host had to say about it. */
function listeningLogger() {
  const heard = { queries: [] as string[], slow: [] as string[], errors: [] as string[] };
  const nothing = () => undefined;
  const logger: Logger = {
    log: nothing,
    logQuery: (query) => heard.queries.push(query),
    logQueryError: (error) => heard.errors.push(String(error)),
    logQuerySlow: (_, query) => heard.slow.push(query),
    logSchemaBuild: nothing,
    logMigration: nothing,
  };
  return { heard, logger };
}

beforeAll(async () => {
  dataSource = await open();
  for (const table of tables) await dataSource.query(table);
});
afterAll(async () => {
  await dataSource.destroy();
});
beforeEach(async () => {
  for (const entity of entities) await dataSource.getRepository(entity).clear();
});

describe('writes', () => {
  it('upsert inserts or updates, and leaves equal rows alone', async () => {
    const teams = dataSource.getRepository(Team);
    await teams.insert({ name: 'red', points: 1 });
    const result = await teams.upsert(
      [
        { name: 'red', points: 5 },
        { name: 'blue', points: 2 },
      ],
      ['name'],
    );
    expect(result.identifiers).toHaveLength(2);
    await teams.upsert(
      { name: 'blue', points: 2 },
      { conflictPaths: ['name'], skipUpdateIfNoValuesChanged: true },
    );
    expect(await teams.find({ select: { name: true, points: true }, order: { name: 'ASC' } })).toMatchObject([
      { name: 'blue', points: 2 },
      { name: 'red', points: 5 },
    ]);
  });

  it('insert().orIgnore() passes over what is there', async () => {
    await dataSource.getRepository(Team).insert({ name: 'red' });
    await dataSource
      .createQueryBuilder()
      .insert()
      .into(Team)
      .values([{ name: 'red' }, { name: 'blue' }])
      .orIgnore()
      .execute();
    expect(await dataSource.getRepository(Team).count()).toBe(2);
  });

  it('returning gives what was written', async () => {
    const inserted = await dataSource
      .createQueryBuilder()
      .insert()
      .into(Team)
      .values({ name: 'red' })
      .returning(['id', 'points'])
      .execute();
    expect(inserted.generatedMaps[0]).toMatchObject({ points: 0 });
    const updated = await dataSource
      .createQueryBuilder()
      .update(Team)
      .set({ points: () => 'points + 3' })
      .where({ name: 'red' })
      .returning('points')
      .execute();
    expect(updated).toMatchObject({ affected: 1, raw: [{ points: 3 }] });
    const deleted = await dataSource.createQueryBuilder().delete().from(Team).returning('*').execute();
    expect(deleted).toMatchObject({ affected: 1, raw: [{ name: 'red', points: 3 }] });
  });

  it('increment and decrement add up', async () => {
    const teams = dataSource.getRepository(Team);
    await teams.insert({ name: 'red' });
    await Promise.all(Array.from({ length: 10 }, () => teams.increment({ name: 'red' }, 'points', 2)));
    await teams.decrement({ name: 'red' }, 'points', 5);
    expect(await teams.findOneByOrFail({ name: 'red' })).toMatchObject({ points: 15 });
  });

  it('a query builder writes and removes relations', async () => {
    const [red] = (await dataSource.getRepository(Team).insert({ name: 'red' })).identifiers;
    const player = await dataSource.getRepository(Player).save({ name: 'Ada' });
    const skill = await dataSource.getRepository(Skill).save({ label: 'pass' });
    const relation = (name: string) => dataSource.createQueryBuilder().relation(Player, name).of(player);
    await relation('team').set(red);
    await relation('skills').add(skill);
    const found = () =>
      dataSource.getRepository(Player).findOneOrFail({ where: {}, relations: { team: true, skills: true } });
    expect(await found()).toMatchObject({ team: { name: 'red' }, skills: [{ label: 'pass' }] });
    await relation('skills').remove(skill);
    expect(await found()).toMatchObject({ skills: [] });
  });
});

describe('finds', () => {
  beforeEach(async () => {
    const [red] = (await dataSource.getRepository(Team).insert({ name: 'red' })).identifiers;
    await dataSource.getRepository(Player).insert([
      { name: 'Ada', team: red },
      { name: 'Bob', team: red },
    ]);
  });

  it.each(['join', 'query'] as const)('relations are loaded by %s', async (relationLoadStrategy) => {
    const [team] = await dataSource
      .getRepository(Team)
      .find({ relations: { players: true }, relationLoadStrategy });
    expect(team?.players.map(({ name }) => name).sort()).toStrictEqual(['Ada', 'Bob']);
  });

  it('skip and take count teams, not the rows of a join', async () => {
    const [teams, count] = await dataSource
      .getRepository(Team)
      .findAndCount({ relations: { players: true }, take: 1, order: { name: 'ASC' } });
    expect(teams).toMatchObject([{ players: [{}, {}] }]);
    expect(count).toBe(1);
  });

  it('bigint columns are strings, as on PostgreSQL, and numbers where parseInt8 says so', async () => {
    const read = async (source: DataSource) => [
      (await source.getRepository(Team).findOneByOrFail({})).followers,
      (await source.query<{ n: unknown }[]>('SELECT count(*) AS n FROM player'))[0]?.n,
    ];
    expect(await read(dataSource)).toStrictEqual(['0', '2']);
    expect(await using({ parseInt8: true }, read)).toStrictEqual([0, 2]);
    expect(await read(dataSource)).toStrictEqual(['0', '2']);
  });
});

describe('row locks', () => {
  beforeEach(async () => {
    await dataSource.getRepository(Team).insert({ name: 'red' });
  });

  it.each([
    ['pessimistic_write', 'FOR UPDATE'],
    ['for_key_share', 'FOR KEY SHARE'],
    ['pessimistic_read', 'FOR UPDATE'],
    ['for_no_key_update', 'FOR UPDATE'],
  ] as const)('%s is sent as %s', async (mode, clause) => {
    const { heard, logger } = listeningLogger();
    await using({ logger }, (source) =>
      source.transaction((manager) => manager.findOne(Team, { where: { name: 'red' }, lock: { mode } })),
    );
    expect(heard.queries.some((query) => query.endsWith(clause))).toBe(true);
  });

  it.each([
    [{ mode: 'pessimistic_write', onLocked: 'nowait' }, /NOWAIT.*nothing ever waits/],
    [{ mode: 'pessimistic_write', onLocked: 'skip_locked' }, /SKIP LOCKED.*no row is ever seen to be locked/],
  ] as const)('%j is refused before it is sent, and omitted where that is allowed', async (lock, message) => {
    const { heard, logger } = listeningLogger();
    const find = (source: DataSource) =>
      source.transaction((manager) => manager.findOne(Team, { where: { name: 'red' }, lock }));
    await expect(using({ logger }, find)).rejects.toMatchObject({
      name: 'UnsupportedFeatureError',
      message: expect.stringMatching(message) as string,
    });
    expect(heard.queries.filter((query) => query.includes(' FOR '))).toStrictEqual([]);
    expect(await using({ ...upgrading(), logger }, find)).toMatchObject({ name: 'red' });
    expect(heard.queries.filter((query) => query.endsWith(' FOR UPDATE'))).toHaveLength(1);
  });

  it('a lock of some tables names them', async () => {
    const { heard, logger } = listeningLogger();
    await using({ ...upgrading(), logger }, (source) =>
      source.transaction((manager) =>
        manager
          .createQueryBuilder(Player, 'player')
          .innerJoinAndSelect('player.team', 'team')
          .setLock('pessimistic_read', undefined, ['player'])
          .setOnLocked('nowait')
          .getMany(),
      ),
    );
    expect(heard.queries.some((query) => / FOR UPDATE OF "?player"?$/.test(query))).toBe(true);
  });

  it('a locked row that another transaction changes is a conflict, and the work is run again', async () => {
    let attempts = 0;
    await dataSource.transaction(async (manager) => {
      attempts++;
      const team = await manager.findOneOrFail(Team, {
        where: { name: 'red' },
        lock: { mode: 'pessimistic_write' },
      });
      if (attempts === 1) await dataSource.getRepository(Team).update({ name: 'red' }, { points: 10 });
      await manager.insert(Player, { name: `with ${team.points}`, team });
    });
    expect(attempts).toBe(2);
    expect(await dataSource.getRepository(Player).find()).toMatchObject([{ name: 'with 10' }]);
  });

  it('a lock outside a transaction is refused by TypeORM', async () => {
    const find = dataSource.getRepository(Team).findOne({ where: {}, lock: { mode: 'pessimistic_write' } });
    await expect(find).rejects.toThrow(/transaction/);
  });
});

describe('clear', () => {
  const many = (count: number) =>
    dataSource.query(`INSERT INTO measure SELECT 1, n FROM generate_series(1, ${count}) n`);

  it('deletes more rows than a transaction may change', async () => {
    for (let place = 1; place <= 3; place++) {
      await dataSource.query(`INSERT INTO measure SELECT ${place}, n FROM generate_series(1, 2500) n`);
    }
    const { heard, logger } = listeningLogger();
    await using({ logger }, (source) => source.getRepository(Measure).clear());
    expect(await dataSource.getRepository(Measure).count()).toBe(0);
    expect(heard.queries.filter((query) => query.startsWith('DELETE')).length).toBeGreaterThanOrEqual(3);
  });

  it('is one statement in a transaction, and is rolled back with it', async () => {
    await many(10);
    const failing = dataSource.transaction(async (manager) => {
      await manager.clear(Measure);
      expect(await manager.count(Measure)).toBe(0);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await dataSource.getRepository(Measure).count()).toBe(10);
  });

  it('in a transaction, more rows than it may change are refused by the server with what to do', async () => {
    await many(3000);
    await dataSource.query('INSERT INTO measure VALUES (2, 1)');
    const error: unknown = await dataSource
      .transaction((manager) => manager.clear(Measure))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(QueryFailedError);
    expect(error).toMatchObject({ code: '54000' });
    expect((error as Error).message).toMatch(
      /^transaction row limit exceeded\nAurora DSQL refuses.*inBatches/,
    );
  });

  it('with cascade the tables that depend on it are emptied first', async () => {
    const player = await dataSource.getRepository(Player).save({ name: 'Ada' });
    const skill = await dataSource.getRepository(Skill).save({ label: 'pass' });
    await dataSource.createQueryBuilder().relation(Player, 'skills').of(player).add(skill);
    const queryRunner = dataSource.createQueryRunner();
    await queryRunner.clearTable('skill', { cascade: true });
    await queryRunner.release();
    expect(await dataSource.query('SELECT * FROM player_skill')).toStrictEqual([]);
    expect(await dataSource.getRepository(Player).count()).toBe(1);
  });
});

describe('streams and raw queries', () => {
  it('a query is streamed', async () => {
    await dataSource.query('INSERT INTO measure SELECT 1, n FROM generate_series(1, 500) n');
    const stream = await dataSource
      .getRepository(Measure)
      .createQueryBuilder('m')
      .orderBy('m.number')
      .stream();
    const numbers: number[] = [];
    await pipeline(stream, async (rows: AsyncIterable<{ m_number: number }>) => {
      for await (const { m_number: number } of rows) numbers.push(number);
    });
    expect(numbers).toHaveLength(500);
    expect(numbers.at(-1)).toBe(500);
  });

  describe.each(['outside a transaction', 'in a transaction'])('%s', (where) => {
    const run = (work: (manager: EntityManager) => Promise<unknown>) =>
      where === 'in a transaction' ? dataSource.transaction(work) : work(dataSource.manager);

    it.each([
      [
        'TRUNCATE team',
        '0A000',
        /^unsupported statement: Truncate\nAurora DSQL refuses TRUNCATE.*DELETE in batches/,
      ],
      ['SELECT nothing FROM team', '42703', /^column "nothing" does not exist$/],
      ['SELECT 1 / (300 - n) FROM generate_series(1, 500) n', '22012', /^division by zero$/],
    ])('a stream of %s ends with the error that a query has', async (sql, code, message) => {
      const onError = jest.fn();
      const rows: unknown[] = [];
      const read = run(async ({ queryRunner }) => {
        const runner = queryRunner ?? dataSource.createQueryRunner();
        try {
          const stream = await runner.stream(sql, [], undefined, onError);
          for await (const row of stream) rows.push(row);
        } finally {
          if (runner !== queryRunner) await runner.release();
        }
      });
      await expect(read).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message) as string,
        stack: expect.stringContaining('\n    at ') as string,
      });
      expect(rows).toHaveLength(code === '22012' ? 200 : 0);
      expect(onError).toHaveBeenCalledTimes(1);
      expect(await dataSource.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
    });
  });

  it.each([10, 100, 250])(
    'a stream of %i rows ends with the conflict that its commit meets',
    async (count) => {
      const queryRunner = dataSource.createQueryRunner();
      const sql = `SELECT n FROM generate_series(1, ${count}) n`;
      const fault = cluster.local.faults.failCommit({ error: 'OC001', times: 1 });
      const stream = await queryRunner.stream(sql);
      await expect(stream.toArray()).rejects.toMatchObject({ code: '40001' });
      expect(fault.fired).toBe(1);
      const again = await queryRunner.stream(sql);
      expect(await again.toArray()).toHaveLength(count);
      await queryRunner.release();
    },
  );

  it('behind a stream that is left early its query runner goes on', async () => {
    await dataSource.query('INSERT INTO measure SELECT 1, n FROM generate_series(1, 500) n');
    const queryRunner = dataSource.createQueryRunner();
    const stream = await queryRunner.stream('SELECT number FROM measure ORDER BY number');
    for await (const row of stream) {
      expect(row).toEqual({ number: 1 });
      break;
    }
    expect(await queryRunner.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
    await queryRunner.release();
    await expect(queryRunner.stream('SELECT 1')).rejects.toThrow(QueryRunnerAlreadyReleasedError);
  });

  it('raw queries answer as on PostgreSQL', async () => {
    await dataSource.getRepository(Team).insert([{ name: 'red' }, { name: 'blue' }]);
    expect(await dataSource.query('SELECT name FROM team WHERE name = $1', ['red'])).toStrictEqual([
      { name: 'red' },
    ]);
    expect(await dataSource.query('UPDATE team SET points = 1')).toStrictEqual([[], 2]);
    expect(await dataSource.query('DELETE FROM team')).toStrictEqual([[], 2]);
  });

  it.each([
    [
      'TRUNCATE team',
      '0A000',
      /^unsupported statement: Truncate\nAurora DSQL refuses TRUNCATE.*DELETE in batches/,
    ],
    ['SAVEPOINT one', '0A000', /End the transaction and begin another one/],
    ["CREATE TYPE colour AS ENUM ('red')", '0A000', /text with a CHECK constraint/],
    ['SELECT * FROM team FOR SHARE NOWAIT', undefined, /nothing ever waits/],
  ])('%s is refused with the reason', async (sql, code, message) => {
    const error: unknown = await dataSource.query(sql).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
    expect((error as { code?: string }).code).toBe(code);
    expect((error as Error).stack).toMatch(message.source.startsWith('^') ? /Aurora DSQL refuses/ : message);
  });
});

describe('what surrounds a query', () => {
  it('the query result cache keeps, renews and forgets', async () => {
    await using({ cache: true }, async (source) => {
      await source.queryResultCache?.synchronize();
      const teams = source.getRepository(Team);
      const count = () => teams.count({ cache: { id: 'teams', milliseconds: 60_000 } });
      await teams.insert({ name: 'red' });
      expect(await count()).toBe(1);
      await teams.insert({ name: 'blue' });
      expect(await count()).toBe(1);
      await source.queryResultCache?.remove(['teams']);
      expect(await count()).toBe(2);
      await teams.insert({ name: 'green' });
      await source.queryResultCache?.clear();
      expect(await count()).toBe(3);
      const long = await teams
        .createQueryBuilder('t')
        .where('t.name = :name', { name: 'red' })
        .cache(60_000)
        .getMany();
      expect(long).toMatchObject([{ name: 'red' }]);
      await source.query('DROP TABLE "query-result-cache"');
    });
  });

  it('subscribers hear of writes and of the commit', async () => {
    const events: string[] = [];
    class TeamSubscriber implements EntitySubscriberInterface<Team> {
      listenTo() {
        return Team;
      }
      beforeInsert({ entity }: InsertEvent<Team>) {
        events.push(`before insert ${entity.name}`);
      }
      afterUpdate({ updatedColumns }: UpdateEvent<Team>) {
        events.push(`after update of ${updatedColumns.map(({ propertyName }) => propertyName).join()}`);
      }
      afterTransactionCommit() {
        events.push('committed');
      }
    }
    EventSubscriber()(TeamSubscriber);
    await using({ subscribers: [TeamSubscriber] }, async (source) => {
      const team = await source.getRepository(Team).save({ name: 'red' });
      team.points = 3;
      await source.getRepository(Team).save(team);
    });
    expect(events).toStrictEqual(['before insert red', 'committed', 'after update of points', 'committed']);
  });

  it('logging tells of queries, errors and slow queries', async () => {
    const { heard, logger } = listeningLogger();
    await using({ logger, maxQueryExecutionTime: 1 }, async (source) => {
      await source.query('SELECT count(*) FROM generate_series(1, 2000000)');
      await source.query('SELECT * FROM nobody').catch(() => undefined);
    });
    expect(heard.queries).toContain('SELECT * FROM nobody');
    expect(heard.slow).toContain('SELECT count(*) FROM generate_series(1, 2000000)');
    expect(heard.errors).toStrictEqual(['error: relation "nobody" does not exist']);
  });
});

describe('options that are given later', () => {
  it('ours survive those of the command line', async () => {
    const { dsql } = cluster.orm;
    const source = createDsqlDataSource({ ...cluster.orm, dsql: { ...dsql, nested: 'join' }, entities });
    source.setOptions({ synchronize: false, migrationsRun: false, dropSchema: false, logging: false });
    await source.initialize();
    const joined = source.transaction((manager) => manager.transaction((inner) => inner.count(Team)));
    await expect(joined).resolves.toBe(0);
    await source.destroy();
  });

  it('a host that is given later is the one that is reached', async () => {
    const source = createDsqlDataSource({
      dsql: cluster.orm.dsql,
      host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
    });
    const { host, port } = cluster.orm;
    source.setOptions({ host, port });
    await source.initialize();
    expect(await source.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
    await source.destroy();
  });

  it('and `dsql` given later takes the place of the one before', async () => {
    const source = createDsqlDataSource({ ...cluster.orm, entities });
    source.setOptions({ dsql: { ...cluster.orm.dsql, nested: 'join' } } as object);
    await source.initialize();
    const joined = source.transaction((manager) => manager.transaction((inner) => inner.count(Team)));
    await expect(joined).resolves.toBe(0);
    await source.destroy();
  });

  it.each([
    ['password', { password: 'x' }],
    ['ssl', { ssl: false }],
    ['dsql.hostname', { dsql: { hostname: 'x' } }],
  ])('%s is refused by name', (option, options) => {
    const source = createDsqlDataSource(cluster.orm);
    expect(() => source.setOptions(options as object)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option }) as Error,
    );
  });
});

describe('replication', () => {
  it('reads go to a replica, writes and transactions to the master', async () => {
    const { host, port, dsql } = cluster.orm;
    const source = createDsqlDataSource({
      replication: {
        master: { host, port, applicationName: 'master' },
        slaves: [{ host, port, applicationName: 'replica' }],
      },
      entities,
      dsql,
    });
    await source.initialize();
    const where = "SELECT current_setting('application_name') AS name";
    const namesOf = async (rows: Promise<unknown>) => ((await rows) as { name: string }[])[0]?.name;
    expect(await namesOf(source.query(where))).toMatch(/^master/);
    const replica = source.createQueryRunner('slave');
    expect(await namesOf(replica.query(where))).toMatch(/^replica/);
    await replica.release();
    const read = source
      .getRepository(Team)
      .createQueryBuilder('t')
      .select("current_setting('application_name')", 'name');
    await source.getRepository(Team).insert({ name: 'red' });
    expect(await read.getRawOne()).toMatchObject({ name: expect.stringMatching(/^replica/) as string });
    expect(await source.transaction((manager) => namesOf(manager.query(where)))).toMatch(/^master/);
    await source.destroy();
  });
});
