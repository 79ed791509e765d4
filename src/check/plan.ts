import type { Sequelize } from 'sequelize';
import type { DataSource } from 'typeorm';
import type { Umzug } from 'umzug';
import {
  loadParser,
  type DsqlStatementKind,
  type TableName,
  type TranslateOptions,
  type Translation,
} from '../sql';
import { Catalog } from './catalogue/catalog';
import { mappingOf } from './recording/entities';
import { typePlans, type PlannedOn, type TypePlans } from './planned-types';
import { TypeOrmMigrations } from './recording/migrations';
import { Recording, type RecordedText } from './recording/recording';
import { recordingSequelize, sequelizeOf } from './recording/sequelize-recorder';
import { translateOptionsOf } from './recording/translate-options';
import { rewrittenTable } from './rewritten-table';
import { SourceFile } from './sources/source-file';

/** A statement as it will be sent. */
export interface PlannedStatement {
  readonly sql: string;
  /** `job` starts an index build, `validate` the validation of a constraint. */
  readonly kind: DsqlStatementKind;
  /** Whether it is sent until it touches no row, each time in a transaction of its own. */
  readonly isRepeated: boolean;
  /** The table of which it reads or writes row by row, so that it takes long where they are many. */
  readonly table: TableName | undefined;
  readonly notes: readonly string[];
}

/** What will be refused, before anything of its statement is sent. */
export interface PlannedRefusal {
  readonly message: string;
  readonly instead: string | undefined;
}

/** A migration as it will be run. */
export interface PlannedMigration {
  readonly name: string;
  readonly statements: readonly PlannedStatement[];
  readonly refusals: readonly PlannedRefusal[];
  /** Why its code could not be followed to its end. */
  readonly failure: string | undefined;
}

/** A migration whose code can be followed. */
interface Followed {
  readonly name: string;
  readonly run: (recording: Recording) => Promise<unknown>;
}

/**
 * Says what migrations of a data source will send, without sending anything: their code runs as in a check, on the schema
 * that those before them make.
 *
 * @param file - of the data source
 * @param pending - the names of those to plan
 * @param on - the database
 */
export async function planTypeOrmMigrations(
  dataSource: DataSource,
  file: string,
  pending: readonly string[],
  on: PlannedOn,
): Promise<readonly PlannedMigration[]> {
  const { migrations, options } = dataSource;
  const runner = new TypeOrmMigrations(options.entities);
  const followed = migrations.map((migration): Followed & { at: number } => {
    const name = migration.name ?? migration.constructor.name;
    const Class = migration.constructor as Parameters<TypeOrmMigrations['run']>[1];
    return {
      name,
      at: Number(name.slice(-13)),
      run: (recording) => runner.run(file, Class, 'up', recording),
    };
  });
  followed.sort((one, other) => one.at - other.at);
  return plan(followed, { file, pending, options: mappingOf(dataSource), on });
}

/**
 * As {@link planTypeOrmMigrations}, for those of umzug.
 *
 * @param file - of the migrator
 */
export async function planUmzugMigrations(
  umzug: Umzug,
  file: string,
  pending: readonly string[],
  on: PlannedOn,
): Promise<readonly PlannedMigration[]> {
  const project = sequelizeOf(file);
  if (!project) throw new Error(`Sequelize is not installed where ${file} is.`);
  const { context: own } = umzug.options as { readonly context?: { readonly sequelize?: Sequelize } };
  const mapping = own?.sequelize === undefined ? {} : mappingOfSequelize(own.sequelize);
  const known = await umzug.migrations(own ?? {});
  const followed = known.map(({ name }) => ({
    name,
    run: async (recording: Recording) => {
      const { context } = recordingSequelize(project, recording);
      const migration = (await umzug.migrations(context)).find((each) => each.name === name);
      const { path } = migration ?? {};
      await migration?.up({ name, context, ...(path !== undefined && { path }) });
    },
  }));
  return plan(followed, { file, pending, options: mapping, on });
}

function mappingOfSequelize(sequelize: Sequelize): TranslateOptions {
  const { dialect } = sequelize as unknown as { readonly dialect: { readonly mapping?: TranslateOptions } };
  return translateOptionsOf(dialect.mapping);
}

interface PlanContext {
  readonly file: string;
  readonly pending: readonly string[];
  readonly options: TranslateOptions;
  readonly on: PlannedOn;
}

async function plan(
  migrations: readonly Followed[],
  { file, pending, options, on }: PlanContext,
): Promise<readonly PlannedMigration[]> {
  await loadParser();
  const types = await typePlans(on);
  let hasBegun = false;
  const catalog = new Catalog();
  const sources = { get: sourceOf };
  const planned: PlannedMigration[] = [];
  for (const { name, run } of migrations) {
    if (pending.includes(name) && !hasBegun) {
      hasBegun = true;
      types.begin();
      for (const facts of on.enums) catalog.setEnum(facts);
    }
    const recording = new Recording(file, catalog, sources, options);
    let failure: string | undefined;
    try {
      await run(recording);
    } catch (error) {
      failure = messageOf(error);
    }
    const sent = await whatIsSent(recording.texts, types);
    if (pending.includes(name)) planned.push({ name, failure, ...sent });
  }
  return planned;
}

/** What is sent for a text, and what is refused of it, each with its place in the text. */
interface Sent extends Pick<Translation, 'statements'> {
  readonly refusals: readonly {
    readonly message: string;
    readonly instead?: string;
    readonly start: number;
  }[];
}

async function whatIsSent(
  texts: readonly RecordedText[],
  types: TypePlans,
): Promise<Pick<PlannedMigration, 'statements' | 'refusals'>> {
  const translations: Sent[] = [];
  for (const text of texts) translations.push(await withTypes(text, types));
  const statements = translations.flatMap((translation) =>
    translation.statements
      .filter(({ kind }) => kind !== 'transaction')
      .map((statement) => {
        const { sql, kind, repeat, notes } = statement;
        return { sql, kind, isRepeated: repeat !== undefined, table: rewrittenTable(statement), notes };
      }),
  );
  const refusals = translations.flatMap((translation) =>
    translation.refusals.map(({ message, instead }) => ({ message, instead })),
  );
  return { statements, refusals };
}

/** What is sent for a text, with what the runner sends for its statements about enum types. */
async function withTypes({ judgement, declaredThen }: RecordedText, types: TypePlans): Promise<Sent> {
  const { parsed, translation } = judgement;
  let { statements, refusals }: Sent = translation;
  for (const statement of declaredThen === undefined ? [] : parsed.statements) {
    const { start } = statement;
    const end = start + statement.text.length;
    const isOther = (each: { readonly start: number }) => each.start < start || each.start >= end;
    try {
      const planned = declaredThen && (await types.plan(statement, declaredThen));
      if (planned === undefined) continue;
      const { notes } = planned;
      const instead = planned.statements.map((each) => ({
        ...each,
        start,
        notes: [...each.notes, ...notes],
      }));
      statements = [...statements.filter(isOther), ...instead];
      refusals = refusals.filter(isOther);
    } catch (error) {
      refusals = [...refusals.filter(isOther), { message: messageOf(error), start }];
    }
  }
  return { statements: [...statements].sort((one, other) => one.start - other.start), refusals };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function sourceOf(file: string): SourceFile | undefined {
  try {
    return new SourceFile(file);
  } catch {
    return undefined;
  }
}
