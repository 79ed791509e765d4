import { isCommitOutcomeUnknownError } from 'aurora-dsql-orm/typeorm';
import {
  BeforeInsert,
  Column,
  Entity,
  EventSubscriber,
  JoinColumn,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type DataSource,
  type EntitySubscriberInterface,
} from 'typeorm';
import { useCluster } from '../cluster';
import { openedDataSources } from './opened-data-sources';
import { Label, label, Line, line, Purchase, purchase, purchases, rowsOfPurchases } from './purchases';

@Entity()
class Shelf {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @OneToMany(() => Box, (box) => box.shelf, { cascade: true })
  boxes?: Box[];

  beforeInsert?: () => Promise<unknown>;

  @BeforeInsert()
  async tell(): Promise<void> {
    await this.beforeInsert?.();
  }
}

@Entity()
class Box {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @ManyToOne(() => Shelf, (shelf) => shelf.boxes)
  shelf?: Shelf;

  @OneToMany(() => Lid, (lid) => lid.box, { cascade: true })
  lids?: Lid[];
}

@Entity()
class Lid {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ManyToOne(() => Box, (box) => box.lids)
  box?: Box;
}

/** Its key is known before it is inserted; what others refer to is not. */
@Entity()
class Room {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'uuid', unique: true, default: () => 'gen_random_uuid()' })
  code!: string;

  @OneToMany(() => Chair, (chair) => chair.room, { cascade: true })
  chairs?: Chair[];
}

@Entity()
class Chair {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ManyToOne(() => Room, (room) => room.chairs)
  @JoinColumn({ referencedColumnName: 'code' })
  room?: Room;
}

@Entity()
class Twin {
  @PrimaryColumn({ type: 'uuid', default: () => 'gen_random_uuid()' })
  id!: string;

  @OneToOne(() => Twin, { cascade: true })
  @JoinColumn()
  other?: Twin;
}

@Entity()
class Buyer {
  @PrimaryGeneratedColumn('uuid')
  id!: string;
}

@Entity()
class Voucher {
  @PrimaryGeneratedColumn('uuid')
  id!: string;
}

/** TypeORM inserts it before what it need not refer to. */
@Entity()
class Sale {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ManyToOne(() => Buyer, { nullable: false, cascade: true })
  buyer!: Buyer;

  @ManyToOne(() => Voucher, { cascade: true })
  voucher?: Voucher;
}

const entities = [...purchases, Shelf, Box, Lid, Room, Chair, Twin, Sale, Buyer, Voucher];
@EventSubscriber()
class HearsOfSales implements EntitySubscriberInterface<Sale> {
  listenTo(): typeof Sale {
    return Sale;
  }
}

const cluster = useCluster();
const open = openedDataSources(cluster, entities);
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await open();
  await dataSource.synchronize();
});
beforeEach(async () => {
  for (const entity of ['purchase_label', Line, Label, Purchase, Lid, Box, Shelf, Chair, Room, Twin, Sale]) {
    await dataSource.createQueryBuilder().delete().from(entity).execute();
  }
});
afterEach(() => {
  cluster.local.faults.clear();
});

/** What each round trip has sent, in the words of its statements that come first. */
async function roundTripsOf(work: () => Promise<unknown>): Promise<string[]> {
  const recording = cluster.local.trace.start();
  try {
    await work();
  } finally {
    recording.stop();
  }
  return recording.roundTrips.map(({ statements }) =>
    statements.map(({ text }) => /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? '').join(' '),
  );
}

describe('what travels together', () => {
  it('is not what refers to a key that the database gives: each level takes a round trip', async () => {
    const boxes = () => [1, 2].map(() => Object.assign(new Box(), { lids: [new Lid(), new Lid()] }));
    const shelf = () => Object.assign(new Shelf(), { boxes: boxes() });
    // Which columns are keys is read once.
    await dataSource.manager.save(shelf());
    const written = shelf();
    const sent = await roundTripsOf(() => dataSource.manager.save(written));
    expect(sent).toStrictEqual(['START INSERT', 'INSERT', 'INSERT', 'COMMIT']);
    const [found] = await dataSource.manager.find(Shelf, {
      where: { id: written.id },
      relations: { boxes: { lids: true } },
    });
    expect(found?.boxes?.map(({ lids }) => lids?.length)).toStrictEqual([2, 2]);
  });

  it('is not what refers to another value that the database gives', async () => {
    const room = Object.assign(new Room(), { chairs: [new Chair(), new Chair()] });
    const sent = await roundTripsOf(() => dataSource.manager.save(room));
    expect(sent).toStrictEqual(['START INSERT', 'INSERT COMMIT']);
    const [found] = await dataSource.manager.find(Room, { relations: { chairs: true } });
    expect(found?.chairs).toHaveLength(2);
    expect(found?.code).toBe(room.code);
    const given = Object.assign(new Room(), {
      code: '00000000-0000-4000-8000-000000000001',
      chairs: [new Chair()],
    });
    const together = await roundTripsOf(() => dataSource.manager.save(given));
    expect(together).toStrictEqual(['START INSERT INSERT COMMIT']);
  });

  it('is not what updates a row that was inserted before the one that it refers to', async () => {
    const left = new Twin();
    const right = Object.assign(new Twin(), { other: left });
    left.other = right;
    const sent = await roundTripsOf(() => dataSource.manager.save([left, right]));
    expect(sent.join(' ')).toMatch(/^START INSERT .*UPDATE.* COMMIT$/);
    const found = await dataSource.manager.find(Twin, { relations: { other: true } });
    const others = new Map(found.map(({ id, other }) => [id, other?.id]));
    expect(others).toStrictEqual(
      new Map([
        [left.id, right.id],
        [right.id, left.id],
      ]),
    );
  });

  it.each([
    ['by itself', () => dataSource],
    ['in a transaction', () => dataSource],
    ['that a subscriber hears of', () => open({ subscribers: [HearsOfSales] })],
  ])('is not what refers to a row that is inserted later: a save %s', async (how, source) => {
    const { manager } = await source();
    const sale = Object.assign(new Sale(), { buyer: new Buyer(), voucher: new Voucher() });
    const save = () =>
      how === 'in a transaction' ? manager.transaction((inner) => inner.save(sale)) : manager.save(sale);
    const sent = await roundTripsOf(save);
    expect(sent.join(' ')).toBe('START INSERT INSERT INSERT UPDATE COMMIT');
    const [found] = await manager.find(Sale, { relations: { buyer: true, voucher: true } });
    expect(found).toEqual(sale);
  });

  it('is every row of a list that has changed, a hundred at a time', async () => {
    const list = Array.from({ length: 201 }, (_, index) => label(`${index}`));
    await dataSource.manager.save(list);
    for (const each of list) each.name += '!';
    const sent = await roundTripsOf(() => dataSource.manager.save(list));
    const hundred = Array<string>(100).fill('UPDATE').join(' ');
    expect(sent).toStrictEqual(['SELECT', `START ${hundred}`, hundred, 'UPDATE COMMIT']);
    const found = await dataSource.manager.find(Label);
    const seen = (labels: Label[]) => new Map(labels.map((each) => [each.name, each.seen]));
    expect(seen(found)).toEqual(seen(list));
  });

  it('is what is inserted, updated and removed at once', async () => {
    const saved = await dataSource.manager.save(purchase());
    saved.number = 'b';
    saved.lines = [...saved.lines, line(3)];
    saved.labels = [label('new')];
    const sent = await roundTripsOf(() => dataSource.manager.save(saved));
    const written = sent.filter((statements) => statements !== 'SELECT');
    expect(written).toStrictEqual(['START INSERT INSERT INSERT UPDATE DELETE COMMIT']);
    const [found] = await dataSource.manager.find(Purchase, { relations: { lines: true, labels: true } });
    expect(found).toMatchObject({ number: 'b', labels: [{ name: 'new' }] });
    expect(found?.lines).toHaveLength(3);
  });

  it('is what remove removes from several tables', async () => {
    const { labels, ...rest } = await dataSource.manager.save(purchase());
    await dataSource.manager.remove(rest.lines);
    const list = [Object.assign(new Purchase(), { id: rest.id }), ...labels];
    const sent = await roundTripsOf(() => dataSource.manager.remove(list));
    const written = sent.filter((statements) => statements !== 'SELECT');
    expect(written).toStrictEqual(['START DELETE DELETE DELETE COMMIT']);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([0, 0, 0, 0]);
  });

  it('is each chunk, and COMMIT with the last of them', async () => {
    const list = [purchase('a'), purchase('b')];
    const sent = await roundTripsOf(() => dataSource.manager.save(list, { chunk: 1 }));
    expect(sent).toStrictEqual(['START INSERT INSERT INSERT INSERT', 'INSERT INSERT INSERT INSERT COMMIT']);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([2, 4, 4, 4]);
  });

  it('refers to a row that two chunks insert as each of them has', async () => {
    const labels = [label('shared')];
    const list = [purchase('a'), purchase('b')].map((each) => Object.assign(each, { labels }));
    await dataSource.manager.save(list, { chunk: 1 });
    const found = await dataSource.manager.find(Purchase, {
      relations: { labels: true },
      order: { number: 'ASC' },
    });
    const seen = found.map((each) => each.labels?.map(({ id }) => id === labels[0]?.id));
    expect(seen).toStrictEqual([[false], [true]]);
  });

  it('is nothing where a subscriber hears of the writes', async () => {
    const heard: number[] = [];
    class Counts implements EntitySubscriberInterface<Label> {
      listenTo(): typeof Label {
        return Label;
      }

      async beforeInsert(): Promise<void> {
        heard.push(await dataSource.manager.count(Label));
      }
    }
    const told = await open();
    told.subscribers.push(new Counts());
    const sent = await roundTripsOf(() => told.manager.save(purchase()));
    const written = sent.filter((statements) => statements !== 'SELECT');
    expect(written).toStrictEqual(['START INSERT', 'INSERT', 'INSERT', 'INSERT', 'COMMIT']);
    expect(heard).toStrictEqual([0, 0]);
  });
});

describe('inside a transaction', () => {
  const insertsOfOne = 'INSERT INSERT INSERT INSERT';

  it('what a save writes travels together, and COMMIT when the callback has returned', async () => {
    const sent = await roundTripsOf(() => dataSource.transaction((manager) => manager.save(purchase())));
    expect(sent).toStrictEqual([`START ${insertsOfOne}`, 'COMMIT']);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([1, 2, 2, 2]);
  });

  it('saves and queries that do not wait for each other are all done', async () => {
    const seen = await dataSource.transaction(async (manager) => {
      await manager.save(purchase('before'));
      const [found] = await Promise.all([
        manager.find(Purchase),
        manager.save(purchase('a')),
        manager.save(purchase('b')),
        manager.insert(Label, { name: 'alone' }),
      ]);
      return found.map(({ number }) => number);
    });
    expect(seen).toStrictEqual(['before']);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([3, 6, 7, 6]);
  });

  it('what a listener sends before a save comes before it', async () => {
    const sent = await roundTripsOf(() =>
      dataSource.transaction(async (manager) => {
        const shelf = Object.assign(new Shelf(), { boxes: [new Box()] });
        shelf.beforeInsert = () => manager.insert(Label, { name: 'from a listener' });
        await manager.save(shelf);
      }),
    );
    expect(sent.filter((statements) => statements !== 'SELECT')).toStrictEqual([
      'START INSERT',
      'INSERT',
      'INSERT',
      'COMMIT',
    ]);
    expect(await dataSource.manager.countBy(Label, { name: 'from a listener' })).toBe(1);
  });

  it('what could not be sent has sent nothing, and leaves the transaction open', async () => {
    const unsendable = {
      toPostgres: () => {
        throw new Error('no text for this');
      },
    };
    const refused = purchase('refused');
    Object.assign(refused.lines[1] ?? {}, { amount: unsendable });
    await dataSource.transaction(async (manager) => {
      await expect(manager.save(refused)).rejects.toThrow('no text for this');
      await manager.save(purchase());
    });
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([1, 2, 2, 2]);
    expect([refused, ...refused.lines, ...refused.labels].map(({ id }) => id)).toStrictEqual(
      Array(5).fill(undefined),
    );
  });

  it('what has failed on the server ends it, whatever the callback does about it', async () => {
    const refused = purchase('refused');
    Object.assign(refused.lines[1] ?? {}, { amount: 'none' });
    const work = dataSource.transaction(async (manager) => {
      await manager.save(purchase());
      await manager.save(refused).catch(() => undefined);
    });
    await expect(work).rejects.toMatchObject({
      name: 'TransactionRolledBackError',
      cause: { code: '22P02', query: expect.stringContaining('INSERT INTO "line"') as string },
    });
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([0, 0, 0, 0]);
  });

  it('a conflict in the middle of a save runs the callback again', async () => {
    cluster.local.faults.failStatement({ error: 'OC000', text: 'INSERT INTO "label"', times: 2 });
    let attempts = 0;
    await dataSource.transaction(async (manager) => {
      attempts++;
      await manager.save(purchase());
    });
    expect(attempts).toBe(3);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([1, 2, 2, 2]);
  });

  it('a cut in the middle of a save has done nothing', async () => {
    cluster.local.faults.cutConnection({ at: 'statement', text: 'INSERT INTO "label"' });
    const saved = purchase();
    const work = dataSource.transaction((manager) => manager.save(saved));
    const error = await work.then(
      () => undefined,
      (failed: unknown) => failed,
    );
    expect(error).toBeInstanceOf(Error);
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([0, 0, 0, 0]);
    expect(saved.id).toBeUndefined();
  });

  it('that its caller has begun, each statement waits for the answer to the one before', async () => {
    const queryRunner = dataSource.createQueryRunner();
    const sent = await roundTripsOf(async () => {
      await queryRunner.startTransaction();
      await queryRunner.manager.save(purchase());
      await queryRunner.commitTransaction();
    });
    await queryRunner.release();
    expect(sent).toStrictEqual(['START INSERT', 'INSERT', 'INSERT', 'INSERT', 'COMMIT']);
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([1, 2, 2, 2]);
  });
});
