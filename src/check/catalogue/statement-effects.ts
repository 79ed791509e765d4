import type { RangeVar } from 'libpg-query';
import {
  asNode,
  blockStatements,
  createdEnum,
  defaultName,
  nameOfParts,
  objectParts,
  parseQuery,
  strings,
  tableNameOf,
  utf16Offsets,
} from '../../sql';
import type { NodeBody, ParsedQuery, Statement } from '../../sql';
import type { Place, SqlText } from '../sources/sql-text';
import type { Catalog } from './catalog';
import { sequenceOptions } from './columns';
import { isKey } from './table';
import { TableEffects } from './table-effects';

/**
 * Changes a catalogue as the statements of a text would.
 *
 * @param onApplied - looks at what is there after each
 */
export function applyText(
  catalog: Catalog,
  text: SqlText,
  parsed: ParsedQuery,
  onApplied: (statement: Statement) => void = () => undefined,
): void {
  const utf16 = utf16Offsets(parsed.text);
  for (const statement of parsed.statements) {
    new StatementEffects(text, utf16, statement, catalog).apply();
    onApplied(statement);
  }
}

class StatementEffects {
  constructor(
    readonly text: SqlText,
    readonly utf16: (byteOffset: number) => number,
    readonly statement: Statement,
    readonly catalog: Catalog,
  ) {}

  apply(): void {
    const { node, tree } = this.statement;
    switch (node) {
      case 'CreateStmt':
        this.#table((tree as NodeBody<'CreateStmt'>).relation).create(tree as NodeBody<'CreateStmt'>);
        break;
      case 'CreateTableAsStmt':
        this.#createTableAs(tree as NodeBody<'CreateTableAsStmt'>);
        break;
      case 'AlterTableStmt':
        this.#table((tree as NodeBody<'AlterTableStmt'>).relation).alter(tree as NodeBody<'AlterTableStmt'>);
        break;
      case 'IndexStmt':
        this.#createIndex(tree as NodeBody<'IndexStmt'>);
        break;
      case 'DropStmt':
        this.#drop(tree as NodeBody<'DropStmt'>);
        break;
      case 'RenameStmt':
        this.#rename(tree as NodeBody<'RenameStmt'>);
        break;
      case 'AlterObjectSchemaStmt':
        this.#moveTable(tree as NodeBody<'AlterObjectSchemaStmt'>);
        break;
      case 'CreateEnumStmt':
      case 'DoStmt': {
        const facts = createdEnum(this.statement);
        if (facts && !this.catalog.enum(facts)) this.catalog.setEnum(facts);
        this.#doGuarded();
        break;
      }
      case 'AlterEnumStmt':
        this.#alterEnum(tree as NodeBody<'AlterEnumStmt'>);
        break;
      case 'CreateSeqStmt': {
        const { sequence, options } = tree as NodeBody<'CreateSeqStmt'>;
        this.catalog.setSequence({ ...tableNameOf(sequence), ...sequenceOptions(options) });
        break;
      }
      case 'ViewStmt':
        this.catalog.setView(tableNameOf((tree as NodeBody<'ViewStmt'>).view));
        break;
    }
  }

  /** What a DO block guards is there afterwards, by it or from before. */
  #doGuarded(): void {
    for (const body of blockStatements(this.statement) ?? []) {
      for (const statement of parseQuery(body).statements) {
        // No part of a block has a place of its own in the text.
        new StatementEffects(this.text, () => this.statement.start, statement, this.catalog).apply();
      }
    }
  }

  #moveTable({ relation, newschema }: NodeBody<'AlterObjectSchemaStmt'>): void {
    if (!relation || newschema === undefined) return;
    this.catalog.renameTable(tableNameOf(relation), { schema: newschema, name: relation.relname ?? '' });
  }

  #table(relation: RangeVar | undefined): TableEffects {
    return new TableEffects(this.catalog, tableNameOf(relation), (location, name) =>
      this.#place(location, name),
    );
  }

  #place(location: number | undefined, name: string): Place {
    const offset = location === undefined ? this.#start : this.utf16(location);
    return { text: this.text, offset, name };
  }

  get #start(): number {
    const { start, text } = this.statement;
    return start + text.length - text.trimStart().length;
  }

  #createTableAs({ into, objtype }: NodeBody<'CreateTableAsStmt'>): void {
    const name = tableNameOf(into?.rel);
    if (objtype === 'OBJECT_MATVIEW') {
      this.catalog.setView(name);
      return;
    }
    const place = this.#place(into?.rel?.location, name.name);
    this.catalog.setTable({ ...name, columns: [], constraints: [], indexes: [], isPartial: true, place });
  }

  #createIndex(index: NodeBody<'IndexStmt'>): void {
    const table = tableNameOf(index.relation);
    const keys = (index.indexParams ?? []).map((item) => {
      const { name, ordering } = asNode(item, 'IndexElem') ?? {};
      return { column: name ?? null, descending: ordering === 'SORTBY_DESC' };
    });
    const name =
      index.idxname ??
      defaultName(
        table.name,
        keys.map(({ column }) => column ?? 'expr'),
        'idx',
      );
    this.catalog.addIndex(table, {
      name,
      primary: false,
      unique: index.unique === true,
      partial: index.whereClause !== undefined,
      keys,
    });
  }

  #drop({ removeType, objects }: NodeBody<'DropStmt'>): void {
    for (const object of objects ?? []) {
      const named = nameOfParts(objectParts(object));
      if (removeType === 'OBJECT_INDEX') this.catalog.dropIndex(named);
      else if (removeType === 'OBJECT_TYPE') this.catalog.dropEnum(named);
      else if (removeType === 'OBJECT_TABLE' || removeType === 'OBJECT_VIEW') this.catalog.dropTable(named);
      else if (removeType === 'OBJECT_SCHEMA') {
        for (const table of this.catalog.tables())
          if (table.schema === named.name) this.catalog.dropTable(table);
      }
    }
  }

  #rename({ renameType, relation, subname, newname, object }: NodeBody<'RenameStmt'>): void {
    if (newname === undefined) return;
    const table = tableNameOf(relation);
    const swap = (name: string) => (name === subname ? newname : name);
    switch (renameType) {
      case 'OBJECT_TABLE':
        this.catalog.renameTable(table, { ...table, name: newname });
        return;
      case 'OBJECT_COLUMN':
        this.catalog.changeTable(table, ({ columns, constraints, indexes }) => ({
          columns: columns.map((each) => ({ ...each, name: swap(each.name) })),
          constraints: constraints.map((each) => ({ ...each, columns: each.columns.map(swap) })),
          indexes: indexes.map((index) => ({
            ...index,
            keys: index.keys.map((key) => ({ ...key, column: key.column && swap(key.column) })),
          })),
        }));
        return;
      case 'OBJECT_TABCONSTRAINT':
        this.catalog.changeTable(table, ({ constraints, indexes }) => {
          const isOfKey = constraints.some((each) => each.name === subname && isKey(each));
          return {
            constraints: constraints.map((each) => ({ ...each, name: swap(each.name) })),
            ...(isOfKey && { indexes: indexes.map((index) => ({ ...index, name: swap(index.name) })) }),
          };
        });
        return;
      case 'OBJECT_TYPE': {
        const known = this.catalog.enum(nameOfParts(strings(asNode(object, 'List')?.items)));
        if (!known) return;
        this.catalog.dropEnum(known);
        this.catalog.setEnum({ ...known, name: newname });
        return;
      }
    }
  }

  #alterEnum({ typeName, newVal, oldVal }: NodeBody<'AlterEnumStmt'>): void {
    const known = this.catalog.enum(nameOfParts(strings(typeName)));
    if (!known || newVal === undefined) return;
    const labels =
      oldVal === undefined
        ? [...known.labels.filter((label) => label !== newVal), newVal]
        : known.labels.map((label) => (label === oldVal ? newVal : label));
    this.catalog.setEnum({ ...known, labels });
  }
}
