import {
  SelectQueryBuilder,
  type DeleteQueryBuilder,
  type InsertQueryBuilder,
  type ObjectLiteral,
  type QueryRunner,
  type UpdateQueryBuilder,
} from 'typeorm';
import type { SoftDeleteQueryBuilder } from 'typeorm/query-builder/SoftDeleteQueryBuilder.js';
import { dataSourceOf } from '../transactions/transactions';
import { ArrayInsertQueryBuilder } from './array-insert';

/** What of a query builder that writes is used here; the host's types hide some of it. */
interface WritingBuilder {
  readonly queryRunner?: QueryRunner | undefined;
  readonly expressionMap: { readonly useTransaction: boolean };
  setQueryRunner(queryRunner: QueryRunner | undefined): unknown;
  execute(): Promise<unknown>;
}

/**
 * TypeORM's query builder. What it makes for writing inserts many rows as arrays, and its transactions are managed ones:
 * the host begins that of `useTransaction(true)` on a query runner of its own and runs it once, so that its conflict would
 * surface from a single statement.
 */
export class DsqlSelectQueryBuilder<Entity extends ObjectLiteral> extends SelectQueryBuilder<Entity> {
  /** Makes one of ours of a builder that the host has made just now, so it has no `#private` members. */
  static from<Entity extends ObjectLiteral>(builder: SelectQueryBuilder<Entity>): SelectQueryBuilder<Entity> {
    return Object.setPrototypeOf(builder, DsqlSelectQueryBuilder.prototype) as SelectQueryBuilder<Entity>;
  }

  override insert(): InsertQueryBuilder<Entity> {
    this.expressionMap.queryType = 'insert';
    return managed(new ArrayInsertQueryBuilder<Entity>(this));
  }

  override update<Updated extends ObjectLiteral>(...call: unknown[]): UpdateQueryBuilder<Updated> {
    const update = super.update.bind(this) as (...call: unknown[]) => UpdateQueryBuilder<ObjectLiteral>;
    return managed(update(...call)) as UpdateQueryBuilder<Updated>;
  }

  override delete(): DeleteQueryBuilder<Entity> {
    return managed(super.delete());
  }

  override softDelete(): SoftDeleteQueryBuilder<Entity> {
    return managed(super.softDelete() as SoftDeleteQueryBuilder<Entity>);
  }

  override restore(): SoftDeleteQueryBuilder<Entity> {
    return managed(super.restore() as SoftDeleteQueryBuilder<Entity>);
  }
}

function managed<Builder extends object>(builder: Builder): Builder {
  const writing = builder as WritingBuilder;
  const execute = writing.execute.bind(writing);
  writing.execute = () => executeManaged(writing, execute);
  return builder;
}

function executeManaged(writing: WritingBuilder, execute: () => Promise<unknown>): Promise<unknown> {
  const { queryRunner, expressionMap } = writing;
  if (!expressionMap.useTransaction || queryRunner?.isTransactionActive === true) return execute();
  const manager = queryRunner?.manager ?? dataSourceOf(writing as never).manager;
  return manager.transaction(async (inner) => {
    writing.setQueryRunner(inner.queryRunner);
    try {
      return await execute();
    } finally {
      writing.setQueryRunner(queryRunner);
    }
  });
}
