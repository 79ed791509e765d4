/** The longest name in bytes; PostgreSQL cuts longer ones off. */
const MAX_NAME_BYTES = 63;

/** The name of the CHECK that holds the values of an enum: what Sequelize calls the type on PostgreSQL. */
export function enumCheckName(table: string, column: string): string {
  return Buffer.from(`enum_${table}_${column}`)
    .subarray(0, MAX_NAME_BYTES)
    .toString()
    .replace(/\uFFFD$/, '');
}

/**
 * The CHECK that holds the values of an enum.
 *
 * @param column - the column, quoted
 * @param values - the values, as SQL
 */
export function enumCheck(column: string, values: readonly string[]): string {
  return `CHECK (${column} IN (${values.join(', ')}))`;
}

/**
 * The values of an enum that has some already, and shall have others: none is lost, as with `ALTER TYPE … ADD VALUE`.
 *
 * @returns nothing when there is none to be added
 */
export function withNewValues(
  present: readonly string[],
  wanted: readonly string[],
): readonly string[] | undefined {
  if (wanted.every((value) => present.includes(value))) return undefined;
  return [...wanted, ...present.filter((value) => !wanted.includes(value))];
}

/** A list of texts as PostgreSQL writes an array. */
export function arrayText(values: readonly string[]): string {
  const elements = values.map((value) =>
    value === '' || /[\s{}",\\]/.test(value) || /^null$/i.test(value)
      ? `"${value.replace(/["\\]/g, '\\$&')}"`
      : value,
  );
  return `{${elements.join(',')}}`;
}
