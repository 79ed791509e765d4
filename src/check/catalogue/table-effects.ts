import type { AlterTableCmd, ColumnDef, Constraint } from 'libpg-query';
import { asNode, columnConstraints, defaultName, formattedType, strings, tableNameOf } from '../../sql';
import type { NodeBody, TableName } from '../../sql';
import type { Place } from '../sources/sql-text';
import type { Catalog } from './catalog';
import { columnOf, namedSequence, sequenceOptions } from './columns';
import type { Column, ForeignKey } from './table';

/** Where something stands: at a location of the parser, or at the beginning of the statement. */
export type PlaceAt = (location: number | undefined, name: string) => Place;

const ACTIONS: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

/** What CREATE TABLE and ALTER TABLE do to a table. */
export class TableEffects {
  readonly #catalog: Catalog;
  readonly #name: TableName;
  readonly #placeAt: PlaceAt;

  constructor(catalog: Catalog, name: TableName, placeAt: PlaceAt) {
    this.#catalog = catalog;
    this.#name = name;
    this.#placeAt = placeAt;
  }

  create(tree: NodeBody<'CreateStmt'>): void {
    const { relation, tableElts = [], if_not_exists: mayExist } = tree;
    if (mayExist === true && this.#catalog.table(this.#name)) return;
    const columns = tableElts.flatMap((element) => asNode(element, 'ColumnDef') ?? []);
    const isOpen = [tree.inhRelations, tree.ofTypename, tree.partbound].some(Boolean);
    this.#catalog.setTable({
      ...this.#name,
      ...(!isOpen && { columns: columns.map((column) => this.#column(column)) }),
      uniques: [],
      checks: [],
      foreignKeys: [],
      indexes: [],
      place: this.#placeAt(relation?.location, this.#name.name),
    });
    for (const column of columns) this.#addColumnConstraints(column);
    for (const element of tableElts) {
      const constraint = asNode(element, 'Constraint');
      if (constraint) this.#addConstraint(constraint, strings(constraint.keys));
    }
  }

  alter({ cmds }: NodeBody<'AlterTableStmt'>): void {
    for (const item of cmds ?? []) {
      const command = asNode(item, 'AlterTableCmd');
      if (command) this.#carryOut(command);
    }
  }

  #column(column: ColumnDef): Column {
    return columnOf(column, this.#catalog, this.#placeAt(column.location, column.colname ?? ''));
  }

  #addColumnConstraints(column: ColumnDef): void {
    for (const constraint of columnConstraints(column)) {
      this.#addConstraint(constraint, [column.colname ?? '']);
    }
  }

  #addConstraint(constraint: Constraint, columns: readonly string[]): void {
    const { contype, conname } = constraint;
    switch (contype) {
      case 'CONSTR_PRIMARY':
        this.#addPrimaryKey(conname ?? defaultName(this.#name.name, [], 'pkey'), columns);
        return;
      case 'CONSTR_UNIQUE':
        this.#addUnique(constraint, columns);
        return;
      case 'CONSTR_CHECK': {
        const name = conname ?? defaultName(this.#name.name, columns, 'check');
        this.#catalog.changeTable(this.#name, ({ checks }) => ({ checks: [...checks, { name }] }));
        return;
      }
      case 'CONSTR_FOREIGN':
        this.#addForeignKey(constraint, columns);
        return;
    }
  }

  #addPrimaryKey(name: string, columns: readonly string[]): void {
    this.#catalog.changeTable(this.#name, ({ columns: known }) => ({
      primaryKey: { name, columns },
      ...(known && {
        columns: known.map((column) =>
          columns.includes(column.name) ? { ...column, notNull: true } : column,
        ),
      }),
    }));
  }

  #addUnique({ conname, indexname }: Constraint, columns: readonly string[]): void {
    const index = this.#catalog.table(this.#name)?.indexes.find(({ name }) => name === indexname);
    const keys = index ? index.columns.flatMap((column) => column ?? []) : columns;
    const name = conname ?? indexname ?? defaultName(this.#name.name, columns, 'key');
    this.#catalog.changeTable(this.#name, ({ uniques }) => ({
      uniques: [...uniques, { name, columns: keys }],
    }));
  }

  #addForeignKey(constraint: Constraint, columns: readonly string[]): void {
    const keys = constraint.fk_attrs ? strings(constraint.fk_attrs) : columns;
    const key: ForeignKey = {
      name: constraint.conname ?? defaultName(this.#name.name, keys, 'fkey'),
      columns: keys,
      references: tableNameOf(constraint.pktable),
      referencedColumns: strings(constraint.pk_attrs),
      onDelete: ACTIONS[constraint.fk_del_action ?? 'a'] ?? 'NO ACTION',
      onUpdate: ACTIONS[constraint.fk_upd_action ?? 'a'] ?? 'NO ACTION',
      place: this.#placeAt(constraint.location, keys[0] ?? ''),
    };
    this.#catalog.changeTable(this.#name, ({ foreignKeys }) => ({ foreignKeys: [...foreignKeys, key] }));
  }

  #changeColumn(name: string, change: (column: Column) => Partial<Column>): void {
    this.#catalog.changeTable(this.#name, ({ columns }) => ({
      ...(columns && {
        columns: columns.map((each) => (each.name === name ? { ...each, ...change(each) } : each)),
      }),
    }));
  }

  #carryOut({ subtype, name = '', def }: AlterTableCmd): void {
    const column = asNode(def, 'ColumnDef');
    const constraint = asNode(def, 'Constraint');
    switch (subtype) {
      case 'AT_AddColumn':
        if (column) this.#addColumn(column);
        return;
      case 'AT_DropColumn':
        this.#dropColumn(name);
        return;
      case 'AT_AddConstraint':
        if (constraint) this.#addConstraint(constraint, strings(constraint.keys));
        return;
      case 'AT_DropConstraint':
        this.#dropConstraint(name);
        return;
      case 'AT_AlterColumnType':
        this.#alterType(name, column ?? {});
        return;
      case 'AT_SetNotNull':
      case 'AT_DropNotNull':
        this.#changeColumn(name, () => ({ notNull: subtype === 'AT_SetNotNull' }));
        return;
      case 'AT_ColumnDefault': {
        const sequence = namedSequence(def, this.#catalog);
        if (sequence) this.#changeColumn(name, () => ({ sequence }));
        return;
      }
      case 'AT_AddIdentity': {
        const sequence = { kind: 'identity' as const, ...sequenceOptions(constraint?.options) };
        this.#changeColumn(name, () => ({ sequence, notNull: true }));
        return;
      }
    }
  }

  #addColumn(column: ColumnDef): void {
    const added = this.#column(column);
    this.#catalog.changeTable(this.#name, ({ columns }) => ({
      ...(columns && { columns: [...columns.filter((each) => each.name !== added.name), added] }),
    }));
    this.#addColumnConstraints(column);
  }

  #dropColumn(name: string): void {
    const isWithout = ({ columns }: { readonly columns: readonly (string | undefined)[] }) =>
      !columns.includes(name);
    this.#catalog.changeTable(this.#name, ({ columns, uniques, foreignKeys, indexes }) => ({
      ...(columns && { columns: columns.filter((each) => each.name !== name) }),
      uniques: uniques.filter(isWithout),
      foreignKeys: foreignKeys.filter(isWithout),
      indexes: indexes.filter(isWithout),
    }));
  }

  #dropConstraint(name: string): void {
    this.#catalog.changeTable(this.#name, ({ primaryKey, uniques, checks, foreignKeys }) => ({
      ...(primaryKey?.name === name && { primaryKey: { ...primaryKey, columns: [] } }),
      uniques: uniques.filter((each) => each.name !== name),
      checks: checks.filter((each) => each.name !== name),
      foreignKeys: foreignKeys.filter((each) => each.name !== name),
    }));
  }

  #alterType(column: string, { typeName }: ColumnDef): void {
    const type = formattedType(typeName);
    this.#changeColumn(column, ({ name, notNull, isArray, sequence, place }) => ({
      name,
      notNull,
      isArray: typeName?.arrayBounds !== undefined || (type === undefined && isArray),
      ...(type !== undefined && { type }),
      ...(sequence && { sequence }),
      place,
    }));
  }
}
