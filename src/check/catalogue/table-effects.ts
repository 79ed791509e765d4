import type { AlterTableCmd, ColumnDef, Constraint } from 'libpg-query';
import { asNode, columnConstraints, constraintType, declaredConstraint, formattedType } from '../../sql';
import type { KnownIndex, NodeBody, TableName } from '../../sql';
import type { Place } from '../sources/sql-text';
import type { Catalog } from './catalog';
import { columnOf, namedSequence, sequenceOptions } from './columns';
import { isKey } from './table';
import type { DeclaredColumn, DeclaredConstraint } from './table';

/** Where something stands: at a location of the parser, or at the beginning of the statement. */
export type PlaceAt = (location: number | undefined, name: string) => Place;

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
    const isPartial =
      [tree.inhRelations, tree.ofTypename, tree.partbound].some(Boolean) ||
      tableElts.some((element) => asNode(element, 'TableLikeClause'));
    this.#catalog.setTable({
      ...this.#name,
      columns: columns.map((column) => this.#column(column)),
      constraints: [],
      indexes: [],
      isPartial,
      place: this.#placeAt(relation?.location, this.#name.name),
    });
    for (const column of columns) this.#addColumnConstraints(column);
    for (const element of tableElts) {
      const constraint = asNode(element, 'Constraint');
      if (constraint) this.#addConstraint(constraint);
    }
  }

  alter({ cmds }: NodeBody<'AlterTableStmt'>): void {
    for (const item of cmds ?? []) {
      const command = asNode(item, 'AlterTableCmd');
      if (command) this.#carryOut(command);
    }
  }

  #column(column: ColumnDef): DeclaredColumn {
    return columnOf(column, this.#catalog, this.#placeAt(column.location, column.colname ?? ''));
  }

  #addColumnConstraints(column: ColumnDef): void {
    for (const constraint of columnConstraints(column)) {
      this.#addConstraint(constraint, column.colname);
    }
  }

  #addConstraint(constraint: Constraint, column?: string): void {
    const type = constraintType(constraint);
    const table = this.#catalog.table(this.#name);
    if (type === undefined || !table) return;
    const isTaken = (name: string) => table.constraints.some((each) => each.name === name);
    const declared = declaredConstraint(type, constraint, { table: this.#name.name, column, isTaken });
    const index = table.indexes.find(({ name }) => name === constraint.indexname);
    const columns = index ? index.keys.flatMap((key) => key.column ?? []) : declared.columns;
    const place = this.#placeAt(constraint.location, columns[0] ?? '');
    const key = { ...declared, columns, place };
    this.#catalog.setTable({
      ...table,
      ...(type === 'p' && {
        columns: table.columns.map((each) =>
          columns.includes(each.name) ? { ...each, notNull: true } : each,
        ),
      }),
      constraints: [...table.constraints, key],
      ...(isKey(key) && { indexes: [...table.indexes.filter((each) => each !== index), indexOf(key)] }),
    });
  }

  #changeColumn(name: string, change: (column: DeclaredColumn) => Partial<DeclaredColumn>): void {
    this.#catalog.changeTable(this.#name, ({ columns }) => ({
      columns: columns.map((each) => (each.name === name ? { ...each, ...change(each) } : each)),
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
        if (constraint) this.#addConstraint(constraint);
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
        this.#changeColumn(name, () => ({ sequence, identity: true, notNull: true }));
        return;
      }
    }
  }

  #addColumn(column: ColumnDef): void {
    const added = this.#column(column);
    this.#catalog.changeTable(this.#name, ({ columns }) => ({
      columns: [...columns.filter((each) => each.name !== added.name), added],
    }));
    this.#addColumnConstraints(column);
  }

  #dropColumn(name: string): void {
    this.#catalog.changeTable(this.#name, ({ columns, constraints, indexes }) => ({
      columns: columns.filter((each) => each.name !== name),
      constraints: constraints.filter((each) => !each.columns.includes(name)),
      indexes: indexes.filter(({ keys }) => !keys.some(({ column }) => column === name)),
    }));
  }

  #dropConstraint(name: string): void {
    this.#catalog.changeTable(this.#name, ({ constraints, indexes }) => {
      const dropped = constraints.find((each) => each.name === name);
      return {
        constraints: constraints.filter((each) => each !== dropped),
        ...(dropped && isKey(dropped) && { indexes: indexes.filter((each) => each.name !== name) }),
      };
    });
  }

  #alterType(column: string, { typeName }: ColumnDef): void {
    const type = formattedType(typeName);
    this.#changeColumn(column, ({ name, notNull, identity, isArray, sequence, place }) => ({
      name,
      notNull,
      identity,
      isArray: typeName?.arrayBounds !== undefined || (type === undefined && isArray),
      ...(type !== undefined && { type }),
      ...(sequence && { sequence }),
      place,
    }));
  }
}

function indexOf({ name, type, columns }: DeclaredConstraint): KnownIndex {
  const keys = columns.map((column) => ({ column, descending: false }));
  return { name, primary: type === 'p', unique: true, partial: false, keys };
}
