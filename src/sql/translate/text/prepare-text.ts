import type { FuncCall } from 'libpg-query';
import { strings, walk } from '../../syntax/parse-tree';
import { tokensOf } from '../../text/scan';
import type { EnumFacts } from '../../catalogue/catalog-facts';
import type { ArrayColumn } from '../../catalogue/catalog-facts';
import { addedKeys } from './added-keys';
import { arrayEdits, isArrayType } from './arrays';
import { applyEdits, offsetBefore } from './edits';
import type { Edit } from './edits';
import { createdEnums, enumEdits } from './enums';
import { parseText } from './parsed-text';
import type { ParsedText } from './parsed-text';

/** A text in which what concerns all of its statements is translated: names of functions and of enum types. */
export interface PreparedText extends ParsedText {
  /** The enum types that the text uses: their columns have become text with a CHECK. */
  readonly usedEnums: readonly EnumFacts[];
  /** Of each statement the columns of arrays with which it does what JSON cannot do. */
  readonly unwritable: readonly (readonly string[])[];
  /** The statements that went into others, as ranges of the source. */
  readonly merged: readonly { readonly start: number; readonly end: number }[];
  /** Where an offset of `sql` was in the source. */
  offsetInSource(offset: number): number;
}

const NO_ARRAYS = { edits: [], unwritable: [] } as const;

/**
 * Reads a text, and replaces in it:
 * - a schema before the name of a new index, which neither PostgreSQL nor DSQL takes;
 * - `uuid_generate_v4()` by `gen_random_uuid()`;
 * - the enum types that the text creates, or that are known, by `text` with a CHECK;
 * - arrays in columns by jsonb, where that is wanted;
 * - a primary key that is added to a table of the text by one in its CREATE TABLE, as `pg_dump` needs it.
 *
 * All of this is found in one reading, and what it changes is read once more.
 *
 * @param keepsKeys - Whether primary keys can be added, and so stay where they are.
 * @param arrays - The columns that were declared as arrays and are jsonb; nothing where arrays stay as they are.
 */
export function prepareText(
  source: string,
  knownEnums: readonly EnumFacts[],
  keepsKeys: boolean,
  arrays: readonly ArrayColumn[] | undefined,
): PreparedText {
  let written = parseText(source);
  const schemaEdits = written.parsed.error ? indexSchemaEdits(source) : [];
  if (schemaEdits.length > 0) written = parseText(applyEdits(source, schemaEdits));

  const allEnums = knownEnums.concat(createdEnums(written));
  const enums = enumEdits(
    written,
    allEnums,
    (type, column) => arrays !== undefined && column !== undefined && isArrayType(type),
  );
  const keys = keepsKeys ? [] : addedKeys(written);
  const { edits: ofArrays, unwritable } =
    arrays === undefined ? NO_ARRAYS : arrayEdits(written, arrays, allEnums);
  // An array that is written anew takes the type of its members with it.
  const isInArray = ({ start }: Edit) => ofArrays.some((array) => array.start <= start && start < array.end);
  const edits = uuidEdits(written).concat(
    enums.edits.filter((edit) => !isInArray(edit)),
    ofArrays,
    keys.flatMap(({ insertion, removal }) => [insertion, removal]),
  );
  const { sql, parsed, statements } = edits.length > 0 ? parseText(applyEdits(written.sql, edits)) : written;
  const inSource = (offset: number) => offsetBefore(schemaEdits, offset);
  return {
    sql,
    parsed,
    statements,
    usedEnums: enums.used,
    unwritable,
    merged: keys.map(({ removal: { start, end } }) => ({ start: inSource(start), end: inSource(end) })),
    offsetInSource: (offset) => inSource(offsetBefore(edits, offset)),
  };
}

/**
 * A text whose statements are to be planned one by one, with what only the text as a whole tells: a primary key is in the CREATE TABLE
 * before it, and functions of uuid-ossp are PostgreSQL's own.
 *
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function preparedForParts(sql: string): string {
  const written = parseText(sql);
  if (written.parsed.error !== undefined) return sql;
  const keys = addedKeys(written).flatMap(({ insertion, removal }) => [insertion, removal]);
  const edits = [...uuidEdits(written), ...keys];
  return edits.length === 0 ? sql : applyEdits(sql, edits);
}

/** Finds `CREATE INDEX schema.name ON`; the index is made in the schema of its table all the same. */
function indexSchemaEdits(sql: string): Edit[] {
  const edits: Edit[] = [];
  const tokens = [...tokensOf(sql)];
  tokens.forEach(({ value, kind }, index) => {
    if (value !== 'INDEX' || kind !== 'word') return;
    const before = tokens[index - 1]?.value;
    if (before !== 'CREATE' && !(before === 'UNIQUE' && tokens[index - 2]?.value === 'CREATE')) return;
    let at = index + 1;
    while (/^(?:ASYNC|CONCURRENTLY|IF|NOT|EXISTS)$/.test(tokens[at]?.value ?? '')) at++;
    const schema = tokens[at];
    const name = tokens[at + 2];
    if (schema && name && tokens[at + 1]?.value === '.') {
      edits.push({ start: schema.start, end: name.start, text: '' });
    }
  });
  return edits;
}

function uuidEdits({ sql, statements }: ParsedText): Edit[] {
  const edits: Edit[] = [];
  if (!/uuid_generate_v4/i.test(sql)) return edits;
  for (const source of statements) {
    const { node, tree } = source.statement;
    walk(node, tree as object, ({ name, body }) => {
      const call = body as FuncCall;
      if (name === 'FuncCall' && strings(call.funcname).at(-1) === 'uuid_generate_v4') {
        const from = source.indexAt(source.at(call.location));
        const end = source.endBefore(source.afterName(from));
        edits.push({ start: source.at(call.location), end, text: 'gen_random_uuid' });
      }
      return true;
    });
  }
  return edits;
}
