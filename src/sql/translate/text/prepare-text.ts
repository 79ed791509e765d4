import type { FuncCall } from 'libpg-query';
import { resolveCapabilities } from '../../facts/capabilities';
import type { CapabilityOverrides } from '../../facts/capabilities';
import { strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { ParsedQuery } from '../../syntax/statement';
import { tokensOf } from '../../text/scan';
import type { EnumFacts } from '../../catalogue/catalog-facts';
import type { ArrayColumn } from '../../catalogue/catalog-facts';
import type { Simplifications } from '../context';
import { addedKeys } from './added-keys';
import { isArrayType } from './array-columns';
import { arrayEdits } from './arrays';
import { changedTypes } from './changed-types';
import { applyEdits, offsetBefore } from './edits';
import type { Edit } from './edits';
import { createdEnums, enumEdits } from './enums';
import { parseText } from './parsed-text';
import type { ParsedText } from './parsed-text';
import { keepsTypesAsText, typesAsText } from './types-as-text';

/** A text in which what concerns all of its statements is translated: names of functions and of enum types. */
export interface PreparedText extends ParsedText {
  /** The enum types that the text uses: their columns have become text with a CHECK. */
  readonly usedEnums: readonly EnumFacts[];
  /** Of each statement the columns of arrays with which it does what JSON cannot do. */
  readonly unwritable: readonly (readonly string[])[];
  /** Of each statement the columns of arrays whose values are generated. */
  readonly generated: readonly (readonly string[])[];
  /** Of each statement what there is to say of types that are kept as text. */
  readonly keptAsText: readonly (readonly string[])[];
  /** The names of the domains that the text creates. */
  readonly domains: ReadonlySet<string>;
  /** The statements that went into others, as ranges of the source. */
  readonly merged: readonly { readonly start: number; readonly end: number; readonly what: string }[];
  /** Where an offset of `sql` was in the source. */
  offsetInSource(offset: number): number;
}

/** What is done in a text besides what always is. */
export interface PreparedParts {
  /** Whether primary keys can be added, and so stay where they are. */
  readonly keepsKeys: boolean;
  /** Whether columns can get another type, and so get it where they do. */
  readonly keepsChangedTypes: boolean;
  /** The columns that were declared as arrays and are jsonb; nothing where arrays stay as they are. */
  readonly arrays: readonly ArrayColumn[] | undefined;
  /** Whether columns of types that DSQL does not store are kept as text. */
  readonly hasTypesAsText: boolean;
}

const NONE_CHANGED = { edits: [], merged: [] } as const;
const NO_ARRAYS = { edits: [], unwritable: [], generated: [] } as const;
const NO_TYPES = { edits: [], notes: [] } as const;

/**
 * Reads a text, and replaces in it:
 * - a schema before the name of a new index, which neither PostgreSQL nor DSQL takes;
 * - `uuid_generate_v4()` by `gen_random_uuid()`;
 * - the enum types that the text creates, or that are known, by `text` with a CHECK;
 * - arrays in columns by jsonb, where that is wanted;
 * - types that DSQL does not store and that have a text form by text, where that is allowed;
 * - a primary key that is added to a table of the text by one in its CREATE TABLE, as `pg_dump` needs it;
 * - the type of a column of a table of the text by the one that it gets later, while nothing has filled the table.
 *
 * All of this but the last is found in one reading, and what it changes is read once more.
 *
 * @param knownEnums - The enum types that the caller knows.
 */
export function prepareText(
  source: string,
  knownEnums: readonly EnumFacts[],
  { keepsKeys, keepsChangedTypes, arrays, hasTypesAsText }: PreparedParts,
): PreparedText {
  let written = parseText(source);
  const schemaEdits = written.parsed.error ? indexSchemaEdits(source) : [];
  if (schemaEdits.length > 0) written = parseText(applyEdits(source, schemaEdits));
  const changed = keepsChangedTypes ? NONE_CHANGED : changedTypes(written);
  if (changed.edits.length > 0) written = parseText(applyEdits(written.sql, changed.edits));

  const allEnums = knownEnums.concat(createdEnums(written));
  const enums = enumEdits(
    written,
    allEnums,
    (type, column) => arrays !== undefined && column !== undefined && isArrayType(type),
  );
  const keys = keepsKeys ? [] : addedKeys(written);
  const {
    edits: ofArrays,
    unwritable,
    generated,
  } = arrays === undefined ? NO_ARRAYS : arrayEdits(written, arrays, allEnums);
  const domains = domainsOf(written.parsed);
  const types = hasTypesAsText ? typesAsText(written, allEnums, domains) : NO_TYPES;
  // An array that is written anew takes the type of its members with it.
  const isInArray = ({ start }: Edit) => ofArrays.some((array) => array.start <= start && start < array.end);
  const edits = uuidEdits(written).concat(
    enums.edits.filter((edit) => !isInArray(edit)),
    ofArrays,
    types.edits,
    keys.flatMap(({ insertion, removal }) => [insertion, removal]),
  );
  const { sql, parsed, statements } = edits.length > 0 ? parseText(applyEdits(written.sql, edits)) : written;
  const beforeChanges = (offset: number) => offsetBefore(schemaEdits, offset);
  const inSource = (offset: number) => beforeChanges(offsetBefore(changed.edits, offset));
  const removed = new Set(keys.map(({ removal }) => removal.start));
  const unmerged = <T>(perStatement: readonly T[]) =>
    perStatement.filter((_, index) => !removed.has(written.statements[index]?.firstToken ?? -1));
  return {
    sql,
    parsed,
    statements,
    usedEnums: enums.used,
    unwritable: unmerged(unwritable),
    generated: unmerged(generated),
    keptAsText: unmerged(types.notes),
    domains,
    merged: [
      ...keys.map(({ removal: { start, end } }) => {
        return { start: inSource(start), end: inSource(end), what: 'Its primary key' };
      }),
      ...changed.merged.map(({ start, end }) => {
        return { start: beforeChanges(start), end: beforeChanges(end), what: 'The type' };
      }),
    ],
    offsetInSource: (offset) => inSource(offsetBefore(edits, offset)),
  };
}

/**
 * A text whose statements are to be planned one by one, with what only the text as a whole tells: a primary key, and the type that a
 * column gets later, is in the CREATE TABLE before it, functions of uuid-ossp are PostgreSQL's own, and types are text where that is
 * allowed.
 *
 * @returns the text, and what a person should know of it
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function preparedForParts(
  sql: string,
  {
    simplify,
    capabilities,
  }: { readonly simplify: Simplifications; readonly capabilities?: CapabilityOverrides | undefined },
): { readonly sql: string; readonly notes: readonly string[] } {
  let written = parseText(sql);
  if (written.parsed.error !== undefined) return { sql, notes: [] };
  const changed = changedTypes(written);
  if (changed.edits.length > 0) written = parseText(applyEdits(sql, changed.edits));
  const keys = addedKeys(written).flatMap(({ insertion, removal }) => [insertion, removal]);
  const types = keepsTypesAsText(simplify, resolveCapabilities(capabilities))
    ? typesAsText(written, createdEnums(written), domainsOf(written.parsed))
    : NO_TYPES;
  const edits = [...uuidEdits(written), ...types.edits, ...keys];
  return { sql: applyEdits(written.sql, edits), notes: types.notes.flat() };
}

/** The names of the domains that a text creates. */
function domainsOf({ statements }: ParsedQuery): Set<string> {
  return new Set(
    statements.flatMap(({ node, tree }) =>
      node === 'CreateDomainStmt'
        ? (strings((tree as NodeBody<'CreateDomainStmt'>).domainname).at(-1) ?? [])
        : [],
    ),
  );
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
