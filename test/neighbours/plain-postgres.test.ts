import 'reflect-metadata';
import pg from 'pg';
import { DataTypes, Sequelize } from 'sequelize';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { launchPostgres, type PostgresServer } from '../../src/local/postgres';
import { useCluster } from '../cluster';

/** Everything that Aurora DSQL lacks: a serial key, an enum, an array. */
@Entity()
class Ticket {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'enum', enum: ['open', 'closed'], default: 'open' })
  state!: 'open' | 'closed';

  @Column({ type: 'text', array: true, default: () => "'{}'" })
  tags!: string[];

  @Column({ type: 'bigint', default: 5 })
  size!: string;
}

const cluster = useCluster();
let postgres: PostgresServer | undefined;
let host = '';

beforeAll(async () => {
  postgres = await launchPostgres();
  host = postgres.directory;
  // The server's own database looks like a cluster's; one made from the template looks like PostgreSQL's.
  const superuser = new pg.Client({ ...endpoint(), user: postgres.superuser, database: 'postgres' });
  await superuser.connect();
  await superuser.query('CREATE DATABASE plain TEMPLATE template0');
  await superuser.end();
});
afterAll(async () => {
  await postgres?.stop();
});

it('a plain DataSource beside ours behaves as if we were not there', async () => {
  const globals = globalsOf();
  const ours = createDsqlDataSource({ ...cluster.orm, parseInt8: true, useUTC: true });
  await ours.initialize();
  const plain = new DataSource({
    type: 'postgres',
    ...plainEndpoint(),
    entities: [Ticket],
    synchronize: true,
  });
  await plain.initialize();

  await plain.transaction('SERIALIZABLE', async (manager) => {
    await manager.transaction(async (nested) => {
      await nested.save(nested.create(Ticket, { tags: ['a', 'b'] }));
    });
  });
  const [ticket] = await plain.getRepository(Ticket).find();
  expect(ticket).toStrictEqual(
    Object.assign(new Ticket(), { id: 1, state: 'open', tags: ['a', 'b'], size: '5' }),
  );
  expect(await ours.query('SELECT 7::bigint AS seven')).toStrictEqual([{ seven: 7 }]);
  expect(await plain.query('SELECT 7::bigint AS seven')).toStrictEqual([{ seven: '7' }]);

  await plain.destroy();
  await ours.destroy();
  expectUnchanged(globals);
});

it('a plain Sequelize beside ours behaves as if we were not there', async () => {
  const globals = globalsOf();
  const ours = createDsqlSequelize({ ...cluster.orm, logging: false });
  await ours.authenticate();
  const plain = new Sequelize({ dialect: 'postgres', ...plainEndpoint(), logging: false });
  const Job = plain.define('Job', {
    state: { type: DataTypes.ENUM('open', 'closed'), defaultValue: 'open' },
    tags: { type: DataTypes.ARRAY(DataTypes.TEXT), defaultValue: [] },
  });
  await plain.sync({ force: true });
  await plain.transaction(async (transaction) => {
    await plain.transaction({ transaction }, async (nested) => {
      await Job.create({ tags: ['a'] }, { transaction: nested });
    });
  });
  expect(await Job.findAll({ raw: true })).toMatchObject([{ id: 1, state: 'open', tags: ['a'] }]);

  await plain.close();
  await ours.close();
  expectUnchanged(globals);
});

function endpoint() {
  return { host, port: 5432 };
}

function plainEndpoint() {
  return { ...endpoint(), username: postgres?.superuser ?? '', database: 'plain' };
}

/** What a careless neighbour could have changed, each thing by name. */
function globalsOf(): Map<string, unknown> {
  const things: [string, unknown][] = [
    ['parser of int8', pg.types.getTypeParser(pg.types.builtins.INT8)],
    ['parser of date', pg.types.getTypeParser(pg.types.builtins.DATE)],
    ...Object.entries(process.env).map(([name, value]): [string, unknown] => [`env ${name}`, value]),
    ...Object.entries(pg.defaults).map(([name, value]): [string, unknown] => [`pg.defaults.${name}`, value]),
  ];
  for (const { name, prototype } of [pg.Client, pg.Pool, Sequelize, DataSource]) {
    for (const [member, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      things.push([
        `${name}.prototype.${member}`,
        (property.value as unknown) ?? Reflect.get(property, 'get'),
      ]);
    }
  }
  return new Map(things);
}

function expectUnchanged(before: Map<string, unknown>): void {
  const after = globalsOf();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  expect(changed).toStrictEqual([]);
}
