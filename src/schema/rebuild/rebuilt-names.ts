import { createHash } from 'node:crypto';

const MAX_NAME_BYTES = 63;

/** The names of what takes part in the rebuild of a table. */
export interface RebuiltNames {
  readonly schema: string;
  readonly table: string;
  /** Of the new table, until it takes the name of the old one. */
  readonly copy: string;
  /** Of the old table, once writers are kept out. */
  readonly old: string;
  /** Of the table with the key of the last row that was copied. */
  readonly copied: string;
}

/** A name with a suffix. PostgreSQL cuts names after 63 bytes; a longer one is shortened here, and stays unique by a hash. */
export function besides(name: string, suffix: string): string {
  if (Buffer.byteLength(name + suffix) <= MAX_NAME_BYTES) return name + suffix;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const bytes = MAX_NAME_BYTES - suffix.length - hash.length - 1;
  // Whole characters only.
  const start = Buffer.from(name)
    .subarray(0, bytes)
    .toString()
    .replace(/\uFFFD+$/, '');
  return `${start}_${hash}${suffix}`;
}

/**
 * The names for the rebuild of a table.
 *
 * @param isTaken - whether there is something of a name that the old table or a part of it would have with that suffix
 */
export function rebuiltNames(
  { schema, name }: { readonly schema: string; readonly name: string },
  isTaken: (old: string, suffix: string) => boolean,
): RebuiltNames {
  let number = 1;
  const suffix = () => `__old${number === 1 ? '' : String(number)}`;
  while (isTaken(besides(name, suffix()), suffix())) number++;
  return {
    schema,
    table: name,
    copy: besides(name, '__new'),
    old: besides(name, suffix()),
    copied: besides(name, '__copied'),
  };
}

/** The name of the CHECK that keeps writers out of a table. */
export function readOnlyName(table: string): string {
  return besides(table, '_is_read_only');
}

/** The name of a sequence, of its name as PostgreSQL writes it with its schema. */
export function sequenceName(written: string): string {
  const [, name = written] = /(?:^|\.)("(?:[^"]|"")+"|[^".]+)$/.exec(written) ?? [];
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
