import { literal, type EnumFacts } from '../../../sql';

/** No type of a database has such a number so soon. */
const FIRST_OID = 4_000_000_000;

/** A query that sees enum types in the catalogue that Aurora DSQL does not have. */
export function withEnums(query: string, types: readonly EnumFacts[]): string {
  const oid = (at: number) => `${String(FIRST_OID + at)}::oid`;
  const rows = types.map(
    ({ name }, at) =>
      `SELECT ${oid(at)}, ${literal(name)}::name, current_schema()::regnamespace::oid, 'e'::"char"`,
  );
  const labels = types.flatMap((type, at) =>
    type.labels.map(
      (label, order) => `SELECT ${oid(at)}, ${literal(label)}::name, ${String(order + 1)}::real`,
    ),
  );
  const text = types
    .reduce(
      (now, { name }, at) =>
        now.replaceAll(
          new RegExp(`'(?:\\w+\\.)?"?${name}"?'\\s*::\\s*(?:pg_catalog\\.)?regtype(?:\\s*::\\s*oid)?`, 'gi'),
          oid(at),
        ),
      query,
    )
    .replaceAll(/\bpg_catalog\s*\.\s*(?=pg_type\b|pg_enum\b)/gi, '');
  return `WITH pg_type AS (SELECT oid, typname, typnamespace, typtype FROM pg_catalog.pg_type UNION ALL ${rows.join(' UNION ALL ')}), pg_enum AS (${['SELECT enumtypid, enumlabel, enumsortorder FROM pg_catalog.pg_enum', ...labels].join(' UNION ALL ')}) SELECT * FROM (${text}) asked`;
}
