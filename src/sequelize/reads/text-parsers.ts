import { DataTypes } from 'sequelize';
import { hasTextForm } from '../../sql';
import { builtInTypes } from '../schema/built-in-types';
import { isOfType, typeNameOf } from '../schema/column-types';

/** A class of Sequelize's data types, whose values are read by its own `parse`. */
interface ParsingType {
  readonly key: string;
  readonly parse: (text: string, options?: { readonly parser: Parser }) => unknown;
}

type Parser = (text: string) => unknown;

/** What the ends of Sequelize's ranges are, by the names of the ranges. */
const RANGES: Readonly<Record<string, string>> = {
  int4range: 'int4',
  int8range: 'int8',
  numrange: 'numeric',
  tstzrange: 'timestamptz',
  daterange: 'date',
};

/** The types of which node-postgres makes objects, by their names (PostgreSQL 16, src/include/catalog/pg_type.dat). */
const OBJECTS: Readonly<Record<string, number>> = { point: 600, circle: 718 };

/** What Sequelize's types leave out of its own. */
const { postgres } = DataTypes as unknown as { readonly postgres: { readonly ENUM: ParsingType } };

/** What Sequelize does to the values of an enum, unless an application says otherwise: nothing. */
const { parse: readEnum } = postgres.ENUM;

/** Whether the values of a type are read by `parse` on PostgreSQL, and arrive as texts here. */
export function mayBeText(type: unknown): boolean {
  return isOfType(type, 'ENUM') || hasTextForm(typeNameOf(type));
}

/**
 * What reads the values of columns that are text on Aurora DSQL and of another type on PostgreSQL, where the driver knows
 * it by the object identifier of the type: the `parse` of Sequelize's data types, also one that an application has put in
 * its place (`DataTypes.INET.parse = …; sequelize.refreshTypes()`).
 */
export class TextParsers {
  readonly #parsing = new Map<string, ParsingType>();
  readonly #parserOf: (oid: number) => Parser;

  /** @param parserOf - what the driver reads a type with */
  constructor(parserOf: (oid: number) => Parser) {
    this.#parserOf = parserOf;
  }

  /** Takes the parsers of data types, in the place of those that it has. */
  refresh(dataTypes: object): void {
    for (const type of Object.values(dataTypes) as Partial<ParsingType>[]) {
      if (Object.hasOwn(type, 'parse') && type.key !== undefined) {
        this.#parsing.set(type.key, type as ParsingType);
      }
    }
  }

  clear(): void {
    this.#parsing.clear();
  }

  /** What reads the values of a type; nothing where they are the texts. */
  of(type: unknown): Parser | undefined {
    if (isOfType(type, 'ENUM')) {
      const parser = this.#parsing.get('ENUM');
      return parser === undefined || parser.parse === readEnum ? undefined : (text) => parser.parse(text);
    }
    const name = typeNameOf(type);
    const oid = OBJECTS[name];
    // What node-postgres knows in one form only is left as it was written in another.
    if (oid !== undefined) return (text) => this.#parserOf(oid)(text) ?? text;
    const end = RANGES[name];
    if (end !== undefined) return this.#rangeParser(end);
    const parser = this.#parsing.get(name.toUpperCase());
    if (parser === undefined) return undefined;
    return name === 'hstore' ? (text) => parser.parse(inQuotes(text)) : (text) => parser.parse(text);
  }

  /** @param type - of the ends */
  #rangeParser(type: string): Parser | undefined {
    const range = this.#parsing.get('RANGE');
    const parseEnd = this.#parserOf(builtInTypes[type]?.oid ?? 0);
    const isInstant = type === 'timestamptz';
    // A time of which it is not said where would be read as a local one.
    const parser = (end: string) => (isInstant && !HAS_ZONE.test(end) ? end : (parseEnd(end) ?? end));
    return range && ((text) => range.parse(asPostgresWrites(text), { parser }));
  }
}

const HAS_ZONE = /(?:Z|[+-]\d\d(?::?\d\d)*)$/i;

/**
 * A range without the quotes that Sequelize writes around each end, and without the blank before the time zone. No end that is
 * open belongs to it.
 */
function asPostgresWrites(range: string): string {
  return range
    .replace(/"([^"\\]*)"/g, '$1')
    .replace(/ (?=[+-]\d\d:?\d\d[,\])])/g, '')
    .replace(/^\s*\[\s*,/, '(,')
    .replace(/,\s*\]\s*$/, ',)');
}

/** A key or a value of an hstore: in quotes or not, with backslashes before what would mean something else. */
const HSTORE_TOKEN = /"(?:[^"\\]|\\[^])*"|=>|,|(?:[^\s,="\\]|\\[^]|=(?!>))+/g;

/** An hstore with each key and value in quotes, as PostgreSQL writes it whatever it was given. */
function inQuotes(hstore: string): string {
  return hstore.replace(HSTORE_TOKEN, (token) => {
    if (token === '=>' || token === ',' || token.startsWith('"')) return token;
    return /^null$/i.test(token) ? 'NULL' : `"${token}"`;
  });
}
