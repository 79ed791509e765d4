import { defaultValueSchemable } from 'sequelize/lib/utils';
import { enumValues, isWholeNumber, type ColumnAttribute } from './column-types';
import type { ColumnPlace, DsqlSchemaGenerator } from './dsql-schema-generator';
import { withNewValues } from './enum-checks';
import {
  enumCheckOf,
  isNotNull,
  primaryKeyOf,
  REFERENTIAL_ACTIONS,
  quoted,
  quotedTable,
  type CatalogColumn,
  type CatalogConstraint,
  type CatalogTable,
} from '../../sql';

/** Whether two SQL expressions have the same value; asked only where they look different. */
export type IsSameValue = (one: string, other: string) => Promise<boolean>;

/** What makes a column of the catalogue what an attribute says that it is; all but its type. */
export class ColumnChange {
  readonly #generator: DsqlSchemaGenerator;
  readonly #table: CatalogTable;
  readonly #column: CatalogColumn;
  readonly #attribute: ColumnAttribute;
  readonly #place: ColumnPlace;
  readonly #alterTable: string;
  readonly #quoted: string;

  constructor(
    generator: DsqlSchemaGenerator,
    table: CatalogTable,
    column: CatalogColumn,
    attribute: ColumnAttribute,
  ) {
    const place = { tableName: table.name, schema: table.schema };
    this.#generator = generator;
    this.#table = table;
    this.#column = column;
    this.#attribute = attribute;
    this.#place = { column: column.name, table: place };
    this.#alterTable = `ALTER TABLE ${generator.quoteTable(place)}`;
    this.#quoted = generator.quoteIdentifier(column.name);
  }

  /** The statement that would change the type; nothing where the attribute says none, or an enum of a text. */
  get ofType(): string | undefined {
    const { type } = this.#attribute;
    if (type === undefined) return undefined;
    const isText = /^(?:text|character varying)$/.test(this.#column.baseType);
    if (isText && enumValues(this.#attribute) !== undefined) return undefined;
    if (isWholeNumber(type) && this.#isWidened) return undefined;
    const sqlType = this.#generator.columnType(this.#attribute, this.#place);
    return `${this.#alterColumn} TYPE ${sqlType};`;
  }

  /** The statements that change what is different; none when nothing is. */
  async statements(isSame: IsSameValue): Promise<readonly string[]> {
    return [
      ...this.#nullability(),
      ...(await this.#default(isSame)),
      ...this.#enum(),
      ...this.#unique(),
      ...this.#reference(),
      ...this.#comment(),
    ];
  }

  /** Whether a whole number is BIGINT whatever its attribute says: it counts by itself, or refers to what may. */
  get #isWidened(): boolean {
    const { type, identity } = this.#column;
    return type === 'bigint' && (identity || this.#foreignKeys.length > 0);
  }

  get #foreignKeys(): readonly CatalogConstraint[] {
    return this.#table.constraints.filter(
      ({ type, columns }) => type === 'f' && columns.length === 1 && columns[0] === this.#column.name,
    );
  }

  get #alterColumn(): string {
    return `${this.#alterTable} ALTER COLUMN ${this.#quoted}`;
  }

  #nullability(): string[] {
    const { allowNull, references } = this.#attribute;
    const isPresent = isNotNull(this.#table, this.#column);
    const isPrimary = primaryKeyOf(this.#table).includes(this.#column.name);
    if (Object.hasOwn(this.#attribute, 'allowNull') && allowNull !== true) {
      return isPresent ? [] : [`${this.#alterColumn} SET NOT NULL;`];
    }
    // A foreign key alone says nothing of NULL, as with Sequelize on PostgreSQL.
    const isSilent = allowNull === undefined && Boolean(references);
    if (!isPresent || isPrimary || isSilent || this.#column.identity) return [];
    return [`${this.#alterColumn} DROP NOT NULL;`];
  }

  async #default(isSame: IsSameValue): Promise<string[]> {
    const { defaultValue, references, autoIncrement } = this.#attribute;
    const present = this.#column.default;
    if (this.#column.identity || autoIncrement === true) return [];
    if (!defaultValueSchemable(defaultValue)) {
      return present === null || references ? [] : [`${this.#alterColumn} DROP DEFAULT;`];
    }
    const wanted = this.#generator.escape(defaultValue, this.#attribute);
    if (wanted === 'NULL' && present === null) return [];
    const set = [`${this.#alterColumn} SET DEFAULT ${wanted};`];
    if (present === null) return set;
    if (plain(present) === plain(wanted)) return [];
    if (!isConstant(present) || !isConstant(wanted)) return set;
    const { type } = this.#column;
    // json cannot be compared, only its text.
    const cast = (value: string) => `(${value})::${type}${type === 'json' ? '::text' : ''}`;
    return (await isSame(cast(present), cast(wanted))) ? [] : set;
  }

  #enum(): string[] {
    const { name } = this.#column;
    const check = enumCheckOf(this.#table, name);
    const values = enumValues(this.#attribute);
    if (values === undefined) {
      // A CHECK by another name is not Sequelize's.
      const isOurs = this.#attribute.type !== undefined && check?.name.startsWith('enum_') === true;
      return isOurs
        ? [`${this.#alterTable} DROP CONSTRAINT ${this.#generator.quoteIdentifier(check.name)};`]
        : [];
    }
    if (check === undefined) {
      const added = this.#generator.enumCheck(this.#attribute, this.#place);
      if (added === undefined) return [];
      return [
        `${this.#alterTable} ADD CONSTRAINT ${this.#generator.quoteIdentifier(added.name)} ${added.definition};`,
      ];
    }
    const extended = withNewValues(check.values, values);
    return extended === undefined
      ? []
      : this.#generator.replaceEnumCheck(this.#table, check.name, this.#attribute, name, extended);
  }

  #unique(): string[] {
    if (this.#attribute.unique !== true) return [];
    const { name } = this.#column;
    const { indexes, constraints } = this.#table;
    const isPresent =
      indexes.some(
        ({ unique, partial, keys }) => unique && !partial && keys.length === 1 && keys[0]?.column === name,
      ) ||
      constraints.some(({ type, columns }) => type === 'u' && columns.length === 1 && columns[0] === name);
    return isPresent ? [] : [`${this.#alterTable} ADD UNIQUE (${this.#quoted});`];
  }

  #reference(): string[] {
    const reference = this.#generator.reference(this.#attribute, this.#place);
    if (reference === undefined) return [];
    const same = this.#foreignKeys.filter((constraint) => this.#isTheReference(constraint));
    if (same.some((constraint) => this.#isAsWanted(constraint))) return [];
    return [
      ...same.map(
        ({ name }) => `${this.#alterTable} DROP CONSTRAINT ${this.#generator.quoteIdentifier(name)};`,
      ),
      `${this.#alterTable} ADD FOREIGN KEY (${this.#quoted}) ${reference};`,
    ];
  }

  /** Whether a foreign key is to the same column, whatever else it says. */
  #isTheReference({ target }: CatalogConstraint): boolean {
    const { model, key = 'id' } = this.#attribute.references ?? {};
    if (model === undefined || target === null) return false;
    const { tableName, schema } = this.#generator.extractTableDetails(model, { schema: this.#table.schema });
    return target.name === tableName && target.schema === schema && target.columns.join() === key;
  }

  #isAsWanted({ onDelete, onUpdate, deferrable, deferred }: CatalogConstraint): boolean {
    const attribute = this.#attribute;
    const timing = attribute.references?.deferrable?.toString(this.#generator) ?? '';
    const isDeferred = /INITIALLY DEFERRED/i.test(timing);
    return (
      onDelete === actionLetter(attribute.onDelete) &&
      onUpdate === actionLetter(attribute.onUpdate) &&
      deferred === isDeferred &&
      deferrable === (isDeferred || /^DEFERRABLE/i.test(timing))
    );
  }

  #comment(): string[] {
    const { comment } = this.#attribute;
    const { table, column } = this.#place;
    if (comment === this.#column.comment) return [];
    return [this.#generator.columnComment(table, column, comment) ?? []].flat();
  }
}

/** What `pg_constraint` calls the action of a foreign key. */
function actionLetter(action = 'NO ACTION'): string {
  const written = action.trim().toUpperCase().replace(/\s+/g, ' ');
  return Object.entries(REFERENTIAL_ACTIONS).find(([, words]) => words === written)?.[0] ?? '';
}

const LITERAL = /E?'(?:[^']|'')*'/g;

/** An expression without the casts, brackets and writing that PostgreSQL adds to it. */
function plain(expression: string): string {
  const literals: string[] = [];
  const rest = expression
    .replace(LITERAL, (literal) => `?${String(literals.push(literal) - 1)}?`)
    .replace(/::(?:"[^"]+"|[a-z]+(?: [a-z]+)*)(?:\(\d+(?:, ?\d+)?\))?(?: with(?:out)? time zone)?/gi, '')
    .replace(/\s+/g, '')
    .toLowerCase()
    .replace(/^\((.*)\)$/, '$1')
    .replace(/^current_timestamp$/, 'now()');
  return rest
    .replace(/\?(\d+)\?/g, (_, at: string) => literals[Number(at)] ?? '')
    .replace(/^'(-?[\d.]+)'$/, '$1');
}

/** Whether an expression is a value: asking the database for it twice gives the same. */
function isConstant(expression: string): boolean {
  return /^\(?(?:E?'(?:[^']|'')*'|[-+]?[\d.]+(?:e[-+]?\d+)?|true|false|null)\)?(?:::[\w ()",]+)*$/i.test(
    expression.trim(),
  );
}

/** Another type for a column: uuids are made anew where numbers counted up. */
export function withoutIdentity(
  table: CatalogTable,
  { name, identity }: CatalogColumn,
  ofType: string,
): string {
  if (!identity || !/ TYPE UUID;$/i.test(ofType)) return ofType;
  const alter = `ALTER TABLE ${quotedTable(table)} ALTER COLUMN ${quoted(name)}`;
  return `${alter} DROP IDENTITY, ALTER COLUMN ${quoted(name)} TYPE UUID USING gen_random_uuid();`;
}
