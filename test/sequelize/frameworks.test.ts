import 'reflect-metadata';
import 'aurora-dsql-orm/sequelize/register';
import { randomUUID } from 'node:crypto';
import { createDsqlSequelize, DsqlSequelize, runInTransaction } from 'aurora-dsql-orm/sequelize';
import { Global, Injectable, Module } from '@nestjs/common';
import { getConnectionToken, InjectModel, SequelizeModule } from '@nestjs/sequelize';
import { Test } from '@nestjs/testing';
import { createNamespace } from 'cls-hooked';
import * as sequelizeModule from 'sequelize';
import type { Transaction } from 'sequelize';
import {
  BelongsTo,
  BelongsToMany,
  Column,
  DataType,
  Default,
  ForeignKey,
  HasMany,
  Model,
  PrimaryKey,
  Sequelize,
  Table,
} from 'sequelize-typescript';
import { useCluster } from '../cluster';
import { failure } from './accounts';

@Table({ tableName: 'house', timestamps: false })
class House extends Model {
  @PrimaryKey
  @Default(DataType.UUIDV4)
  @Column(DataType.UUID)
  declare id: string;

  @Column({ type: DataType.STRING, allowNull: false })
  declare street: string;

  @HasMany(() => Cat)
  declare cats?: Cat[];
}

@Table({ tableName: 'cat', timestamps: false, version: true })
class Cat extends Model {
  @PrimaryKey
  @Default(DataType.UUIDV4)
  @Column(DataType.UUID)
  declare id: string;

  @Column({ type: DataType.STRING, allowNull: false })
  declare name: string;

  @Default(0)
  @Column(DataType.INTEGER)
  declare meals: number;

  @ForeignKey(() => House)
  @Column(DataType.UUID)
  declare houseId: string | null;

  @BelongsTo(() => House)
  declare house?: House;

  @BelongsToMany(() => Toy, () => CatToy)
  declare toys?: Toy[];
}

@Table({ tableName: 'toy', timestamps: false })
class Toy extends Model {
  @PrimaryKey
  @Default(DataType.UUIDV4)
  @Column(DataType.UUID)
  declare id: string;

  @Column(DataType.STRING)
  declare name: string;

  @BelongsToMany(() => Cat, () => CatToy)
  declare cats?: Cat[];
}

@Table({ tableName: 'cat_toy', timestamps: false })
class CatToy extends Model {
  @PrimaryKey
  @ForeignKey(() => Cat)
  @Column(DataType.UUID)
  declare catId: string;

  @PrimaryKey
  @ForeignKey(() => Toy)
  @Column(DataType.UUID)
  declare toyId: string;
}

const cluster = useCluster();
const models = [House, Cat, Toy, CatToy];

beforeAll(async () => {
  const sequelize = new (DsqlSequelize(Sequelize))({ ...cluster.orm, logging: false, models });
  await sequelize.sync();
  await sequelize.close();
});
afterEach(() => {
  cluster.local.faults.clear();
});

/** Two conflicts where the next transaction commits a cat. */
const conflicts = () => cluster.local.faults.failCommit({ error: 'OC000', table: 'cat', times: 2 });

describe('sequelize-typescript', () => {
  let sequelize: Sequelize;

  afterEach(async () => {
    await sequelize.close();
  });

  it('reads and writes models with decorators and their associations', async () => {
    sequelize = new (DsqlSequelize(Sequelize))({ ...cluster.orm, logging: false, models });
    const house = await House.create(
      { street: 'Elm', cats: [{ name: 'Tom' }, { name: 'Kit' }] },
      { include: [Cat] },
    );
    const tom = await Cat.findOne({ where: { name: 'Tom', houseId: house.id }, rejectOnEmpty: true });
    await tom.$add('toys', await Toy.create({ name: 'ball' }));
    const found = await House.findByPk(house.id, {
      include: [{ model: Cat, include: [Toy] }],
      order: [['cats', 'name', 'ASC']],
      rejectOnEmpty: true,
    });
    expect(found.cats?.map(({ name, toys }) => [name, toys?.map((toy) => toy.name)])).toStrictEqual([
      ['Kit', []],
      ['Tom', ['ball']],
    ]);
  });

  it('runs transactions and findOrCreate again after a conflict', async () => {
    const onDsql = new (DsqlSequelize(Sequelize))({ ...cluster.orm, logging: false, models });
    sequelize = onDsql;
    const { id } = await Cat.create({ name: 'Ann' });
    let fault = conflicts();
    await onDsql.transaction(async (transaction) => {
      const cat = await Cat.findByPk(id, { transaction, rejectOnEmpty: true });
      await cat.update({ meals: cat.meals + 1 }, { transaction });
    });
    expect([fault.fired, (await Cat.findByPk(id))?.meals]).toStrictEqual([2, 1]);
    fault = conflicts();
    const name = randomUUID();
    const [, isNew] = await Cat.findOrCreate({ where: { name } });
    expect([fault.fired, isNew, await Cat.count({ where: { name } })]).toStrictEqual([2, true, 1]);
  });

  it('gives repositories', async () => {
    sequelize = new (DsqlSequelize(Sequelize))({
      ...cluster.orm,
      logging: false,
      repositoryMode: true,
      models,
    });
    const [houses, cats] = [sequelize.getRepository(House), sequelize.getRepository(Cat)];
    const house = await houses.create({ street: 'Oak' });
    await runInTransaction(sequelize, (transaction) =>
      cats.bulkCreate([{ name: 'Mia', houseId: house.id }], { transaction }),
    );
    const found = await houses.findByPk(house.id, { include: [cats], rejectOnEmpty: true });
    expect(found.cats?.map(({ name }) => name)).toStrictEqual(['Mia']);
  });
});

describe('NestJS', () => {
  @Injectable()
  class CatService {
    constructor(@InjectModel(Cat) readonly cats: typeof Cat) {}

    feed(id: string): Promise<void> {
      const { sequelize } = this.cats;
      if (!sequelize) throw new Error('The model is not initialized.');
      return runInTransaction(sequelize, async (transaction) => {
        const cat = await this.cats.findByPk(id, { transaction, rejectOnEmpty: true });
        await cat.update({ meals: cat.meals + 1 }, { transaction });
      });
    }
  }

  const ways: readonly [string, () => object][] = [
    [
      'forRoot with register',
      () =>
        SequelizeModule.forRoot({
          dialect: 'postgres',
          host: cluster.orm.host,
          port: cluster.orm.port,
          logging: false,
          dsql: cluster.orm.dsql,
          autoLoadModels: true,
          retryAttempts: 0,
        }),
    ],
    [
      'a connection of ones own',
      () => {
        const token = getConnectionToken();
        const useFactory = () => new (DsqlSequelize(Sequelize))({ ...cluster.orm, logging: false, models });

        @Global()
        @Module({ providers: [{ provide: token, useFactory }], exports: [token] })
        class DatabaseModule {
          readonly isGlobal = true;
        }
        return DatabaseModule;
      },
    ],
  ];

  it.each(ways)('injects models through %s', async (_, database) => {
    const module = await Test.createTestingModule({
      imports: [database() as never, SequelizeModule.forFeature(models)],
      providers: [CatService],
    }).compile();
    const service = module.get(CatService);
    const { id } = await service.cats.create({ name: 'Leo' });
    const fault = conflicts();
    await service.feed(id);
    expect([fault.fired, (await service.cats.findByPk(id))?.meals]).toStrictEqual([2, 1]);
    await service.cats.sequelize?.close();
    await module.close();
  });
});

describe('CLS with cls-hooked', () => {
  // Sequelize keeps the namespace on its class: this is a class of its own.
  class WithCls extends sequelizeModule.Sequelize {}
  let sequelize: ReturnType<typeof createDsqlSequelize>;

  beforeAll(() => {
    const namespace = createNamespace('test');
    (WithCls as unknown as { useCLS(of: object): void }).useCLS(namespace);
    sequelize = new (DsqlSequelize(WithCls))({ ...cluster.orm, logging: false });
  });
  afterAll(async () => {
    delete (sequelizeModule.Sequelize as unknown as { _cls?: unknown })._cls;
    await sequelize.close();
  });

  const define = () =>
    sequelize.define(
      'Cat',
      {
        id: { type: DataType.UUID, defaultValue: DataType.UUIDV4, primaryKey: true },
        name: DataType.STRING,
        meals: { type: DataType.INTEGER, defaultValue: 0 },
        version: { type: DataType.INTEGER, defaultValue: 0 },
      },
      { tableName: 'cat', timestamps: false },
    );

  it('passes the transaction on to everything that is called in the callback, in each attempt', async () => {
    const Cats = define();
    const name = randomUUID();
    const fault = conflicts();
    const seen: unknown[] = [];
    await sequelize.transaction(async (transaction: Transaction) => {
      const [cat] = await Cats.findOrCreate({ where: { name } });
      await Promise.all([Cats.increment('meals', { where: { name } }), cat.reload()]);
      await sequelize.query('SELECT 1');
      seen.push(transaction);
    });
    expect([fault.fired, new Set(seen).size]).toStrictEqual([2, 3]);
    expect(await Cats.findAll({ where: { name }, raw: true })).toMatchObject([{ meals: 1 }]);
  });

  it('takes everything back when the callback fails', async () => {
    const Cats = define();
    const name = randomUUID();
    const mistake = new Error('out of milk');
    const work = sequelize.transaction(async () => {
      await Cats.create({ name });
      expect(await Cats.count({ where: { name } })).toBe(1);
      expect(await Cats.count({ where: { name }, transaction: null })).toBe(0);
      throw mistake;
    });
    expect(await failure(work)).toBe(mistake);
    expect(await Cats.count({ where: { name } })).toBe(0);
  });

  it('keeps transactions that run at the same time apart, and none outside', async () => {
    const Cats = define();
    const names = Array.from({ length: 5 }, () => randomUUID());
    let missing = names.length;
    let letGo: (() => void) | undefined;
    const allHaveWritten = new Promise<void>((resolve) => (letGo = resolve));
    await Promise.all(
      names.map((name) =>
        sequelize.transaction(async () => {
          await Cats.create({ name });
          if (--missing === 0) letGo?.();
          await allHaveWritten;
          expect(await Cats.count({ where: { name: names } })).toBe(1);
        }),
      ),
    );
    expect(await Cats.count({ where: { name: names } })).toBe(5);
    const recording = cluster.local.trace.start();
    await Cats.count();
    expect(recording.stop().statements.map(({ kind }) => kind)).toStrictEqual(['read']);
  });
});
