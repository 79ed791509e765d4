import { SchemaRunner, readTablesWhere } from '../schema';
import { isBroken, loadParser, quoted, quotedTable, translate, type DsqlStatement } from '../sql';
import { JournalConnection } from './journal/journal-connection';
import { Lease } from './lease/lease';
import { LEASE_MS, PATIENCE_MS, type StatusOptions } from './status';
import { migrationTables } from './tables';

/** What is repaired, and how. */
export interface RepairOptions extends StatusOptions {
  /** Takes the lease from a process whose lease has not ended. */
  readonly steal?: boolean | undefined;
  /** Told of each object before anything is sent for it. */
  readonly onRepair?: ((object: RepairedObject) => void) | undefined;
}

/** An index that is built again, or a constraint that is validated. */
export interface RepairedObject {
  readonly kind: 'index' | 'constraint';
  /** Its name, and that of its table, quoted. */
  readonly name: string;
  readonly table: string;
  /** The statements that are sent for it. */
  readonly statements: readonly string[];
}

const OWN =
  "n.nspname NOT IN ('information_schema', 'sys') AND n.nspname NOT LIKE 'pg\\_%' AND c.relkind = 'r'";

interface Repair {
  readonly object: RepairedObject;
  readonly planned: readonly DsqlStatement[];
}

/**
 * Builds indexes again whose build has failed, and validates the constraints that are not, one after the other, while no
 * other process changes the schema. An index that is being built is left alone.
 *
 * @returns what was repaired
 * @throws LeaseHeldError when another process changes the schema
 * @throws SchemaJobError when rows are in the way
 */
export async function repairSchema({
  open,
  schema,
  steal,
  onRepair = () => undefined,
}: RepairOptions): Promise<readonly RepairedObject[]> {
  await loadParser();
  const connection = new JournalConnection(open, migrationTables(schema), PATIENCE_MS);
  try {
    const lease = await Lease.take(connection, { leaseMs: LEASE_MS, whileHeld: 'fail', steal });
    const run = (text: string) => connection.run({ text, values: [] });
    try {
      const tables = await readTablesWhere(OWN, run);
      const repairs = tables.flatMap((table) => [
        ...table.indexes.filter(isBroken).map(({ name, definition }) => rebuilt(table, name, definition)),
        ...table.constraints.filter(({ validated }) => !validated).map(({ name }) => validated(table, name)),
      ]);
      for (const { object, planned } of repairs) {
        onRepair(object);
        const session = {
          query: async (sql: string) => {
            await lease?.hold();
            const rows = await run(sql);
            return { rows, rowCount: rows.length };
          },
        };
        const runner = new SchemaRunner(session);
        await runner.run(planned);
        await runner.settle();
      }
      return repairs.map(({ object }) => object);
    } finally {
      await lease?.release();
    }
  } finally {
    await connection.end();
  }
}

type Named = Parameters<typeof quotedTable>[0];

function rebuilt(table: Named, name: string, definition: string): Repair {
  // DSQL names a method of its own in definitions (recorded from a cluster, 2026-09), and takes none.
  const { statements } = translate(definition.replace(/ USING \w+ \(/, ' ('));
  const drop = `DROP INDEX IF EXISTS ${quotedTable({ ...table, name })}`;
  return repair('index', table, name, [
    { sql: drop, kind: 'ddl', notes: [], start: 0, end: 0 },
    ...statements,
  ]);
}

function validated(table: Named, name: string): Repair {
  const sql = `ALTER TABLE ASYNC ${quotedTable(table)} VALIDATE CONSTRAINT ${quoted(name)}`;
  return repair('constraint', table, name, [{ sql, kind: 'validate', notes: [], start: 0, end: 0 }]);
}

function repair(
  kind: RepairedObject['kind'],
  table: Named,
  name: string,
  planned: readonly DsqlStatement[],
): Repair {
  const statements = planned.map(({ sql }) => sql);
  return { object: { kind, name: quoted(name), table: quotedTable(table), statements }, planned };
}
