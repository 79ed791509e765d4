import type { ColumnDef, InsertStmt, Node, TypeName } from 'libpg-query';
import { isNamedAlike, isSameName, tableNameOf } from '../../catalogue/catalog-facts';
import type { ArrayColumn, EnumFacts } from '../../catalogue/catalog-facts';
import { tablesNamed } from '../../catalogue/tables-named';
import { asNode, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement, TableName } from '../../syntax/statement';
import { literal } from '../../text/quoting';
import { newColumns } from '../columns/new-columns';
import { afterType } from '../columns/type-names';
import { arrayColumnsAfter, isArrayType, isOfNumbers } from './array-columns';
import { arrayMembers, jsonArray } from './array-literal';
import { arrayExpressionEdits, makesArray, unwritableArrays } from './array-expressions';
import type { Edit } from './edits';
import { enumNamed, namedCheck } from './enums';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

/** What becomes of the arrays of a text. */
export interface ArrayEdits {
  readonly edits: readonly Edit[];
  /** Of each statement the columns with which it does what JSON cannot do. */
  readonly unwritable: readonly (readonly string[])[];
  /** Of each statement the columns whose values are generated. */
  readonly generated: readonly (readonly string[])[];
}

/**
 * Keeps arrays as jsonb: the types of columns, their defaults, and the arrays that are written into them. An array in a
 * condition stays: DSQL has arrays, but no columns of them. So an expression gets an array again where it takes one.
 */
export function arrayEdits(
  { statements }: ParsedText,
  known: readonly ArrayColumn[],
  enums: readonly EnumFacts[],
): ArrayEdits {
  let before = known;
  const created: TableName[] = [];
  const named = statements.map((source) => {
    const { statement } = source;
    const after = arrayColumnsAfter(before, statement);
    // What it makes, and what it takes its values of.
    const all = [...new Set([...after, ...before])];
    before = after;
    if (statement.node === 'CreateStmt') {
      created.push(tableNameOf((statement.tree as NodeBody<'CreateStmt'>).relation));
    }
    return { source, all: withoutOthers(all, statement, created) };
  });
  return {
    edits: named.flatMap(({ source, all }) => new ArrayStatement(source, all, enums).edits()),
    unwritable: named.map(({ source, all }) => unwritableArrays(source, all)),
    generated: statements.map(({ statement }) => generatedArrays(statement)),
  };
}

/** Without the columns of a table that has the name of one which the text has created, but in another schema. */
function withoutOthers(
  all: readonly ArrayColumn[],
  statement: Statement,
  created: readonly TableName[],
): readonly ArrayColumn[] {
  const named = tablesNamed({ statements: [statement], text: statement.text });
  const isCreated = (name: TableName) => created.some((each) => isNamedAlike(each, name));
  return all.filter(({ table }) => {
    const meant = named.filter((name) => isSameName(name, table));
    return meant.length === 0 || meant.some((name) => isNamedAlike(name, table) || !isCreated(name));
  });
}

function generatedArrays(statement: Statement): readonly string[] {
  const isGenerated = ({ constraints = [] }: ColumnDef) =>
    constraints.some((item) => asNode(item, 'Constraint')?.contype === 'CONSTR_GENERATED');
  return newColumns(statement)
    .filter((column) => isArrayType(column.typeName) && isGenerated(column))
    .map(({ colname = '' }) => colname);
}

class ArrayStatement {
  readonly known: readonly ArrayColumn[];

  /** @param all - those that are only guessed among them */
  constructor(
    readonly source: StatementText,
    readonly all: readonly ArrayColumn[],
    readonly enums: readonly EnumFacts[],
  ) {
    this.known = all.filter(({ isGuessed }) => isGuessed !== true);
  }

  /** Arrays are made again where an expression takes one; what is written anew as a whole is done with that. */
  edits(): Edit[] {
    return [...this.#edits(), ...arrayExpressionEdits(this.source, this.all)];
  }

  #edits(): Edit[] {
    const { node, tree } = this.source.statement;
    switch (node) {
      case 'CreateStmt':
      case 'AlterTableStmt':
        return [
          ...newColumns(this.source.statement).flatMap((column) => this.#column(column)),
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
    const known = enumNamed(typeName, this.enums);
    const written = source.cut(from - 1, from);
    // A column that only gets another type is not named by its definition, and takes no constraint there.
    const check =
      known === undefined || colname === ''
        ? ''
        : ` ${namedCheck(source.statement, colname, known)}CHECK (${written} <@ ${literal(JSON.stringify(known.labels))}::jsonb)`;
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
      if (target?.val === undefined) return [];
      const edits = this.#value(target.val, table, target.name ?? '');
      return edits.length > 0 ? edits : this.#combined(target, table);
    });
  }

  /** An array that is made of the column itself, or of others: `tags || 'a'`, `coalesce(array_remove(tags, 'a'), '{}')`. */
  #combined({ name, val, location }: NodeBody<'ResTarget'>, table: TableName): Edit[] {
    const { source } = this;
    const isIn = (columns: readonly ArrayColumn[], column: string) =>
      columns.some((each) => each.column === column && isSameName(each.table, table));
    const isArray = makesArray(val, ({ fields }) => isIn(this.known, strings(fields).at(-1) ?? ''));
    if (!isIn(this.all, name ?? '') || !isArray) return [];
    const from = source.tokens.findIndex(
      ({ value }, at) => value === '=' && at > source.indexAt(source.at(location)),
    );
    let to = from + 1;
    while (
      to < source.tokens.length &&
      !/^(?:,|WHERE|FROM|RETURNING)$/.test(source.tokens[to]?.value ?? '')
    ) {
      to = source.afterGroup(to);
    }
    return asJson(source.tokens[from + 1]?.start ?? 0, source.endBefore(to));
  }

  /** The columns of arrays of a table, in the places that they have where none are named. */
  #namesByPlace(table: TableName): readonly string[] {
    const names: string[] = [];
    for (const each of this.known) {
      if (each.place !== undefined && isSameName(each.table, table)) names[each.place] = each.column;
    }
    return names;
  }

  #inserted({ relation, cols = [], selectStmt, onConflictClause }: InsertStmt): Edit[] {
    const table = tableNameOf(relation);
    const named = cols.map((item) => asNode(item, 'ResTarget')?.name ?? '');
    const names = cols.length > 0 ? named : this.#namesByPlace(table);
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
      (asNode(value, 'FuncCall') !== undefined && makesArray(value, () => false));
    const constant = asNode(cast ? cast.arg : value, 'A_Const')?.sval?.sval;
    if (!isArray && (known === undefined || constant === undefined)) return [];
    const location = startOf(value);
    if (location === undefined) return [];
    const start = source.at(location);
    const end = source.endBefore(this.#afterValue(source.indexAt(start)));
    const ofNumbers = known?.isOfNumbers ?? isOfNumbers(cast?.typeName);
    const members = constant === undefined ? constantsIn(value) : arrayMembers(constant);
    if (members !== undefined) return [{ start, end, text: literal(jsonArray(members, ofNumbers)) }];
    return isArray ? asJson(start, end) : [];
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

/** Puts an array into JSON. */
function asJson(start: number, end: number): Edit[] {
  return [
    { start, end: start, text: 'to_jsonb(' },
    { start: end, end, text: ')' },
  ];
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
