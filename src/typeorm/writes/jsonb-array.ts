import type { ValueTransformer } from 'typeorm';
import { InstanceChecker } from 'typeorm/util/InstanceChecker.js';
import { tokensOf } from '../../sql';

/**
 * An array on its way to a jsonb column. TypeORM makes JSON of what it saves, but hands the values of conditions to
 * node-postgres, which makes an array of PostgreSQL of an array.
 */
class JsonbArray {
  readonly #members: unknown;

  constructor(members: unknown) {
    this.#members = members;
  }

  toJSON(): unknown {
    return this.#members;
  }

  /** Asked for by node-postgres. */
  toPostgres(): string {
    return JSON.stringify(this.#members);
  }
}

/** Goes behind the transformers of an array column that is kept as jsonb. */
export const jsonbArray: ValueTransformer = {
  to: (value: unknown) => {
    // The 0.3 line hands over the operators themselves that And and Or join.
    if (InstanceChecker.isFindOperator(value)) value.transformValue(jsonbArray);
    return Array.isArray(value) ? new JsonbArray(value) : value;
  },
  from: (value: unknown) => value,
};

/** As `&&` of arrays: members that are null have none in common. */
const HAS_ONE_OF = "'$[*] ? (@ != null && @ == $members[*])'";

/**
 * The text of a query in which `ArrayOverlap` of array columns that are kept as jsonb is what jsonb has for it: TypeORM
 * writes `column && $1`, and jsonb has no such operator. Only parameters that were made for such a column are looked at.
 *
 * PostgreSQL's functions for JSON are there, all of them (AWS user guide, data types, 2026-09-15).
 */
export function adaptOverlaps(sql: string, parameters: readonly unknown[]): string {
  if (!parameters.some((parameter) => parameter instanceof JsonbArray)) return sql;
  const tokens = [...tokensOf(sql)];
  const value = (index: number) => tokens[index]?.value;
  return tokens.reduceRight((text, parameter, index) => {
    const isArray = parameters[Number(parameter.value.slice(1)) - 1] instanceof JsonbArray;
    if (parameter.kind !== 'parameter' || !isArray) return text;
    if (value(index - 1) !== '&' || value(index - 2) !== '&') return text;
    let first = index - 3;
    while (value(first - 1) === '.') first -= 2;
    const [start, end] = [tokens[first]?.start, tokens[index - 3]?.end];
    const column = sql.slice(start, end);
    const members = `jsonb_build_object('members', ${parameter.value}::jsonb)`;
    return `${text.slice(0, start)}jsonb_path_exists(${column}, ${HAS_ONE_OF}, ${members})${text.slice(parameter.end)}`;
  }, sql);
}
