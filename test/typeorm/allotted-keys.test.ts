import 'reflect-metadata';
import {
  AfterInsert,
  Column,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  type DataSource,
  type Relation,
} from 'typeorm';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { useCluster } from '../cluster';

const seen: number[] = [];

@Entity({ schema: 'public', name: 'order (list)' })
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text', default: () => `concat('(', ',')` })
  note!: string;

  @OneToMany(() => Line, (line) => line.order, { cascade: true })
  lines!: Relation<Line>[];

  @AfterInsert()
  tell(): void {
    seen.push(this.id);
  }
}

@Entity()
class Line {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  text!: string;

  @ManyToOne(() => Order, (order) => order.lines)
  order!: Relation<Order>;
}

@Entity()
class Receipt {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'ALWAYS' })
  id!: number;

  @Column({ type: 'text' })
  text!: string;
}

const cluster = useCluster();
let dataSource: DataSource;

beforeEach(async () => {
  seen.length = 0;
  dataSource = await createDsqlDataSource({
    ...cluster.orm,
    entities: [Order, Line, Receipt],
    dropSchema: true,
    synchronize: true,
  }).initialize();
});
afterEach(() => dataSource.destroy());

const failTwice = () => cluster.local.faults.failCommit({ error: 'OC000', times: 2 });

const lines = (...texts: string[]) => texts.map((text) => dataSource.manager.create(Line, { text }));

it('a save after conflicts inserts under the keys that it was given at first', async () => {
  const fault = failTwice();
  const order = await dataSource.manager.save(
    dataSource.manager.create(Order, { note: 'VALUES (', lines: lines('a', 'b') }),
  );
  expect(fault.fired).toBe(2);
  expect(seen).toEqual([1, 1, 1]);
  expect(order).toMatchObject({ id: 1, lines: [{ id: 1 }, { id: 2 }] });
  await expect(dataSource.manager.findOneByOrFail(Order, { id: 1 })).resolves.toMatchObject({
    note: 'VALUES (',
  });
  const next = await dataSource.manager.save(dataSource.manager.create(Order, { lines: lines('c') }));
  expect(next).toMatchObject({ id: 2, lines: [{ id: 3 }] });
});

it('so does a transaction, whatever way it inserts', async () => {
  failTwice();
  await dataSource.transaction(async (manager) => {
    const order = await manager.save(manager.create(Order, {}));
    await manager.insert(Line, [
      { text: 'f(x), (y)', order },
      { text: '2', order },
    ]);
    await manager
      .createQueryBuilder()
      .insert()
      .into(Line)
      .values({ text: () => `concat('a', upper('b'))`, order })
      .execute();
  });
  await expect(dataSource.manager.find(Order)).resolves.toMatchObject([{ id: 1, note: '(,' }]);
  await expect(dataSource.manager.find(Line, { order: { id: 'ASC' } })).resolves.toMatchObject([
    { id: 1, text: 'f(x), (y)' },
    { id: 2, text: '2' },
    { id: 3, text: 'aB' },
  ]);
});

it('an attempt that inserts more than those before it gets further keys for the rest', async () => {
  failTwice();
  let attempt = 0;
  await dataSource.transaction(async (manager) => {
    attempt++;
    await manager.save(lines(...['a', 'b', 'c', 'd'].slice(0, attempt)));
  });
  const ids = (await dataSource.manager.find(Line, { order: { id: 'ASC' } })).map(({ id }) => id);
  expect(ids).toEqual([1, 2, 3]);
});

it('others who insert meanwhile are not in the way', async () => {
  failTwice();
  const others = createDsqlDataSource({ ...cluster.orm, entities: [Order, Line, Receipt] });
  await others.initialize();
  try {
    let attempt = 0;
    await dataSource.transaction(async (manager) => {
      attempt++;
      const [line] = await manager.save(lines('mine'));
      if (attempt === 3) await others.manager.save(others.manager.create(Line, { text: 'theirs' }));
      expect(line?.id).toBe(1);
    });
  } finally {
    await others.destroy();
  }
  await expect(dataSource.manager.find(Line, { order: { id: 'ASC' } })).resolves.toMatchObject([
    { id: 1, text: 'mine' },
    { id: 2, text: 'theirs' },
  ]);
});

it('a key that takes no values is given anew', async () => {
  failTwice();
  const receipt = await dataSource.manager.save(dataSource.manager.create(Receipt, { text: 'x' }));
  expect(receipt.id).toBe(3);
});
