import type { DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import {
  And,
  ArrayContainedBy,
  ArrayContains,
  ArrayOverlap,
  EntitySchema,
  EntitySchemaOptions,
  Equal,
  IsNull,
  Not,
  type DataSource,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { oneOfEvery } from '../../form';
import * as models from './models';
import { differences, none, withDataSource } from './recorded-statements';

const cluster = useCluster();

interface Kind {
  readonly kind: string;
  readonly entities: NonNullable<DsqlDataSourceOptions['entities']>;
  readonly dsql?: DsqlDataSourceOptions['dsql'];
  /** Writes and reads. */
  readonly use: (dataSource: DataSource) => Promise<void>;
}

const { Colour, Level } = models;

const kinds: readonly Kind[] = [
  {
    kind: 'keys from identity columns, and foreign keys to them',
    entities: [models.IncrementKey, models.IdentityKey, models.BigKey, models.RowidKey],
    use: async (dataSource) => {
      const increment = await dataSource.getRepository(models.IncrementKey).save({ name: 'one' });
      expect(increment).toEqual({ id: 1, name: 'one' });
      const identities = dataSource.getRepository(models.IdentityKey);
      const twin = await identities.save({ increment, twin: null });
      await identities.save({ incrementId: 1, twin });
      expect(
        await identities.find({ relations: { increment: true, twin: true }, order: { id: 'ASC' } }),
      ).toMatchObject([
        { id: 1, incrementId: 1, increment: { id: 1 }, twin: null },
        { id: 2, incrementId: 1, increment: { id: 1 }, twin: { id: 1 } },
      ]);
      expect((await identities.insert({ increment })).identifiers).toEqual([{ id: 3 }]);
      expect(await identities.findOne({ where: { id: 1 }, loadRelationIds: true })).toMatchObject({
        increment: 1,
      });
      const big = await dataSource.getRepository(models.BigKey).save({});
      expect(big).toEqual({ id: '1', count: '7' });
      expect(await dataSource.getRepository(models.BigKey).findOneByOrFail({ id: '1' })).toEqual(big);
      expect(await dataSource.getRepository(models.RowidKey).save({})).toEqual({ id: 1, name: 'x' });
    },
  },
  {
    kind: 'uuid, composite and named keys, and a generated number beside the key',
    entities: [models.UuidKey, models.NamedKey, models.Ticket],
    use: async (dataSource) => {
      const saved = await dataSource.getRepository(models.UuidKey).save({});
      expect(await dataSource.getRepository(models.UuidKey).find()).toEqual([saved]);
      await dataSource.getRepository(models.NamedKey).insert([
        { first: 1, second: 'a' },
        { first: 1, second: 'b' },
      ]);
      expect(await dataSource.getRepository(models.NamedKey).countBy({ first: 1 })).toBe(2);
      const id = '7d6a4c8a-6a54-4ba3-9d3c-8a0b7c9b3a11';
      expect(await dataSource.getRepository(models.Ticket).save({ id })).toEqual({ id, number: 1 });
    },
  },
  {
    kind: 'every type of column',
    entities: [models.AllColumns],
    use: async (dataSource) => {
      const repository = dataSource.getRepository(models.AllColumns);
      const written = {
        int: 1,
        big: '9007199254740993',
        real: 0.5,
        float: 0.25,
        numeric: '1.5',
        whole: '12',
        char: 'c',
        chars: 'abcd',
        varchar: 'v',
        bytea: Buffer.from([0, 255]),
        date: '2026-11-05',
        time: '10:11:12.123',
        timetz: '10:11:12+00',
        timestamp: new Date('2026-11-05T10:11:12Z'),
        interval: '1 day',
        simpleArray: ['a', 'b'],
        simpleJson: { deep: { list: [1, 2] } },
        otherColour: Colour.Slashed,
        loud: 'hey',
      };
      const { id } = await repository.save(written);
      expect(await repository.findOneByOrFail({ id })).toMatchObject({
        ...written,
        numeric: '1.500000',
        interval: { days: 1 },
        loud: 'HEY',
        small: -3,
        exact: '1.500',
        text: "it's",
        bool: true,
        json: { a: [1] },
        jsonb: [],
        colour: Colour.Red,
        level: Level.Low,
        generated: 'v!',
        timestamptz: expect.any(Date) as Date,
      });
      await repository.update(id, { level: Level.High, colour: Colour.Quoted });
      expect(await repository.findOneByOrFail({ level: Level.High })).toMatchObject({
        colour: Colour.Quoted,
      });
      await expect(repository.update(id, { colour: 'blue' as never })).rejects.toMatchObject({
        code: '23514',
      });
    },
  },
  {
    kind: 'embedded columns, versions, dates and soft deletes',
    entities: [models.Invoice],
    use: async (dataSource) => {
      const repository = dataSource.getRepository(models.Invoice);
      const invoice = await repository.save({
        total: { amount: '3.50' },
        vat: { amount: '0.70', currency: 'USD' },
      });
      expect(invoice).toMatchObject({ version: 1, total: { currency: 'EUR' }, deletedAt: null });
      invoice.total.amount = '4.00';
      await repository.save(invoice);
      expect(await repository.findOneByOrFail({ id: 1 })).toMatchObject({
        version: 2,
        total: { amount: '4.00' },
      });
      await repository.softRemove(invoice);
      expect(await repository.countBy({ id: 1 })).toBe(0);
      await repository.restore(1);
      expect(await repository.countBy({ deletedAt: IsNull() })).toBe(1);
    },
  },
  {
    kind: 'arrays, as jsonb',
    entities: [models.Lists],
    dsql: { arrays: 'jsonb' },
    use: async (dataSource) => {
      const repository = dataSource.getRepository(models.Lists);
      const { id } = await repository.save({});
      expect(await repository.findOneByOrFail({ id })).toEqual({
        id,
        words: ['a', 'b c'],
        numbers: [1, 2],
        empty: [],
        none: null,
        colours: [Colour.Red],
        times: null,
        days: null,
      });
      const found = (words: unknown) => repository.countBy({ words: words as never });
      expect(await found(ArrayContains(['a']))).toBe(1);
      expect(await found(ArrayContains(['a', 'x']))).toBe(0);
      expect(await found(ArrayContainedBy(['a', 'b c', 'd']))).toBe(1);
      expect(await found(ArrayOverlap(['b c', 'x']))).toBe(1);
      expect(await found(ArrayOverlap(['b', 'x']))).toBe(0);
      expect(await found(ArrayOverlap([]))).toBe(0);
      expect(await found(Not(ArrayOverlap(['x'])))).toBe(1);
      expect(await found(And(ArrayOverlap(['a']), ArrayOverlap(['b c'])))).toBe(1);
      expect(await repository.countBy({ numbers: ArrayOverlap([2, 3]) })).toBe(1);
      expect(await repository.countBy({ numbers: ArrayOverlap([3]), words: ArrayOverlap(['a']) })).toBe(0);
      expect(await repository.countBy({ none: Not(ArrayOverlap([3])) as never })).toBe(0);
      expect(await repository.update({ words: ArrayOverlap(['a']) }, { none: null })).toMatchObject({
        affected: 1,
      });
      expect(await repository.countBy({ words: Equal(['a', 'b c']) as never })).toBe(1);
      await repository.update(id, { words: [], none: [3], colours: [Colour.Quoted, Colour.Red] });
      expect(await repository.findOneByOrFail({ id })).toMatchObject({ words: [], none: [3] });
      const saved = await repository.findOneByOrFail({ id });
      saved.words.push('new');
      await repository.save(saved);
      expect(await repository.findOneByOrFail({ id })).toMatchObject({ words: ['new'], none: [3] });
      await expect(repository.update(id, { colours: ['blue' as never] })).rejects.toMatchObject({
        code: '23514',
      });
      const [time, day] = [new Date('2026-11-29T08:00:00.001Z'), new Date(2026, 10, 29)];
      const dated = await repository.save({ times: [time], days: [day, '2026-11-30'] });
      const read = await repository.findOneByOrFail({ id: dated.id });
      expect(read).toMatchObject({ times: [time], days: [day, new Date(2026, 10, 30)] });
      expect(await repository.countBy({ days: ArrayContains(['2026-11-29']) as never })).toBe(1);
      let updates = 0;
      dataSource.subscribers.push({
        listenTo: () => models.Lists,
        afterUpdate: () => {
          updates++;
        },
      });
      await repository.save(dated);
      await repository.save(read);
      expect(updates).toBe(0);
      read.times = [new Date(time.getTime() + 1)];
      await repository.save(read);
      expect(updates).toBe(1);
      expect(await repository.findOneByOrFail({ id: dated.id })).toMatchObject({ times: read.times });
    },
  },
  {
    kind: 'indexes, unique and check constraints',
    entities: [models.Indexed],
    use: async (dataSource) => {
      const repository = dataSource.getRepository(models.Indexed);
      await repository.insert({ a: 1, b: 'b', c: 'c', d: 'p' });
      const second = { a: 2, b: 'bb', c: 'cc', d: 'q' };
      await expect(repository.insert({ ...second, b: 'b' })).rejects.toMatchObject({ code: '23505' });
      await expect(repository.insert({ ...second, c: 'c' })).rejects.toMatchObject({ code: '23505' });
      await expect(repository.insert({ ...second, a: -1 })).rejects.toMatchObject({ code: '23514' });
      await expect(repository.insert({ ...second, d: null })).rejects.toMatchObject({ code: '23514' });
      await repository.insert(second);
      // The application made it, so it stays.
      await dataSource.query('CREATE INDEX ASYNC by_hand ON indexed (a, c) INCLUDE (d)');
      await dataSource.query('CREATE INDEX ASYNC by_expression ON indexed ((lower(c)))');
    },
  },
  {
    kind: 'relations of every kind',
    entities: [models.Country, models.City, models.Mayor, models.Party, models.Alias],
    use: async (dataSource) => {
      const manager = dataSource.manager;
      const country = await manager.save(models.Country, { code: 'FR' });
      const paris = await manager.save(models.City, { name: 'Paris', country });
      const lyon = await manager.save(models.City, {
        name: 'Lyon',
        country,
        partner: paris,
        neighbours: [paris],
      });
      await manager.save(models.Country, { code: 'FR', capital: paris });
      const alias = await manager.save(models.Alias, { alias: 'greens' });
      const party = await manager.save(models.Party, { alias });
      await manager.save(models.Mayor, { city: lyon, parties: [party] });
      const found = await manager.findOneOrFail(models.City, {
        where: { id: lyon.id },
        relations: {
          country: { capital: true },
          partner: true,
          neighbours: true,
          mayor: { parties: { alias: true } },
        },
      });
      expect(found).toMatchObject({
        country: { code: 'FR', capital: { name: 'Paris' } },
        partner: { id: paris.id },
        neighbours: [{ name: 'Paris' }],
        mayor: { parties: [{ id: party.id, alias: { alias: 'greens' } }] },
      });
      await expect(manager.delete(models.City, { id: paris.id })).rejects.toMatchObject({ code: '23503' });
      await manager.createQueryBuilder().delete().from(models.Mayor).execute();
      await manager.update(models.City, { id: lyon.id }, { partner: null });
      await manager.delete(models.Country, { code: 'FR' });
      expect(await manager.count(models.City)).toBe(0);
    },
  },
  {
    kind: 'trees with a closure table, a materialized path or nested sets',
    entities: [models.ClosureNode, models.PathNode, models.NestedNode],
    use: async (dataSource) => {
      for (const node of [models.ClosureNode, models.PathNode, models.NestedNode]) {
        const trees = dataSource.getTreeRepository<models.PathNode>(node);
        const root = await trees.save({ name: 'root', children: [] });
        const child = await trees.save({ name: 'child', parent: root });
        await trees.save({ name: 'leaf', parent: child });
        expect(await trees.findTrees()).toMatchObject([
          { name: 'root', children: [{ name: 'child', children: [{ name: 'leaf', children: [] }] }] },
        ]);
        expect(await trees.countDescendants(root)).toBe(3);
        expect((await trees.findAncestors(child)).map(({ name }) => name).sort()).toEqual(['child', 'root']);
      }
    },
  },
  {
    kind: 'trees by their parents',
    entities: [models.AdjacentNode],
    use: async (dataSource) => {
      const adjacent = dataSource.getRepository(models.AdjacentNode);
      await adjacent.save({ name: 'root', children: [{ name: 'one' }, { name: 'two' }] });
      expect(
        await adjacent.findOne({ where: { name: 'root' }, relations: { children: true } }),
      ).toMatchObject({ children: [{ name: 'one' }, { name: 'two' }] });
    },
  },
  {
    kind: 'single table inheritance',
    entities: [models.Content, models.Photo, models.Question],
    use: async (dataSource) => {
      const photo = await dataSource.getRepository(models.Photo).save({ title: 'p', tint: Colour.Red });
      await dataSource.getRepository(models.Question).save({ title: 'q', answers: 3, photo });
      expect(await dataSource.getRepository(models.Content).find({ order: { id: 'ASC' } })).toEqual([
        expect.objectContaining({ tint: Colour.Red }),
        expect.objectContaining({ answers: 3 }),
      ]);
      expect(
        await dataSource.getRepository(models.Question).findOne({ where: {}, relations: { photo: true } }),
      ).toMatchObject({ photo: { id: photo.id } });
    },
  },
  {
    kind: 'schemas, and an enum by its name',
    entities: [models.Order, models.OrderLine, models.IncrementKey],
    use: async (dataSource) => {
      const customer = await dataSource.getRepository(models.IncrementKey).save({});
      await dataSource.getRepository(models.Order).save({ customer, lines: [{}, { state: 'done' }] });
      expect(
        await dataSource.getRepository(models.Order).find({ relations: { lines: true, customer: true } }),
      ).toMatchObject([
        { state: 'open', customer: { id: customer.id }, lines: [{ state: 'open' }, { state: 'done' }] },
      ]);
    },
  },
  {
    kind: 'views, also of views',
    entities: [
      models.Country,
      models.City,
      models.Mayor,
      models.Party,
      models.Alias,
      models.Place,
      models.PlaceCount,
    ],
    use: async (dataSource) => {
      const { manager } = dataSource;
      const country = await manager.save(models.Country, { code: 'UZ' });
      await manager.insert(models.City, [
        { name: 'Samarkand', country },
        { name: 'Bukhara', country },
      ]);
      expect(await manager.findBy(models.Place, { name: 'Bukhara' })).toEqual([
        { name: 'Bukhara', code: 'UZ' },
      ]);
      expect(await manager.findBy(models.PlaceCount, { code: 'UZ' })).toEqual([{ code: 'UZ', places: '2' }]);
    },
  },
];

beforeAll(() =>
  withDataSource(cluster.orm, async ({ dataSource }) => {
    await dataSource.createQueryRunner().createSchema('shop', true);
  }),
);

describe.each(oneOfEvery(2, kinds))('$kind', ({ entities, dsql, use }) => {
  const options = () => ({ ...cluster.orm, entities, dsql: { ...cluster.orm.dsql, ...dsql } });

  it('is created and used, and a second synchronize sends nothing', async () => {
    await withDataSource(options(), async (watched) => {
      await watched.dataSource.synchronize();
      expect(await differences(watched)).toEqual(none);
      await use(watched.dataSource);
    });
    await withDataSource(options(), async (watched) => {
      expect(await differences(watched)).toEqual(none);
    });
  });
});

it('entities that share a table get the columns of all of them, and rows of each', async () => {
  const ofPeople = (name: string, column: string) => {
    const columns = {
      id: { type: Number, primary: true, generated: 'increment' },
      [column]: { type: String, nullable: true },
    } as const;
    return new EntitySchema(Object.assign(new EntitySchemaOptions(), { name, tableName: 'people', columns }));
  };
  const entities = [ofPeople('Author', 'pen'), ofPeople('Employee', 'desk')];
  await withDataSource({ ...cluster.orm, entities }, async ({ dataSource }) => {
    await dataSource.synchronize();
    await dataSource.getRepository('Employee').save({ desk: 'a' });
    expect(await dataSource.query('SELECT desk FROM people')).toEqual([{ desk: 'a' }]);
    await dataSource.query('DROP TABLE people');
  });
});
