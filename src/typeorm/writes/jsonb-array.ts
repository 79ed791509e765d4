import { isDeepStrictEqual } from 'node:util';
import type { ValueTransformer } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { DateUtils } from 'typeorm/util/DateUtils.js';
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
const jsonbArray: ValueTransformer = {
  to: (value: unknown) => {
    // The 0.3 line hands over the operators themselves that And and Or join.
    if (InstanceChecker.isFindOperator(value)) value.transformValue(jsonbArray);
    return Array.isArray(value) ? new JsonbArray(value) : value;
  },
  from: (value: unknown) => value,
};

/** Makes of the members of an array column what is kept of them, and back. */
type Members = (members: readonly unknown[]) => unknown[];

/** The types whose values are Date objects in an array: to node-postgres, those of `date[]` are, too. */
const DATES: ReadonlySet<unknown> = new Set([
  Date,
  'date',
  'datetime',
  'timestamp',
  'timestamptz',
  'timestamp with time zone',
  'timestamp without time zone',
]);

const revived: Members = (members) =>
  members.map((member) => {
    if (typeof member !== 'string') return member;
    // Without a time it is that day here, as node-postgres reads `date`.
    const date = new Date(/^\d{4}-\d\d-\d\d$/.test(member) ? `${member}T00:00:00` : member);
    return Number.isNaN(date.getTime()) ? member : date;
  });

/**
 * Keeps an array column as jsonb: adds to its transformers.
 *
 * @param column - changed; its type is still that of the members
 */
export function keepAsJsonb(column: ColumnMetadata): void {
  const own = [column.transformer ?? []].flat();
  if (!DATES.has(column.type)) {
    column.transformer = [...own, jsonbArray];
    return;
  }
  const isDay = column.type === 'date';
  const kept: Members = (members) =>
    members.map((member) => {
      if (!(member instanceof Date)) return member;
      return isDay ? DateUtils.mixedDateToDateString(member) : member.toJSON();
    });
  const ofDates: ValueTransformer = {
    to: (value: unknown) => (Array.isArray(value) ? kept(value) : value),
    from: (value: unknown) => (Array.isArray(value) ? revived(value) : value),
  };
  column.transformer = [...own, ofDates, jsonbArray];
  compareByKept(column, kept);
}

/**
 * Lets a save compare dates by what is kept of them: the host compares dates in jsonb without their milliseconds, and never
 * finds a date equal to a text. It asks for the value of the entity, and then, not transformed, for that of the database.
 */
function compareByKept(column: ColumnMetadata, kept: Members): void {
  const hostValue = column.getEntityValue.bind(column);
  let ofEntity: unknown;
  column.getEntityValue = (entity, isTransformed) => {
    const value: unknown = hostValue(entity, isTransformed);
    if (isTransformed !== false) {
      ofEntity = value;
      return value;
    }
    const compared = ofEntity;
    ofEntity = undefined;
    if (!Array.isArray(value) || !Array.isArray(compared)) return value;
    const isSame = isDeepStrictEqual(kept(value), kept(compared));
    return isSame ? (compared as unknown[]) : kept(value);
  };
}

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
