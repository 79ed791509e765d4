const KINDS: readonly RegExp[] = [
  /^(?:smallint|integer|bigint|int[248]?|serial|bigserial)$/i,
  /^(?:text|character varying|varchar|character|char|bpchar)$/i,
  /^(?:numeric|decimal)$/i,
];

/** Whether a foreign key may be between columns of two types: those of one kind may. */
export function isComparable(one: string, other: string): boolean {
  const plain = (type: string) =>
    type
      .replace(/\(.*\)/s, '')
      .trim()
      .replace(/\s+/g, ' ')
      .toLowerCase();
  const [a, b] = [plain(one), plain(other)];
  return a === b || KINDS.some((kind) => kind.test(a) && kind.test(b));
}
