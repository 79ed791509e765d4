import type { QueryRunner } from 'typeorm';
import type { SchemaSession } from '../../schema';
import { answerOf } from '../statement';

/** A query runner, as that which changes the schema needs it. */
export function schemaSession(queryRunner: QueryRunner): SchemaSession {
  return { query: async (sql) => answerOf(await queryRunner.query(sql, undefined, true)) };
}
