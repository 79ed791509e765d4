import { loadParser, translate } from '../../src/sql';
import ormDdl from './orm-ddl.json';
import { catalogueOf, empty, readFacts, run, startDatabases } from './translate-databases';
import type { Databases } from './translate-databases';
import { byForm } from '../form';

/** A statement that an ORM was seen to send, and what became of it. */
interface Recorded {
  readonly sql: string;
  /** What makes the database that it is sent to; without it, what the statements before have made. */
  readonly before?: readonly string[];
  /** The rules for which it is refused; then neither database gets it. */
  readonly refused?: readonly string[];
  /** What the local DSQL answers to it, if that is not the first refusal: it knows what exists. */
  readonly answered?: string;
  /** What PostgreSQL gets in its stead. */
  readonly plain?: string;
}

/** The enum types of the models: an ORM's adapter knows them. */
const enums = Object.entries({
  types_a_color_enum: ['red', 'green'],
  types_a_scolor_enum: ['red', 'green'],
  enum_tasks_state: ['todo', 'done'],
  enum_tasks_p: ['lo', 'hi'],
  enum_posts_kind: ['k1', 'k2'],
  enum_arrs_es: ['a', 'b'],
  enum_qi_t_c: ['x', 'y'],
  enum_qi_u_c1: ['x', 'y'],
  enum_qi_u_c5: ['p', 'q'],
}).map(([name, labels]) => ({ name, labels }));

let databases: Databases;
beforeAll(async () => {
  await loadParser();
  databases = await startDatabases();
});
afterAll(() => databases.stop());

describe.each(Object.entries<readonly Recorded[]>(ormDdl))('%s', (name, statements) => {
  const isIndependent = name.includes('changes');
  beforeAll(() => empty(databases));

  // Those that do not build on each other: one in six in the short form.
  const chosen = statements.filter(
    (_, at) => !isIndependent || byForm({ short: at % 6 === 0, long: true, soak: true }),
  );

  it.each(chosen)('$sql', async ({ sql, before = [], refused, answered, plain = sql }) => {
    if (isIndependent) await empty(databases);
    for (const each of before) {
      await databases.plain.query(each);
      await run(databases.dsql, translate(each).statements);
    }
    const catalog = { ...(await readFacts(databases.dsql)), ...(!isIndependent && { enums }) };
    const { statements: translated, refusals } = translate(sql, { catalog });
    const answer = refused && (await sqlstateOf(databases.dsql.query(sql)));
    expect({ rules: [...new Set(refusals.map(({ rule }) => rule))], answer }).toEqual({
      rules: refused ?? [],
      answer: answered ?? refusals[0]?.sqlstate,
    });
    if (refused) return;

    const again = translate(translated.map((each) => each.sql).join(';\n'), { catalog });
    expect(again.refusals).toEqual([]);
    expect(again.statements.map((each) => each.sql)).toEqual(translated.map((each) => each.sql));
    await databases.plain.query(plain);
    await run(databases.dsql, translated);
    expect(await catalogueOf(databases.dsql)).toEqual(await catalogueOf(databases.plain));
  });
});

async function sqlstateOf(query: Promise<unknown>): Promise<string | undefined> {
  try {
    await query;
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
