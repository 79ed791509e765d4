import type { ColumnDef, InsertStmt, Node, TypeName } from 'libpg-query';
import { isSameName, tableNameOf } from '../../catalogue/catalog-facts';
import type { ArrayColumn, EnumFacts } from '../../catalogue/catalog-facts';
import { builtinTypeName } from '../../facts/column-types';
import { asNode, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement, TableName } from '../../syntax/statement';
import { literal } from '../../text/quoting';
import { afterType } from '../columns/type-names';
import { arrayMembers, jsonArray } from './array-literal';
import type { Edit } from './edits';
import { enumNamed } from './enums';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

const NUMBER = /^(?:int[248]|float[48]|numeric)$/;

/** Whether a type is an array: also by the name of its element with an underscore before it. */
export function isArrayType(type: TypeName | undefined): boolean {
  return type?.arrayBounds !== undefined || /^_[a-z]/.test(builtinTypeName(type) ?? '');
}

/** Whether the members of an array are numbers in JSON, too. */
export function isOfNumbers(type: TypeName | undefined): boolean {
  return NUMBER.test((strings(type?.names).at(-1) ?? '').replace(/^_/, ''));
}

/** The columns of arrays that statements make, by CREATE TABLE or ADD COLUMN. */
export function arrayColumnsIn(statements: readonly Statement[]): readonly ArrayColumn[] {
  return statements.flatMap(({ node, tree }) => {
    const { relation } = tree as NodeBody<'CreateStmt'>;
    return newColumns(node, tree)
      .filter(({ typeName }) => isArrayType(typeName))
      .map(({ colname: column = '', typeName }) => ({
        table: tableNameOf(relation),
        column,
        isOfNumbers: isOfNumbers(typeName),
      }));
  });
}

/**
 * Keeps arrays as jsonb: the types of columns, their defaults, and the arrays that are written into them. An array in a
 * condition stays: DSQL has arrays, but no columns of them.
 */
export function arrayEdits(
  { parsed, statements }: ParsedText,
  known: readonly ArrayColumn[],
  enums: readonly EnumFacts[],
): readonly Edit[] {
  const all = [...known, ...arrayColumnsIn(parsed.statements)];
  return statements.flatMap((source) => new ArrayStatement(source, all, enums).edits());
}

/** The columns that a statement makes, or gives another type. */
function newColumns(node: string, tree: unknown): ColumnDef[] {
  if (node === 'CreateStmt') {
    return ((tree as NodeBody<'CreateStmt'>).tableElts ?? []).flatMap(
      (item) => asNode(item, 'ColumnDef') ?? [],
    );
  }
  if (node !== 'AlterTableStmt') return [];
  return ((tree as NodeBody<'AlterTableStmt'>).cmds ?? []).flatMap(
    (item) => asNode(asNode(item, 'AlterTableCmd')?.def, 'ColumnDef') ?? [],
  );
}

class ArrayStatement {
  constructor(
    readonly source: StatementText,
    readonly known: readonly ArrayColumn[],
    readonly enums: readonly EnumFacts[],
  ) {}

  edits(): Edit[] {
    const { node, tree } = this.source.statement;
    switch (node) {
      case 'CreateStmt':
      case 'AlterTableStmt':
        return [
          ...newColumns(node, tree).flatMap((column) => this.#column(column)),
          ...this.#defaults(tree as NodeBody<'AlterTableStmt'>),
        ];
      case 'UpdateStmt': {
        const { relation, targetList } = tree as NodeBody<'UpdateStmt'>;
        return this.#assigned(tableNameOf(relation), targetList);
      }
      case 'InsertStmt':
        return this.#inserted(tree as InsertStmt);
      default:
        return [];
    }
  }

  #column({ colname = '', typeName, constraints = [] }: ColumnDef): Edit[] {
    const { source } = this;
    if (typeName === undefined || !isArrayType(typeName)) return [];
    const from = source.indexAt(source.at(typeName.location));
    const labels = enumNamed(typeName, this.enums)?.labels;
    const written = source.cut(from - 1, from);
    const check = labels ? ` CHECK (${written} <@ ${literal(JSON.stringify(labels))}::jsonb)` : '';
    const type = {
      start: source.at(typeName.location),
      end: source.endBefore(this.#afterArrayType(from, typeName)),
      text: `jsonb${check}`,
    };
    const values = constraints.flatMap((item) => asNode(item, 'Constraint')?.raw_expr ?? []);
    const relation = (source.statement.tree as NodeBody<'CreateStmt'>).relation;
    return [type, ...values.flatMap((value) => this.#value(value, tableNameOf(relation), colname))];
  }

  /** `ALTER COLUMN … SET DEFAULT` of a column of arrays. */
  #defaults({ relation, cmds = [] }: NodeBody<'AlterTableStmt'>): Edit[] {
    return cmds.flatMap((item) => {
      const command = asNode(item, 'AlterTableCmd');
      if (command?.subtype !== 'AT_ColumnDefault' || command.def === undefined) return [];
      return this.#value(command.def, tableNameOf(relation), command.name ?? '');
    });
  }

  #assigned(table: TableName, targets: readonly Node[] = []): Edit[] {
    return targets.flatMap((item) => {
      const target = asNode(item, 'ResTarget');
      return target?.val === undefined ? [] : this.#value(target.val, table, target.name ?? '');
    });
  }

  #inserted({ relation, cols = [], selectStmt, onConflictClause }: InsertStmt): Edit[] {
    const table = tableNameOf(relation);
    const names = cols.map((item) => asNode(item, 'ResTarget')?.name ?? '');
    const select = asNode(selectStmt, 'SelectStmt');
    const rows = (select?.valuesLists ?? []).map((item) => asNode(item, 'List')?.items ?? []);
    const selected = (select?.targetList ?? []).flatMap((item) => asNode(item, 'ResTarget')?.val ?? []);
    return [
      ...[...rows, selected].flatMap((row) =>
        row.flatMap((value, index) => this.#value(value, table, names[index] ?? '')),
      ),
      ...this.#assigned(table, onConflictClause?.targetList),
    ];
  }

  /** A value that is written into a column: an array becomes jsonb, and so does a text where the column was one of arrays. */
  #value(value: Node, table: TableName, column: string): Edit[] {
    const { source } = this;
    const known = this.known.find((each) => each.column === column && isSameName(each.table, table));
    const cast = asNode(value, 'TypeCast');
    const isArray =
      isArrayType(cast?.typeName) ||
      asNode(value, 'A_ArrayExpr') !== undefined ||
      asNode(value, 'SubLink')?.subLinkType === 'ARRAY_SUBLINK' ||
      strings(asNode(value, 'FuncCall')?.funcname).at(-1) === 'array_agg';
    const constant = asNode(cast ? cast.arg : value, 'A_Const')?.sval?.sval;
    if (!isArray && (known === undefined || constant === undefined)) return [];
    const location = startOf(value);
    if (location === undefined) return [];
    const start = source.at(location);
    const end = source.endBefore(this.#afterValue(source.indexAt(start)));
    const ofNumbers = known?.isOfNumbers ?? isOfNumbers(cast?.typeName);
    const members = constant === undefined ? constantsIn(value) : arrayMembers(constant);
    if (members !== undefined) return [{ start, end, text: literal(jsonArray(members, ofNumbers)) }];
    return isArray ? [{ start, end, text: `to_jsonb(${source.sql.slice(start, end)})` }] : [];
  }

  /** The index after a value and the types that it is cast to. */
  #afterValue(from: number): number {
    const { source } = this;
    const { tokens } = source;
    let at = from + 1;
    if (tokens[from]?.value === 'ARRAY') at = source.afterGroup(at);
    else if (tokens[from]?.kind === 'word') at = source.afterGroup(source.afterName(from));
    while (tokens[at]?.value === ':' && tokens[at + 1]?.value === ':') {
      at = this.#afterArrayType(at + 2, { typmods: [{}] } as TypeName);
    }
    return at;
  }

  #afterArrayType(from: number, type: TypeName): number {
    const { source } = this;
    const { tokens } = source;
    let at = afterType(source, from, type);
    if (tokens[at]?.value === 'ARRAY') at++;
    while (tokens[at]?.value === '[') at = source.afterGroup(at);
    return at;
  }
}

/** Where the first token of a value is, as the parser locates it. */
function startOf(value: Node): number | undefined {
  const cast = asNode(value, 'TypeCast');
  if (cast?.arg) return startOf(cast.arg);
  return (
    asNode(value, 'A_ArrayExpr') ??
    asNode(value, 'A_Const') ??
    asNode(value, 'SubLink') ??
    asNode(value, 'FuncCall')
  )?.location;
}

/** The members of `ARRAY[…]`, if all of them are constants. */
function constantsIn(value: Node): readonly string[] | undefined {
  const inner = asNode(value, 'TypeCast')?.arg ?? value;
  const array = asNode(inner, 'A_ArrayExpr');
  if (array === undefined) return undefined;
  const members: string[] = [];
  for (const element of array.elements ?? []) {
    const constant = asNode(asNode(element, 'TypeCast')?.arg ?? element, 'A_Const');
    const text = constant?.sval?.sval ?? constant?.fval?.fval ?? constant?.ival;
    if (constant === undefined || text === undefined) return undefined;
    members.push(typeof text === 'string' ? text : String(text.ival ?? 0));
  }
  return members;
}
