import type { QueryRunner } from 'typeorm';
import type { SchemaSession } from '../../schema';

/** A query runner, as that which changes the schema needs it. */
export function schemaSession(queryRunner: QueryRunner): SchemaSession {
  return {
    query: async (sql) => {
      const { records, affected } = (await queryRunner.query(sql, undefined, true)) as {
        readonly records?: readonly Record<string, unknown>[];
        readonly affected?: number;
      };
      return { rows: records ?? [], rowCount: affected ?? 0 };
    },
  };
}
