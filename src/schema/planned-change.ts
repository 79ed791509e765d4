import { UnsupportedFeatureError } from '../occ';
import {
  factsOf,
  loadParser,
  parseQuery,
  summarizeText,
  translate,
  type CatalogTable,
  type DsqlStatement,
  type TableName,
  type Translation,
} from '../sql';
import type { ResolvedMapping } from './orm-options';
import { refusedStatement, unsupportedChanges } from './unsupported-change';

/** The first words of statements that may have to be translated. */
const CHANGES: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'COMMENT', 'DO']);

/** Whether a text may change the schema, and is for {@link planChange}. */
export function mayChangeSchema(text: string): boolean {
  return CHANGES.has(summarizeText(text).firstWord);
}

/**
 * Finds out what is to be done with a text that may change the schema, written for PostgreSQL.
 *
 * A user's text that is Aurora DSQL's own SQL already is to be sent as it is, and so is one that Aurora DSQL refuses: it
 * says so itself.
 *
 * @param author - who has written it
 * @param readTables - reads what the catalogue says of tables; those that there are not are left out
 * @returns the statements to carry out in its stead
 * @throws UnsupportedFeatureError for a text of the ORM that asks for what Aurora DSQL has not
 */
export async function planChange(
  text: string,
  author: 'ORM' | 'user',
  mapping: ResolvedMapping,
  readTables: (tables: readonly TableName[]) => Promise<readonly CatalogTable[]>,
): Promise<'as it is' | readonly DsqlStatement[]> {
  await loadParser();
  const altered = parseQuery(text).statements.flatMap(alteredTables);
  const { statements, refusals } = await translateChange(text, await readTables(altered), mapping);
  const [first, ...others] = statements;
  const isUnchanged = others.length === 0 && first?.sql === text.trim().replace(/;\s*$/, '');
  // PostgreSQL's own words are better for what it cannot read.
  const isUnreadable = refusals.some(({ rule }) => rule === 'syntax-error');
  if (isUnreadable || (author === 'user' && (isUnchanged || refusals.length > 0))) return 'as it is';
  if (refusals.length > 0) {
    throw unsupportedChanges(refusals.map((refusal) => refusedStatement(text, refusal)));
  }
  return statements;
}

/**
 * Translates a text that changes the schema.
 *
 * @param tables - what is known of the tables that it changes
 */
export async function translateChange(
  text: string,
  tables: readonly CatalogTable[],
  { simplify, capabilities, identityCache }: ResolvedMapping,
): Promise<Translation> {
  await loadParser();
  const catalog = { tables: tables.map(factsOf) };
  return translate(text, { catalog, simplify, identityCache, ...(capabilities && { capabilities }) });
}

/**
 * The statement that is to be sent in a transaction of the user's, if any: it takes one change of the schema, and none
 * that writes rows (recorded from a cluster, 2026-09).
 *
 * @param instead - what the user can do about it, as a sentence
 * @throws UnsupportedFeatureError when there are several, or it writes rows
 */
export function onlyStatement(
  statements: readonly DsqlStatement[],
  instead: string,
): DsqlStatement | undefined {
  const [first, ...others] = statements;
  if (first === undefined || (others.length === 0 && first.kind !== 'dml')) return first;
  throw new UnsupportedFeatureError(
    `in one transaction what takes several: ${statements.map(({ sql }) => sql).join('; ')}`,
    instead,
  );
}

/** The tables of which a translation wants to know more than the text says. */
function alteredTables({ node, tree }: { readonly node: string; readonly tree: unknown }): TableName[] {
  const { relation, relations = [] } = tree as Altering;
  const named =
    node === 'TruncateStmt'
      ? relations.map(({ RangeVar }) => RangeVar)
      : node === 'AlterTableStmt' || node === 'IndexStmt'
        ? [relation]
        : [];
  return named.flatMap((range) =>
    range?.relname === undefined
      ? []
      : [{ name: range.relname, ...(range.schemaname !== undefined && { schema: range.schemaname }) }],
  );
}

interface NamedRelation {
  readonly relname?: string;
  readonly schemaname?: string;
}

interface Altering {
  readonly relation?: NamedRelation;
  readonly relations?: readonly { readonly RangeVar: NamedRelation }[];
}
