import type { ColumnDef, Node } from 'libpg-query';
import {
  asNode,
  columnConstraints,
  declaredColumn,
  isBuiltinType,
  serialType,
  stringConstant,
  strings,
  nameOfParts,
} from '../../sql';
import type { Place } from '../sources/sql-text';
import type { Catalog } from './catalog';
import type { ColumnSequence, DeclaredColumn } from './table';

/** A column as a text declares it. */
export function columnOf(column: ColumnDef, catalog: Catalog, place: Place): DeclaredColumn {
  const { typeName } = column;
  const declared = declaredColumn(column);
  const sequence = sequenceOf(column, catalog);
  const enumFacts =
    typeName === undefined || isBuiltinType(typeName)
      ? undefined
      : catalog.enum(nameOfParts(strings(typeName.names)));
  const defaultFunction = functionIn(defaultOf(column));
  return {
    ...declared,
    ...(enumFacts && { enum: enumFacts }),
    isArray: typeName?.arrayBounds !== undefined,
    ...(sequence && { sequence }),
    ...(defaultFunction !== undefined && { defaultFunction }),
    place,
  };
}

function defaultOf(column: ColumnDef): Node | undefined {
  return columnConstraints(column).find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
}

function sequenceOf(column: ColumnDef, catalog: Catalog): ColumnSequence | undefined {
  if (serialType(column.typeName) !== undefined) return { kind: 'serial' };
  const identity = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_IDENTITY');
  if (identity) return { kind: 'identity', ...sequenceOptions(identity.options) };
  return namedSequence(defaultOf(column), catalog);
}

/** The sequence in `nextval('name'::regclass)`. */
export function namedSequence(expression: Node | undefined, catalog: Catalog): ColumnSequence | undefined {
  const call = asNode(expression, 'FuncCall');
  if (strings(call?.funcname).at(-1) !== 'nextval') return undefined;
  const written = stringConstant(call?.args?.[0]) ?? '';
  const [name = '', schema] = written.split('.').reverse().map(unquoted);
  const sequence = catalog.sequence({ ...(schema !== undefined && { schema }), name });
  const { cache, start, increment } = sequence ?? {};
  return {
    kind: 'named',
    ...(cache !== undefined && { cache }),
    ...(start !== undefined && { start }),
    ...(increment !== undefined && { increment }),
  };
}

function functionIn(expression: Node | undefined): string | undefined {
  const call = asNode(asNode(expression, 'TypeCast')?.arg ?? expression, 'FuncCall');
  if (call) return strings(call.funcname).at(-1);
  return asNode(expression, 'SQLValueFunction') ? 'now' : undefined;
}

/** The options of a sequence or an identity. */
export function sequenceOptions(options: readonly Node[] | undefined): Omit<ColumnSequence, 'kind'> {
  const value = (name: string): bigint | undefined => {
    for (const option of options ?? []) {
      const element = asNode(option, 'DefElem');
      if (element?.defname !== name) continue;
      const integer = asNode(element.arg, 'Integer');
      if (integer) return BigInt(integer.ival ?? 0);
      const float = asNode(element.arg, 'Float')?.fval;
      if (float !== undefined && /^-?\d+$/.test(float)) return BigInt(float);
    }
    return undefined;
  };
  const cache = value('cache');
  const start = value('start');
  const increment = value('increment');
  return {
    ...(cache !== undefined && { cache: Number(cache) }),
    ...(start !== undefined && { start }),
    ...(increment !== undefined && { increment }),
  };
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}
