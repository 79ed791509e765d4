import fc from 'fast-check';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { useCluster } from '../../cluster';
import { byForm } from '../../form';
import { useStoppable } from '../../stoppable';
import { Address, createPeople, emptyPeople, people, Person, Post, Profile, Tag } from '../people';

/**
 * A random life of a few entity graphs, once without conflicts and once with: the rows and the objects have to be the
 * same in the end.
 */

/** What one step does, in numbers that are taken modulo what there is. */
interface Step {
  readonly action:
    | 'create'
    | 'change'
    | 'add post'
    | 'drop post'
    | 'change post'
    | 'swap tags'
    | 'profile'
    | 'remove'
    | 'soft remove'
    | 'recover'
    | 'save all'
    | 'insert tag';
  readonly which: number;
  readonly value: number;
  readonly posts: number;
  /** Whether the entity is loaded anew before, rather than used as the steps before have left it. */
  readonly reload: boolean;
  readonly inTransaction: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom<Step['action']>(
    'create',
    'change',
    'add post',
    'drop post',
    'change post',
    'swap tags',
    'profile',
    'remove',
    'soft remove',
    'recover',
    'save all',
    'insert tag',
  ),
  which: fc.nat(9),
  value: fc.nat(99),
  posts: fc.nat(3),
  reload: fc.boolean(),
  inTransaction: fc.boolean(),
});

/** Where and how often the conflicts come. */
const weather = fc.record({
  seed: fc.nat(100_000),
  atCommit: fc.double({ min: 0.1, max: 0.6, noNaN: true }),
  atStatement: fc.double({ min: 0.01, max: 0.15, noNaN: true }),
});

const numRuns = byForm({ short: 5, long: 50, soak: 1_000 });
const cluster = useCluster();
const stoppable = useStoppable();
let dataSource: DataSource;

beforeAll(async () => {
  const retry = { baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 1000 };
  const dsql = { ...cluster.orm.dsql, retry };
  dataSource = await createDsqlDataSource({ ...cluster.orm, dsql, entities: people }).initialize();
  await createPeople(dataSource);
});
afterAll(async () => {
  await dataSource.destroy();
});
afterEach(() => {
  cluster.local.faults.clear();
});

it('entity graphs end as without conflicts, in the database and in memory', async () => {
  let struck = 0;
  await stoppable((signal) =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), weather, async (steps, conflicts) => {
        signal.throwIfAborted();
        cluster.local.faults.clear();
        const calm = await live(steps);
        const { seed, atCommit, atStatement } = conflicts;
        const faults = [
          cluster.local.faults.failCommit({ error: 'OC000', share: atCommit, seed }),
          cluster.local.faults.failStatement({
            error: 'OC000',
            kind: 'write',
            share: atStatement,
            seed: seed + 1,
          }),
          cluster.local.faults.failStatement({
            error: 'OC001',
            kind: 'read',
            share: atStatement,
            seed: seed + 2,
          }),
        ];
        const stormy = await live(steps);
        cluster.local.faults.clear();
        for (const { fired } of faults) struck += fired;
        expect(stormy).toStrictEqual(calm);
      }),
      { numRuns },
    ),
  );
  expect(struck).toBeGreaterThan(numRuns);
});

it('entity graphs end as when each of their statements waits for the answer to the one before', async () => {
  /** Hears of every transaction before COMMIT, so that nothing travels with anything else. */
  const listener = { beforeTransactionCommit: () => undefined };
  const written = async (steps: readonly Step[]) => {
    const recording = cluster.local.trace.start();
    const life = await live(steps);
    const { roundTrips, statements } = recording.stop();
    const { notes } = life as Life;
    // Where one of a save cannot be made, those before it are not sent either.
    const isDone = notes.every((note) => note === 'done');
    const writes = statements.filter(({ kind }) => isDone && kind === 'write').map(({ text }) => text);
    return { outcome: { life, writes }, trips: roundTrips.length };
  };
  let spared = 0;
  await stoppable((signal) =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        signal.throwIfAborted();
        const together = await written(steps);
        dataSource.subscribers.push(listener);
        const apart = await written(steps).finally(() => dataSource.subscribers.pop());
        spared += apart.trips - together.trips;
        expect(together.outcome).toStrictEqual(apart.outcome);
      }),
      { numRuns },
    ),
  );
  expect(spared).toBeGreaterThan(numRuns);
});

/** Runs the steps from empty tables, and tells how everything ended. */
async function live(steps: readonly Step[]): Promise<unknown> {
  await emptyPeople(dataSource);
  const persons: Person[] = [];
  const notes: string[] = [];
  for (const each of steps) {
    const changes = await prepare(persons, each);
    const act = (manager: EntityManager) => changes(manager);
    const outcome = each.inTransaction ? dataSource.transaction(act) : act(dataSource.manager);
    notes.push(
      await outcome.then(
        () => 'done',
        (error: unknown) => String(error),
      ),
    );
  }
  const rows: Record<string, object[]> = {};
  for (const table of ['person', 'post', 'profile', 'tag', 'person_tag']) {
    rows[table] = await dataSource.query<object[]>(`SELECT * FROM ${table}`);
  }
  return comparable({ notes, persons, rows });
}

/** Changes the objects, outside of any transaction, and returns what is to be done with them. */
async function prepare(
  persons: Person[],
  { action, which, value, posts, reload }: Step,
): Promise<(manager: EntityManager) => Promise<unknown>> {
  const place = which % Math.max(1, persons.length);
  let person = persons[place];
  if (action === 'insert tag') {
    const values = { label: `inserted ${value}` };
    return (manager) => manager.insert(Tag, values);
  }
  if (action === 'save all') {
    for (const each of persons) each.score = value;
    return (manager) => manager.save(persons.filter(isSaved));
  }
  if (person === undefined || !isSaved(person) || action === 'create') {
    const created = newPerson(value, posts);
    persons.push(created);
    return (manager) => manager.save(created);
  }
  if (reload) {
    person = await dataSource.manager.findOneOrFail(Person, {
      where: { id: person.id },
      relations: { posts: true, tags: true, profile: true },
      order: { posts: { title: 'ASC', id: 'ASC' }, tags: { label: 'ASC' } },
      withDeleted: true,
    });
    persons[place] = person;
  }
  const subject = person;
  // What was never given or loaded is undefined, whatever the class says.
  const { posts: ownPosts = [], tags: ownTags = [], profile } = subject as Partial<Person>;
  switch (action) {
    case 'change':
      Object.assign(subject, {
        name: `name ${value}`,
        nick: value % 2 ? null : `nick ${value}`,
        score: value,
      });
      subject.settings = { colours: [`${value}`] };
      subject.address.city = `city ${value}`;
      break;
    case 'add post':
      subject.posts = [...ownPosts, newPost(`added ${value}`)];
      break;
    case 'drop post':
      subject.posts = ownPosts.slice(1);
      break;
    case 'change post':
      for (const post of ownPosts) post.title = `${post.title}'`;
      break;
    case 'swap tags':
      subject.tags = [newTag(`swapped ${value}`), ...ownTags.slice(0, 1)];
      break;
    case 'profile':
      subject.profile =
        value % 3 === 0 ? null : Object.assign(profile ?? new Profile(), { bio: `bio ${value}` });
      break;
    case 'remove':
      return (manager) => manager.remove(subject);
    case 'soft remove':
      return (manager) => manager.softRemove(subject);
    case 'recover':
      return (manager) => manager.recover(subject);
  }
  return (manager) => manager.save(subject);
}

/** A removed entity has lost its id. */
function isSaved({ id }: Partial<Person>): boolean {
  return id !== undefined;
}

function newPerson(value: number, posts: number): Person {
  const person = new Person();
  person.name = `person ${value}`;
  person.address = Object.assign(new Address(), value % 2 ? {} : { city: 'Bern' });
  if (value % 3) person.profile = Object.assign(new Profile(), value % 5 ? {} : { bio: 'long' });
  if (posts > 0) person.posts = Array.from({ length: posts }, (_, index) => newPost(`post ${index}`));
  if (value % 2) person.tags = [newTag(`a ${value}`), newTag(`b ${value}`)];
  return person;
}

function newPost(title: string): Post {
  return Object.assign(new Post(), { title });
}

function newTag(label: string): Tag {
  return Object.assign(new Tag(), { label });
}

/** What two runs have in common: ids become names in the order in which they appear, and dates are all the same. */
function comparable({ notes, persons, rows }: Life): unknown {
  const names = new Map<string, string>();
  const nameOf = (id: string) => {
    const name = names.get(id) ?? `id ${names.size}`;
    names.set(id, name);
    return name;
  };
  const seen = new Map<object, object>();
  const visit = (part: unknown, key = ''): unknown => {
    if (part instanceof Date) return 'date';
    if (typeof part === 'string' && isId(key, part)) return nameOf(part);
    if (typeof part !== 'object' || part === null) return part;
    const known = seen.get(part);
    if (known !== undefined) return known;
    const copy: unknown[] | Record<string, unknown> = Array.isArray(part)
      ? []
      : { class: part.constructor.name };
    seen.set(part, copy);
    for (const [name, inner] of Object.entries(part))
      if (name !== 'tagIds') Object.assign(copy, { [name]: visit(inner, name) });
    // TypeORM reads them in any order; the tags themselves have got their names by now.
    const { tagIds } = part as { readonly tagIds?: unknown };
    if (Array.isArray(tagIds)) Object.assign(copy, { tagIds: (tagIds as string[]).map(nameOf).sort() });
    return copy;
  };
  const objects = visit(persons);
  /** Rows come in any order, too, and may have ids that no object has. */
  const contentOf = (row: object) =>
    JSON.stringify(row, (key, value: unknown) =>
      typeof value !== 'string'
        ? value
        : (names.get(value) ?? (isId(key, value) || key.endsWith('At') ? '' : value)),
    );
  const inOrder = Object.entries(rows).map(([table, list]) => [
    table,
    [...list].sort((one, other) => (contentOf(one) < contentOf(other) ? -1 : 1)).map((row) => visit(row)),
  ]);
  return { notes, objects, rows: inOrder };
}

interface Life {
  /** How each step ended. */
  readonly notes: readonly string[];
  readonly persons: readonly Person[];
  readonly rows: Readonly<Record<string, readonly object[]>>;
}

function isId(key: string, value: string): boolean {
  return key === 'id' || /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}/.test(value);
}
