import { asNode } from '../../syntax/parse-tree';
import { quoted } from '../../text/quoting';
import { isNotNull, notNullCheckOf } from '../../catalogue/checks';
import { storedTypeOf } from '../../catalogue/known-table';
import type { KnownColumn } from '../../catalogue/known-table';
import { hasTextForm } from '../../facts/types-as-text';
import { isByteCollation } from '../columns/collations';
import { formattedType, isCastOf } from '../columns/type-names';
import type { Simplifications } from '../context';
import type { Action } from './altered-table';
import { freeNotNullName, notNullCheck } from './constraints';
import { Pass } from './step';
import type { Step } from './step';

/** SET NOT NULL: a CHECK that says as much, validated in a job. */
export function setNotNull(action: Action): readonly Step[] {
  const { source, rewrite, table, name: column, from } = action;
  if (!rewrite.isRefused('set-not-null')) return action.keep(Pass.Attributes);
  const { catalogue } = table;
  const known = catalogue.column(table.name, column);
  const owner = catalogue.table(table.name);
  if (known && owner && isNotNull(owner, known)) {
    rewrite.note(`${column} is NOT NULL already.`);
    return [];
  }
  // `ALTER [COLUMN] name …`
  const at = source.tokens[from + 1]?.value === 'COLUMN' ? from + 2 : from + 1;
  return notNullCheck(table, column, source.cut(at, at + 1), false);
}

/** DROP NOT NULL, and the CHECK that says as much. */
export function dropNotNull(action: Action): readonly Step[] {
  const { table, name: column } = action;
  const { catalogue, name } = table;
  const known = catalogue.column(name, column);
  const owner = catalogue.table(name);
  const check = (owner && notNullCheckOf(owner, column)?.name) ?? freeNotNullName(table, column);
  const isAbsent = catalogue.lacksConstraint(name, check);
  if (known) catalogue.setColumn(name, { ...known, notNull: false });
  catalogue.dropConstraint(name, check);
  if (isAbsent || table.dropped.has(check)) return action.keep(Pass.Drop);
  const kept = `${action.written}, DROP CONSTRAINT IF EXISTS ${quoted(check)}`;
  return [{ pass: Pass.Drop, kept }];
}

/** SET DATA TYPE: refused, unless the column is known to have the type. */
export function alterType(action: Action): readonly Step[] {
  const { rewrite, table, name: column } = action;
  if (!rewrite.isRefused('alter-column-type')) return action.keep(Pass.Attributes);
  const definition = asNode(action.command.def, 'ColumnDef');
  const known = table.catalogue.column(table.name, column);
  const wanted = formattedType(definition?.typeName);
  const sameCollation = !definition?.collClause || isByteCollation(definition.collClause.collname);
  const sameValue = isCastOf(column, definition?.raw_default);
  if (
    wanted !== undefined &&
    known &&
    typeHere(known, rewrite.simplify) === wanted &&
    sameCollation &&
    sameValue
  ) {
    rewrite.note(`${column} is ${wanted} already.`);
    return [];
  }
  rewrite.refuse({
    rule: 'alter-column-type',
    at: action.start,
    parts: { action: 'ALTER COLUMN ... SET DATA TYPE' },
  });
  return [];
}

/** The type of a column on DSQL, also where only what was declared is known. */
function typeHere(column: KnownColumn, { columnTypes }: Simplifications): string | undefined {
  const type = storedTypeOf(column);
  const name = type?.replace(/\(.*/, '') ?? '';
  return columnTypes === true && hasTextForm(name) ? 'text' : type;
}
