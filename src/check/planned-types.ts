import {
  enumCheckName,
  shownEnumCheck,
  type CatalogTable,
  type DsqlStatement,
  type EnumFacts,
  type Statement,
  type Translation,
} from '../sql';
import type { Catalog } from './catalogue/catalog';
import { keyOf, type DeclaredTable } from './catalogue/table';

/** What a plan asks of the database on which the migrations will run. */
export interface PlannedOn {
  /** The enum types that migrations of earlier processes have made. */
  readonly enums: readonly EnumFacts[];
  /** Reads the catalogue. */
  readonly query: (sql: string) => Promise<readonly unknown[]>;
}

/** The tables that migrations have declared at a moment. */
export interface DeclaredThen {
  /** Their names. */
  readonly names: readonly string[];
  /** Those that have columns of enum types, as Aurora DSQL has them. */
  readonly ofEnums: readonly CatalogTable[];
}

/** What is known of the tables of a project before a statement about a type. */
export function declaredIn(catalog: Catalog): DeclaredThen {
  const tables = catalog.tables();
  return {
    names: tables.map(keyOf),
    ofEnums: tables.filter(({ columns }) => columns.some(isOfEnum)).map(asKept),
  };
}

const isOfEnum = ({ enum: facts, isArray }: DeclaredTable['columns'][number]) =>
  facts !== undefined && !isArray;

/** A table with a text and a CHECK in the place of each column of an enum type. */
function asKept(table: DeclaredTable): CatalogTable {
  const rest = { deferrable: false, deferred: false, target: null, onUpdate: 'a', onDelete: 'a' };
  const checks = table.columns.filter(isOfEnum).map(({ name, enum: declared }) => {
    const { name: type = '', labels = [] } = declared ?? {};
    return {
      ...rest,
      name: enumCheckName(type, table.name, name),
      type: 'c' as const,
      columns: [name],
      validated: true,
      definition: shownEnumCheck(name, labels),
    };
  });
  return {
    schema: table.schema ?? 'public',
    name: table.name,
    columns: table.columns.map(({ name, type = 'text', notNull, identity }) => {
      const none = { length: null, sequence: null, default: null, comment: null };
      return { name, type, baseType: type, notNull, identity, ...none };
    }),
    constraints: [
      ...table.constraints.map((each) => ({
        ...rest,
        ...each,
        definition: each.definition ?? '',
        target: null,
      })),
      ...checks,
    ],
    indexes: [],
  };
}

/** Whether a statement is about a type. */
function isAboutType({ node, tree }: Statement): boolean {
  const { renameType, removeType } = tree as { readonly renameType?: string; readonly removeType?: string };
  return node === 'AlterEnumStmt' || renameType === 'OBJECT_TYPE' || removeType === 'OBJECT_TYPE';
}

/** Whether one of the statements of a text is about a type. */
export function isOfTypes(statements: readonly Statement[]): boolean {
  return statements.some((statement) => isAboutType(statement) || statement.node === 'CreateEnumStmt');
}

/** What the runner sends in the place of statements about enum types. */
export interface TypePlans {
  /** The pending migrations begin. */
  begin(): void;
  /**
   * @param then - the tables before the statement
   * @returns nothing for a statement about something else
   * @throws UnsupportedFeatureError as the runner will
   */
  plan(
    statement: Statement,
    then: DeclaredThen,
  ): Promise<(Pick<Translation, 'statements'> & { readonly notes: readonly string[] }) | undefined>;
}

/** Plans statements about enum types as the runner of migrations does. */
export async function typePlans({ enums: noted, query }: PlannedOn): Promise<TypePlans> {
  // Not needed by a check, which has no database.
  const { EnumTypes, readTablesWhere, tablesAfter } = await import('../schema');
  const enums = new EnumTypes();
  const declared = new Set<string>();
  const planned: DsqlStatement[] = [];
  let plannedBefore = 0;
  const others = async (where: string) => {
    const tables = await readTablesWhere(where, query);
    // The database has what was planned of migrations that were run.
    return tablesAfter(
      tables.filter((table) => !declared.has(keyOf(table))),
      planned.slice(plannedBefore),
    );
  };
  return {
    begin: () => {
      enums.takeUp(noted);
      plannedBefore = planned.length;
    },
    plan: async (statement, { names, ofEnums }) => {
      for (const name of names) declared.add(name);
      const own = tablesAfter(ofEnums, planned);
      const change = await enums.plan(statement, async (where) => [...own, ...(await others(where))]);
      planned.push(...(change?.statements ?? []));
      return change;
    },
  };
}
