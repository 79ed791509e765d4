import 'reflect-metadata';
import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  EventSubscriber,
  In,
  Index,
  JoinColumn,
  Like,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  Table,
  TableColumn,
  Unique,
  type DataSource,
  type EntitySubscriberInterface,
  type InsertEvent,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { differences, none, withDataSource, type Watched } from './recorded-statements';

const cluster = useCluster();

@Entity()
class Network {
  @PrimaryColumn('cidr')
  range!: string;
}

@Entity()
@Unique('one_address', ['address'])
@Index('by_during', ['during'], { type: 'gist' })
@Index('by_place', ['place'], { spatial: true })
@Index('by_bits', ['bits'])
class Host {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('inet', { default: '0.0.0.0' })
  address!: string;

  @Column('inet', { nullable: true, default: () => "'10.1.1.1'" })
  gateway!: string | null;

  @Column('macaddr8', { nullable: true })
  mac!: string | null;

  @Column({ type: 'bit', length: 8, nullable: true })
  bits!: string | null;

  @Column({ type: 'varbit', length: 5, nullable: true })
  flags!: string | null;

  @Column('money', { nullable: true })
  price!: string | null;

  @Column('xml', { nullable: true })
  document!: string | null;

  @Column('daterange', { nullable: true })
  during!: string | null;

  @Column('int4multirange', { nullable: true })
  ports!: string | null;

  @Column('tsvector', { nullable: true })
  words!: string | null;

  @Column('point', { nullable: true })
  place!: string | object | null;

  @Column('circle', { nullable: true })
  reach!: string | object | null;

  @Column('box', { nullable: true })
  room!: string | null;

  @Column('hstore', { nullable: true, hstoreType: 'object' })
  tags!: string | object | null;

  @Column('hstore', { nullable: true, hstoreType: 'string' })
  labels!: string | null;

  @Column('ltree', { nullable: true })
  path!: string | null;

  @Column('cube', { nullable: true })
  colour!: number[] | null;

  @Column('inet', {
    nullable: true,
    transformer: { to: (value?: string) => value, from: (value?: string) => value && `<${value}>` },
  })
  wrapped!: string | null;

  @ManyToOne(() => Network, { nullable: true })
  @JoinColumn({ name: 'network' })
  network!: Network | null;
}

/** To TypeORM's 0.3 line all indexes are of one kind. */
const builtIndexes = require.resolve('typeorm').includes('typeorm-0.3')
  ? ['by_bits', 'by_during']
  : ['by_bits'];

const written = {
  address: '10.0.0.1',
  mac: '08:00:2b:01:02:03:04:05',
  bits: '10101010',
  flags: '101',
  price: '$12.50',
  document: '<a/>',
  during: '[2026-01-01,2026-02-01)',
  ports: '{[80,81),[443,444)}',
  words: "'a' 'text'",
  place: { x: 10.5, y: -20 },
  reach: { x: 1, y: 2, radius: 3.5 },
  room: '(3,4),(1,2)',
  tags: { a: '1', 'b "c"\\d': null, '': 'x=>y, z' },
  labels: '"a"=>"1"',
  path: 'Top.Science',
  colour: [1, 2.5, 3],
};

const allowed = (options: Partial<DsqlDataSourceOptions> = {}): DsqlDataSourceOptions => ({
  ...cluster.orm,
  dropSchema: true,
  synchronize: true,
  entities: [Host, Network],
  ...options,
  dsql: { ...cluster.orm.dsql, simplify: { columnTypes: true }, ...options.dsql },
});

const typesOf = async (dataSource: DataSource, table: string) => {
  const rows = await dataSource.query<{ name: string; type: string }[]>(
    'SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = $1',
    [table],
  );
  return Object.fromEntries(rows.map(({ name, type }) => [name, type]));
};

describe('entities with types that are kept as text', () => {
  it('are refused with what to declare, and how it is allowed, where it is not', async () => {
    const refused = createDsqlDataSource({ ...cluster.orm, entities: [Host, Network] }).initialize();
    await expect(refused).rejects.toThrow(
      /the type inet of Host\.address.*Declare text\. Or have it kept as text with simplify: \{ columnTypes: true \}/s,
    );
  });

  it('have columns of text, read back as what they are, and synchronize once', async () => {
    await withDataSource(allowed(), async (watched) => {
      const types = Object.values(await typesOf(watched.dataSource, 'host'));
      expect(types.filter((type) => type !== 'text')).toEqual(['uuid']);
      await expect(differences(watched)).resolves.toEqual(none);
      const queryRunner = watched.dataSource.createQueryRunner();
      const table = await queryRunner.getTable('host');
      await queryRunner.release();
      expect(table?.findColumnByName('address')).toMatchObject({ type: 'inet', default: "'0.0.0.0'" });
      expect(table?.findColumnByName('flags')).toMatchObject({ type: 'bit varying', length: '5' });
      expect(table?.findColumnByName('network')).toMatchObject({ type: 'cidr' });
      expect(table?.indices.map(({ name }) => name).sort()).toEqual(builtIndexes);
      expect(table?.uniques.map(({ name }) => name)).toEqual(['one_address']);
    });
  });

  it('save and read the values that PostgreSQL gives of them', async () => {
    await withDataSource(allowed(), async ({ dataSource }) => {
      const hosts = dataSource.getRepository(Host);
      const network = await dataSource.getRepository(Network).save({ range: '10.0.0.0/8' });
      const saved = await hosts.save({ ...written, network, wrapped: '::2' });
      const read = await hosts.findOneOrFail({
        where: { address: '10.0.0.1' },
        relations: { network: true },
      });
      expect(read).toMatchObject({
        ...written,
        id: saved.id,
        gateway: '10.1.1.1',
        network,
        wrapped: '<::2>',
      });
      expect(await hosts.findOneBy({ network: { range: '10.0.0.0/8' } })).toMatchObject({ id: saved.id });

      await hosts.save({ id: saved.id, place: { x: 0, y: 1 }, tags: { b: '2' }, colour: [], path: 'Top' });
      await hosts.update(saved.id, { reach: '<(0,0),1>', mac: null });
      await hosts.createQueryBuilder().update().set({ bits: '00000000' }).where({ flags: '101' }).execute();
      expect(await hosts.findOneByOrFail({ path: Like('Top%') })).toMatchObject({
        place: { x: 0, y: 1 },
        tags: { b: '2' },
        colour: [],
        path: 'Top',
        reach: { x: 0, y: 0, radius: 1 },
        mac: null,
        bits: '00000000',
      });
      const [raw] = await hosts.createQueryBuilder('h').select('h.place', 'place').getRawMany<object>();
      expect(raw).toEqual({ place: '(0,1)' });
      await expect(hosts.insert({ address: '10.0.0.1' })).rejects.toMatchObject({ code: '23505' });
    });
  });

  it('read geometric values as node-postgres gives them, however they are written', async () => {
    @Entity()
    class Shape {
      @PrimaryGeneratedColumn()
      id!: number;

      @Column('point', { nullable: true })
      point?: unknown;

      @Column('circle', { nullable: true })
      circle?: unknown;

      @Column('line', { nullable: true })
      line?: unknown;

      @Column('lseg', { nullable: true })
      lseg?: unknown;

      @Column('box', { nullable: true })
      box?: unknown;

      @Column('path', { nullable: true })
      path?: unknown;

      @Column('polygon', { nullable: true })
      polygon?: unknown;
    }
    // What PostgreSQL 15 and node-postgres made of the texts.
    const shown: readonly [kind: Exclude<keyof Shape, 'id'>, text: string, value: unknown][] = [
      ['point', '(1,2)', { x: 1, y: 2 }],
      ['point', ' ( 1e3 , -.5 ) ', { x: 1000, y: -0.5 }],
      ['point', '1,2', { x: 1, y: 2 }],
      ['point', '(Infinity,-inf)', { x: Infinity, y: -Infinity }],
      ['circle', '<(1,2),3>', { x: 1, y: 2, radius: 3 }],
      ['circle', '((1,2),3)', { x: 1, y: 2, radius: 3 }],
      ['circle', '4, 5, 12', { x: 4, y: 5, radius: 12 }],
      ['line', '{1, 2, 3}', '{1,2,3}'],
      ['line', '[(1,2),(3,4)]', '{1,-1,1}'],
      ['line', '(1,2),(1,4)', '{-1,0,1}'],
      ['line', '1,2,3,2', '{0,-1,2}'],
      ['lseg', '(1,2), (3,4)', '[(1,2),(3,4)]'],
      ['box', '(1,4),(3,2)', '(3,4),(1,2)'],
      ['box', '1e15,0.00001,0,0', '(1e+15,1e-05),(0,0)'],
      ['path', '[(1,2),(3,4),(5,6)]', '[(1,2),(3,4),(5,6)]'],
      ['path', '3,1,2,8', '((3,1),(2,8))'],
      ['polygon', '(3,1),(2,8),(10,4)', '((3,1),(2,8),(10,4))'],
    ];
    // PostgreSQL refuses these.
    const unread = ['(1,2,3)', 'nowhere', '(,)', ''];
    await withDataSource(allowed({ entities: [Shape] }), async ({ dataSource }) => {
      const shapes = dataSource.getRepository(Shape);
      for (const [kind, text, value] of shown) {
        const { id } = await shapes.save({ [kind]: text });
        expect({ text, value: (await shapes.findOneByOrFail({ id }))[kind] }).toEqual({ text, value });
      }
      for (const point of unread) {
        const { id } = await shapes.save({ point });
        expect(await shapes.findOneByOrFail({ id })).toMatchObject({ point });
      }
    });
  });

  it.each([
    ['"b"=>"1", "a"=>NULL', '"a"=>NULL, "b"=>"1"', { a: null, b: '1' }],
    [
      'long=>1,b => null , "c d"=>"e\\"f", b=>2,',
      '"b"=>NULL, "c d"=>"e\\"f", "long"=>"1"',
      { b: null, 'c d': 'e"f', long: '1' },
    ],
    ['a=>"NULL", \\"=>x\\y', '"\\""=>"xy", "a"=>"NULL"', { a: 'NULL', '"': 'xy' }],
    ['', '', {}],
  ])('read the hstore %s', async (text, asText, asObject) => {
    await withDataSource(allowed(), async ({ dataSource }) => {
      await dataSource.getRepository(Host).insert({ tags: text, labels: text });
      expect(await dataSource.getRepository(Host).find()).toMatchObject([{ tags: asObject, labels: asText }]);
      expect(await dataSource.query('SELECT tags, labels FROM host')).toEqual([{ tags: text, labels: text }]);
    });
  });

  it('have what the database has made of a default when they were saved', async () => {
    @Entity()
    class Spot {
      @PrimaryGeneratedColumn()
      id!: number;

      @Column('point', { default: '(1,2)' })
      place!: object;

      @Column('circle', { default: '<(0,0),3>' })
      reach!: object;
    }
    await withDataSource(allowed({ entities: [Spot] }), async ({ dataSource }) => {
      const made = { place: { x: 1, y: 2 }, reach: { x: 0, y: 0, radius: 3 } };
      const spots = dataSource.getRepository(Spot);
      expect(await spots.save({})).toMatchObject(made);
      const { generatedMaps } = await spots.insert({ place: { x: 3, y: 4 } });
      expect(generatedMaps).toMatchObject([{ reach: made.reach }]);
    });
  });

  it('insert many rows at once, as they insert one', async () => {
    const inserted: string[] = [];
    @EventSubscriber()
    class Counter implements EntitySubscriberInterface<Host> {
      listenTo = () => Host;
      afterInsert({ entity }: InsertEvent<Host>): void {
        inserted.push(entity.address);
      }
    }
    await withDataSource(allowed({ subscribers: [Counter] }), async ({ dataSource, statements }) => {
      const rows = Array.from({ length: 60 }, (_, at) => ({ ...written, address: `10.0.0.${at}` }));
      const hosts = dataSource.getRepository(Host);
      await hosts.save(rows.slice(0, 30));
      expect(inserted).toHaveLength(30);
      await hosts.insert(rows.slice(30));
      expect(statements.sent.filter((sql) => /INSERT INTO "host".* unnest\(/s.test(sql))).toHaveLength(2);
      const addresses = In(['10.0.0.29', '10.0.0.7']);
      expect(await hosts.find({ where: { address: addresses }, order: { address: 'ASC' } })).toMatchObject([
        { ...written, address: '10.0.0.29' },
        { ...written, address: '10.0.0.7' },
      ]);
      expect(await hosts.count()).toBe(60);
    });
  });
});

describe('arrays of types that are kept as text', () => {
  @Entity()
  class Palette {
    @PrimaryGeneratedColumn('uuid')
    id!: string;

    @Column('cube', { array: true, nullable: true })
    colours!: number[][] | null;

    @Column('inet', { array: true, nullable: true })
    addresses!: string[] | null;
  }

  it('are jsonb where arrays are, and refused where they are not', async () => {
    const options = allowed({ entities: [Palette] });
    await expect(createDsqlDataSource(options).initialize()).rejects.toThrow(/the array Palette\.colours/);
    const dsql = { ...options.dsql, arrays: 'jsonb' } as const;
    await withDataSource({ ...options, dsql }, async (watched) => {
      const palettes = watched.dataSource.getRepository(Palette);
      const values = { colours: [[1, 2, 3], [], [4]], addresses: ['::1'] };
      await palettes.save(values);
      expect(await palettes.find()).toMatchObject([values]);
      await expect(differences(watched)).resolves.toEqual(none);
    });
  });
});

describe('changes of types that are kept as text', () => {
  const place = (type: 'inet' | 'cidr' | 'text' | 'varchar' | 'uuid') => {
    @Entity('place')
    class Place {
      @PrimaryColumn('int')
      id!: number;

      @Column({ type, nullable: true })
      value!: string | null;
    }
    return Place;
  };

  async function changed(from: Parameters<typeof place>[0], to: Parameters<typeof place>[0]) {
    const values = async ({ dataSource }: Watched) => dataSource.query<unknown[]>('SELECT value FROM place');
    await withDataSource(allowed({ entities: [place(from)] }), async ({ dataSource }) => {
      await dataSource.query("INSERT INTO place VALUES (1, '10.0.0.1')");
    });
    const options = allowed({ entities: [place(to)], dropSchema: false, synchronize: false });
    return withDataSource(options, async (watched) => {
      const found = await differences(watched);
      return { found, values: await values(watched) };
    });
  }

  it.each([
    ['inet', 'cidr'],
    ['text', 'inet'],
    ['inet', 'text'],
    ['varchar', 'inet'],
  ] as const)('from %s to %s are none', async (from, to) => {
    await expect(changed(from, to)).resolves.toEqual({ found: none, values: [{ value: '10.0.0.1' }] });
  });

  it('to a type that DSQL stores are refused as ever', async () => {
    await expect(changed('inet', 'uuid')).rejects.toThrow(/place\.value from text to uuid/);
  });
});

describe('migrations with types that are kept as text', () => {
  class Networks1760000000000 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query('CREATE EXTENSION IF NOT EXISTS hstore');
      await queryRunner.query(
        "CREATE TABLE net (id int PRIMARY KEY, a inet NOT NULL DEFAULT '0.0.0.0'::inet, h hstore, UNIQUE (a))",
      );
      await queryRunner.query('CREATE INDEX net_a ON net USING gist (a inet_ops)');
      await queryRunner.query("INSERT INTO net (id, a) VALUES (1, '10.0.0.1'::inet)");
      await queryRunner.query('INSERT INTO net (id, a) VALUES (2, $1::inet)', ['10.0.0.2']);
      await queryRunner.query('ALTER TABLE net ALTER a TYPE cidr USING a::cidr; ALTER TABLE net ADD p point');
      await queryRunner.query("UPDATE net SET p = '(1,2)'::point");
      await queryRunner.createTable(
        new Table({
          name: 'made',
          columns: [
            { name: 'id', type: 'int', isPrimary: true },
            { name: 'b', type: 'bit', length: '8', default: "'00000000'" },
          ],
        }),
      );
      await queryRunner.addColumn(
        'made',
        new TableColumn({ name: 'i', type: 'inet', default: "'::1'::inet" }),
      );
      await queryRunner.query('INSERT INTO made (id) VALUES (1)');
      await queryRunner.changeColumn(
        'made',
        'i',
        new TableColumn({ name: 'i', type: 'cidr', isNullable: true }),
      );
      await queryRunner.changeColumn(
        'made',
        'b',
        new TableColumn({ name: 'c', type: 'varbit', isNullable: true }),
      );
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.dropTable('made');
      await queryRunner.query('DROP TABLE net; DROP EXTENSION hstore');
    }
  }

  const options = () => allowed({ entities: [], synchronize: false, migrations: [Networks1760000000000] });

  it('run as they are, and are undone', async () => {
    await withDataSource(options(), async ({ dataSource }) => {
      await dataSource.runMigrations();
      expect(await typesOf(dataSource, 'net')).toEqual({ id: 'integer', a: 'text', h: 'text', p: 'text' });
      expect(await typesOf(dataSource, 'made')).toEqual({ id: 'integer', c: 'text', i: 'text' });
      expect(await dataSource.query('SELECT a, p FROM net ORDER BY id')).toEqual([
        { a: '10.0.0.1', p: '(1,2)' },
        { a: '10.0.0.2', p: '(1,2)' },
      ]);
      expect(await dataSource.query('SELECT c, i FROM made')).toEqual([{ c: '00000000', i: '::1' }]);
      await dataSource.undoLastMigration();
      expect(await typesOf(dataSource, 'net')).toEqual({});
    });
  });

  it('are refused before anything is sent where that is not allowed', async () => {
    const dsql = { ...cluster.orm.dsql, simplify: {} };
    await withDataSource({ ...options(), dsql }, async ({ dataSource }) => {
      await expect(dataSource.runMigrations()).rejects.toThrow(/simplify: \{ columnTypes: true \}/);
      expect(await typesOf(dataSource, 'net')).toEqual({});
    });
  });

  it('give a varchar the type of text with rebuild, and keep the values as they are written', async () => {
    const dsql = { ...options().dsql, rebuild: true };
    await withDataSource({ ...options(), migrations: [], dsql }, async ({ dataSource }) => {
      await dataSource.query('CREATE TABLE net (id int PRIMARY KEY, a varchar(45))');
      await dataSource.query("INSERT INTO net VALUES (1, '10.0.0.1')");
      class Retype1760000000001 implements MigrationInterface {
        async up(queryRunner: QueryRunner): Promise<void> {
          await queryRunner.query('ALTER TABLE net ALTER COLUMN a TYPE inet USING a::inet');
        }
        down = () => Promise.resolve();
      }
      const migrating = { ...options(), dropSchema: false, migrations: [Retype1760000000001], dsql };
      await withDataSource(migrating, async (other) => {
        await other.dataSource.runMigrations();
        expect(await typesOf(other.dataSource, 'net')).toEqual({ id: 'integer', a: 'text' });
        expect(await other.dataSource.query('SELECT a FROM net')).toEqual([{ a: '10.0.0.1' }]);
      });
    });
  });
});
