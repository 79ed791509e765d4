import { tokensOf } from '../../sql';

/** Behind PostgreSQL's own, which have at most five digits. */
const FIRST = 100_001;

/** A text whose placeholders of Sequelize are parameters of PostgreSQL, which its parser can read. */
export interface ReadableText {
  readonly sql: string;
  /** The same placeholders again, in a text that was made of it. */
  readonly restore: (sql: string) => string;
}

/**
 * Makes the placeholders of a text readable: `:name` and `?` of `replacements`, `$name` of `bind`.
 *
 * @param values - what is given for them
 */
export function readable(
  text: string,
  { replacements, bind }: { readonly replacements?: unknown; readonly bind?: unknown },
): ReadableText {
  const written: string[] = [];
  const parts: string[] = [];
  let from = 0;
  const put = (start: number, end: number) => {
    parts.push(text.slice(from, start), `$${FIRST + written.length}`);
    written.push(text.slice(start, end));
    from = end;
  };
  const isNamed = typeof replacements === 'object' && !Array.isArray(replacements);
  let before = '';
  let colon: number | undefined;
  for (const { kind, value, start, end } of tokensOf(text)) {
    const isColon = value === ':' && kind === 'symbol';
    if (isNamed && colon === start && kind === 'word') put(start - 1, end);
    else if (Array.isArray(replacements) && value === '?' && kind === 'symbol') put(start, end);
    else if (bind !== undefined && before === '$' && kind === 'word') put(start - 1, end);
    colon = isColon && before !== ':' ? end : undefined;
    before = value;
  }
  parts.push(text.slice(from));
  return {
    sql: parts.join(''),
    restore: (sql) =>
      sql.replace(/\$(\d{6})\b/g, (all, number: string) => written[Number(number) - FIRST] ?? all),
  };
}
