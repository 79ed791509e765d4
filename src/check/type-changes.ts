import { asNode, formattedType, tableNameOf } from '../sql';
import type { NodeBody, Statement } from '../sql';
import type { Catalog } from './catalogue/catalog';
import type { Problem } from './finding';

/**
 * What there is to say of a change of a type that an ORM makes: its entry point of this package looks at the column that
 * is there. It does nothing where the type stays, keeps enums as text, and makes the column anew while it holds no values.
 *
 * @param catalog - as it is before the statement
 */
export function typeChangeByOrm(problem: Problem, statement: Statement, catalog: Catalog): Problem[] {
  if (problem.rule !== 'alter-column-type' || statement.node !== 'AlterTableStmt') return [problem];
  const { relation, cmds = [] } = statement.tree as NodeBody<'AlterTableStmt'>;
  const command = cmds
    .map((item) => asNode(item, 'AlterTableCmd'))
    .find((each) => each?.subtype === 'AT_AlterColumnType');
  const type = formattedType(asNode(command?.def, 'ColumnDef')?.typeName);
  const table = catalog.table(tableNameOf(relation));
  const column = table?.columns.find(({ name }) => name === command?.name);
  // What it was is not in the history.
  if (!column) return [];
  const wasText = column.enum !== undefined || /^(?:text|character varying)/.test(column.type ?? '');
  if (type === undefined && wasText) return [];
  const { rule, place, instead } = problem;
  return [
    {
      rule,
      severity: 'warning',
      place,
      message: `${relation?.relname ?? ''}.${column.name} changes its type`,
      why: 'DSQL has no ALTER COLUMN … TYPE. The column is made anew while it holds no values, and refused afterwards.',
      ...(instead !== undefined && { instead }),
    },
  ];
}
