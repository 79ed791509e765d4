import { createDsqlSequelize, isStaleInstanceError } from 'aurora-dsql-orm/sequelize';
import fc from 'fast-check';
import {
  DataTypes,
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  type Model,
  type ModelStatic,
  type Transaction,
} from 'sequelize';
import { useCluster } from '../cluster';
import { byForm, form } from '../form';
import { useStoppable } from '../stoppable';

/** Random programs, run once in calm and once with conflicts and lost connections: nobody may tell the difference. */

interface Item extends Model<InferAttributes<Item>, InferCreationAttributes<Item>> {
  id: number;
  name: CreationOptional<string | null>;
  amount: CreationOptional<number>;
  tags: CreationOptional<string[]>;
  version: CreationOptional<number>;
}
type Items = ModelStatic<Item>;

/** One step of a transaction. `item` says which of the items it is about. */
type Step = { readonly item: number; readonly by: number } & (
  | { readonly what: 'add in memory' | 'set in memory' | 'tag in memory' | 'save' | 'update' | 'reload' }
  | { readonly what: 'increment' | 'destroy' | 'update all' | 'increment all' | 'find or create' }
  | { readonly what: 'create' | 'load and add' | 'count' | 'nested' }
);

/** What happens to a transaction on its way. */
interface Trouble {
  readonly at:
    'commit' | 'statement' | 'before commit' | 'after commit' | 'unavailable' | 'unavailable but done';
  readonly nth: number;
  readonly times: number;
}

interface Part {
  readonly steps: readonly Step[];
  readonly trouble: readonly Trouble[];
}

const numRuns = byForm({ short: 6, long: 100, soak: 1_000 });
/** The short form is the same every time. */
const seed = (of: number) => (form === 'short' ? { seed: of } : {});
const cluster = useCluster();
const stoppable = useStoppable();
let sequelize: ReturnType<typeof createDsqlSequelize>;
let calm: Items;
let stormy: Items;

beforeAll(async () => {
  const { dsql } = cluster.orm;
  sequelize = createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    dsql: { ...dsql, retry: { baseDelayMs: 0, maxDelayMs: 0 }, commitMarkers: true, nested: 'join' },
  });
  const define = async (table: string): Promise<Items> => {
    await sequelize.query(
      `CREATE TABLE ${table} (id bigint PRIMARY KEY, name text UNIQUE, amount integer, tags jsonb, version integer)`,
    );
    return sequelize.define<Item>(
      table,
      {
        id: { type: DataTypes.INTEGER, primaryKey: true },
        name: { type: DataTypes.TEXT, unique: true },
        amount: { type: DataTypes.INTEGER, defaultValue: 0 },
        tags: { type: DataTypes.JSONB, defaultValue: [] },
        version: { type: DataTypes.INTEGER },
      },
      { tableName: table, timestamps: false, version: true },
    );
  };
  calm = await define('calm');
  stormy = await define('stormy');
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(async () => {
  await sequelize.close();
});

const step: fc.Arbitrary<Step> = fc.record({
  item: fc.nat(3),
  by: fc.integer({ min: -9, max: 9 }),
  what: fc.constantFrom(
    ...(['add in memory', 'set in memory', 'tag in memory', 'save', 'save', 'update', 'increment'] as const),
    ...(['destroy', 'update all', 'increment all', 'find or create', 'create', 'reload'] as const),
    ...(['load and add', 'count', 'nested'] as const),
  ),
});
const trouble: fc.Arbitrary<Trouble> = fc.record({
  at: fc.constantFrom(
    ...(['commit', 'commit', 'statement', 'before commit', 'after commit'] as const),
    ...(['unavailable', 'unavailable but done'] as const),
  ),
  nth: fc.integer({ min: 1, max: 4 }),
  times: fc.integer({ min: 1, max: 2 }),
});
const program: fc.Arbitrary<readonly Part[]> = fc.array(
  fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 6 }),
    trouble: fc.array(trouble, { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 4 },
);

/** One side of the comparison: a table, and the instances that live outside the transactions. */
class Side {
  #items: Item[] = [];

  constructor(readonly Items: Items) {}

  /** Two items that are in the table, and two that are not yet. */
  async begin(): Promise<void> {
    await this.Items.destroy({ where: {} });
    await this.Items.bulkCreate([
      { id: 0, amount: 10, version: 0 },
      { id: 1, amount: 20, version: 0 },
    ]);
    this.#items = [...(await this.Items.findAll({ order: ['id'] })), this.#build(2), this.#build(3)];
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  #build(id: number): Item {
    return this.Items.build({ id, amount: id });
  }

  /**
   * @param index - of the part in its program
   * @returns what it ends with: the name of the error, or nothing
   */
  async run({ steps }: Part, index: number, restore: readonly Item[]): Promise<string | undefined> {
    try {
      await sequelize.transaction({ restore }, async (transaction) => {
        let id = 100 * (index + 1);
        for (const one of steps) await this.#step(one, id++, transaction);
      });
      return undefined;
    } catch (error) {
      if (isStaleInstanceError(error)) throw error;
      return (error as Error).name;
    }
  }

  /** The items that are outside, as the table has them. */
  async reload(): Promise<void> {
    this.#items = await Promise.all(
      [0, 1, 2, 3].map(async (id) => (await this.Items.findByPk(id)) ?? this.#build(id)),
    );
  }

  async #step({ what, item: index, by }: Step, id: number, transaction: Transaction): Promise<void> {
    const { Items } = this;
    const item = this.#items[index];
    if (item === undefined) throw new Error('There is no such item.');
    switch (what) {
      case 'add in memory':
        item.amount += by;
        return;
      case 'set in memory':
        item.amount = by;
        return;
      case 'tag in memory':
        item.tags.push(String(by));
        item.changed('tags', true);
        return;
      case 'save':
        await item.save({ transaction });
        return;
      case 'update':
        await item.update({ amount: by }, { transaction });
        return;
      case 'reload':
        if (!item.isNewRecord) await item.reload({ transaction });
        return;
      case 'increment':
        await item.increment('amount', { by, transaction });
        return;
      case 'destroy':
        await item.destroy({ transaction });
        return;
      case 'update all':
        await Items.update({ amount: by }, { where: {}, transaction });
        return;
      case 'increment all':
        await Items.increment('amount', { by, where: {}, transaction });
        return;
      case 'find or create':
        await Items.findOrCreate({ where: { name: String(by) }, defaults: { id, amount: by }, transaction });
        return;
      case 'create':
        await Items.create({ id, amount: by }, { transaction });
        return;
      case 'load and add': {
        const loaded = await Items.findByPk(index, { transaction });
        if (loaded !== null) loaded.amount += by;
        await loaded?.save({ transaction });
        return;
      }
      case 'count':
        await Items.create({ id, amount: await Items.count({ transaction }) }, { transaction });
        return;
      case 'nested':
        await sequelize.transaction({ transaction }, (joined) =>
          Items.create({ id, amount: by }, { transaction: joined }),
        );
    }
  }

  async rows(): Promise<unknown[]> {
    return this.Items.findAll({ order: ['id'], raw: true });
  }

  memory(): unknown[] {
    return this.#items.map((item) => ({
      values: item.get({ plain: true }),
      changed: item.changed(),
      isNewRecord: item.isNewRecord,
    }));
  }
}

function brew({ at, nth, times }: Trouble): void {
  const { faults } = cluster.local;
  const table = 'stormy';
  if (at === 'commit') faults.failCommit({ error: 'OC000', table, times });
  else if (at === 'statement') faults.failStatement({ error: 'OC001', text: `"${table}"`, nth });
  else if (at === 'unavailable') faults.failCommit({ error: 'XX000', table });
  else if (at === 'unavailable but done') faults.failCommit({ error: 'XX000', committed: true, table });
  else faults.cutConnection({ at, table });
}

it('transactions whose instances are put back write the same rows and leave the same instances', async () => {
  await stoppable((signal) =>
    fc.assert(
      fc.asyncProperty(program, async (parts) => {
        signal.throwIfAborted();
        const sides = [new Side(calm), new Side(stormy)] as const;
        const [ofCalm, ofStormy] = sides;
        for (const side of sides) await side.begin();
        for (const [index, part] of parts.entries()) {
          const expected = await ofCalm.run(part, index, ofCalm.items);
          part.trouble.forEach(brew);
          const outcome = await ofStormy.run(part, index, ofStormy.items);
          cluster.local.faults.clear();
          expect(outcome).toBe(expected);
          expect(await ofStormy.rows()).toStrictEqual(await ofCalm.rows());
          expect(ofStormy.memory()).toStrictEqual(ofCalm.memory());
        }
      }),
      { numRuns, ...seed(4) },
    ),
  );
});

it('transactions whose instances are not put back are done once, or refused and not done at all', async () => {
  let refused = 0;
  await stoppable((signal) =>
    fc.assert(
      fc.asyncProperty(program, async (parts) => {
        signal.throwIfAborted();
        const sides = [new Side(calm), new Side(stormy)] as const;
        const [ofCalm, ofStormy] = sides;
        for (const side of sides) await side.begin();
        for (const [index, part] of parts.entries()) {
          part.trouble.forEach(brew);
          const outcome = await ofStormy.run(part, index, []).catch(() => 'stale');
          cluster.local.faults.clear();
          if (outcome === 'stale') refused++;
          const expected = outcome === 'stale' ? outcome : await ofCalm.run(part, index, []);
          expect(outcome).toBe(expected);
          expect(await ofStormy.rows()).toStrictEqual(await ofCalm.rows());
          // What failed has left instances behind that nobody may use.
          if (outcome !== undefined) for (const side of sides) await side.reload();
          expect(ofStormy.memory()).toStrictEqual(ofCalm.memory());
        }
      }),
      { numRuns, ...seed(5) },
    ),
  );
  expect(refused).toBeGreaterThan(0);
});
