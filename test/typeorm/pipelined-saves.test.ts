import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
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
import { Label, label, Line, line, Purchase, purchase, purchases, rowsOfPurchases } from './purchases';

@Entity()
class Shelf {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @OneToMany(() => Box, (box) => box.shelf, { cascade: true })
  boxes?: Box[];
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

const entities = [...purchases, Shelf, Box, Lid, Room, Chair, Twin];
const cluster = useCluster();
const opened: DataSource[] = [];
let dataSource: DataSource;

async function open({ dsql, ...options }: Partial<DsqlDataSourceOptions> = {}): Promise<DataSource> {
  const source = await createDsqlDataSource({
    ...cluster.orm,
    entities,
    ...options,
    dsql: { ...cluster.orm.dsql, ...dsql },
  }).initialize();
  opened.push(source);
  return source;
}

beforeAll(async () => {
  dataSource = await open();
  await dataSource.synchronize();
});
beforeEach(async () => {
  for (const entity of ['purchase_label', Line, Label, Purchase, Lid, Box, Shelf, Chair, Room, Twin]) {
    await dataSource.createQueryBuilder().delete().from(entity).execute();
  }
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(() => Promise.all(opened.map((each) => each.destroy())));

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
