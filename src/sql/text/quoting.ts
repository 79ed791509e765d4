/** Puts a name in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The name of a table, in double quotes, with its schema if one is known. */
export function quotedTable({
  schema,
  name,
}: {
  readonly schema?: string | undefined;
  readonly name: string;
}): string {
  return (schema === undefined ? [name] : [schema, name]).map(quoted).join('.');
}

/** A text as a constant, in single quotes. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Columns or values that are compared together, as SQL: one alone, several in brackets. */
export function tuple(values: readonly string[]): string {
  return values.length === 1 ? values.join('') : `(${values.join(', ')})`;
}
