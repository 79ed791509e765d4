import {
  isMigrationRefusedError,
  type MigrationCalls,
  type MigrationStatement,
  type TableBatches,
} from '../../migrate/for-orms';
import { isUnsupportedFeatureError } from '../../occ';
import {
  callPlace,
  isMarkedByCopy,
  planChange,
  readTablesWhere,
  recallChange,
  type EnumTypes,
  type ResolvedMapping,
} from '../../schema';
import { QueryResult } from 'typeorm/query-runner/QueryResult.js';
import { appendToMessage } from '../refusal-explanation';
import { answerOf, type Statement } from '../statement';

/** How the statements of a migration are translated. */
export interface MigrationTranslation {
  readonly mapping: ResolvedMapping;
  /** Those of all migrations of one run. */
  readonly enums: EnumTypes;
}

/** The statements of one migration of TypeORM, up or down. */
export class MigrationSteps {
  readonly #name: string;
  readonly #run: MigrationCalls;
  readonly #translation: MigrationTranslation;

  constructor(name: string, run: MigrationCalls, translation: MigrationTranslation) {
    this.#name = name;
    this.#run = run;
    this.#translation = translation;
  }

  /**
   * Carries out a statement of the migration. One that is written for PostgreSQL, and that Aurora DSQL would refuse, is
   * replaced by those that do the same.
   *
   * @param send - sends it, or another text in its place, in the transaction or alone
   * @returns what `send` returned, now or in an earlier run; an empty result where other statements took its place
   * @throws UnsupportedFeatureError before it is sent, when Aurora DSQL has nothing that does the same
   * @throws as {@link MigrationRun.statement}
   */
  async run(
    [text, parameters, isStructured]: Statement,
    send: (sql: string) => Promise<unknown>,
  ): Promise<unknown> {
    const place = callPlace();
    try {
      return await this.#run.statement({
        text,
        parameters,
        plan: (read) => this.#plan(text, read),
        recall: () => this.#recall(text),
        send,
        answerOf,
        resultOf: (value) => resultOf(value, isStructured === true),
        unknown: (answer) => answer,
      });
    } catch (error) {
      if (isUnsupportedFeatureError(error) || isMigrationRefusedError(error)) {
        const at = place === undefined ? '' : ` (${place})`;
        const rest = this.#run.remains === undefined ? ' Nothing of it stays.' : '';
        appendToMessage(error, `It is a statement of migration "${this.#name}"${at}.${rest}`);
      }
      throw error;
    }
  }

  /** See {@link MigrationCalls.end}. */
  endDryRun(): Promise<unknown> {
    return this.#run.end();
  }

  /** Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`. */
  batches(batches: TableBatches): Promise<void> {
    return this.#run.batches(batches);
  }

  async #recall(sql: string): Promise<void> {
    if (this.#translation.mapping.migrations.translate) await recallChange(sql, this.#translation);
  }

  async #plan(
    sql: string,
    read: Parameters<MigrationStatement<unknown>['plan']>[0],
  ): ReturnType<typeof planChange> {
    const { mapping, enums } = this.#translation;
    if (!mapping.migrations.translate && !isMarkedByCopy(sql)) return 'as it is';
    const readTables = (where: string) => readTablesWhere(where, read);
    return planChange(sql, { author: 'migration', mapping, enums, readTables, read });
  }
}

/** A result that was kept as a plain object, or an empty one, in the form in which it is asked for. */
function resultOf(value: unknown, isStructured: boolean): unknown {
  if (!isStructured) return value ?? [];
  return value instanceof QueryResult ? value : Object.assign(new QueryResult(), value);
}
