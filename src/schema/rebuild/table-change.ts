import type { AlterTableCmd, ConstrType } from 'libpg-query';
import {
  asNode,
  columnConstraints,
  isNotNull,
  primaryKeyOf,
  strings,
  tokensOf,
  type CatalogTable,
} from '../../sql';

/** What is changed of a column. */
export interface ColumnChange {
  /** As it is written. */
  readonly type?: string;
  /** What makes the new value of the old row, as it is written. */
  readonly using?: string;
  /** `null` for none. */
  readonly default?: string | null;
  readonly notNull?: boolean;
  /** `GENERATED … AS IDENTITY`, as it is written; `null` for none. */
  readonly identity?: string | null;
  /** It is generated no more: its values stay. */
  readonly isPlain?: boolean;
}

/** What an ALTER TABLE makes of a table, as far as a copy of the table can be made so. */
export interface TableChange {
  readonly columns: ReadonlyMap<string, ColumnChange>;
  /** Their definitions, as they are written. */
  readonly added: ReadonlyMap<string, string>;
  readonly dropped: ReadonlySet<string>;
  /** Those of them that take the views and foreign keys with them that depend on them. */
  readonly cascaded: ReadonlySet<string>;
  readonly droppedConstraints: ReadonlySet<string>;
  /** `null` for none; nothing where it stays. */
  readonly primaryKey?: { readonly name?: string; readonly columns: readonly string[] } | null;
}

/** One action of an ALTER TABLE. */
export interface Alteration {
  readonly command: AlterTableCmd;
  /** It alone, as an ALTER TABLE. */
  readonly text: string;
}

/**
 * Whether Aurora DSQL can do an action only by a copy of the table: it alters neither the type of a column nor a primary
 * key, and adds no generated column (recorded from a cluster, 2026-09).
 */
export function needsCopy(table: CatalogTable, { command }: Alteration): boolean {
  const { subtype, name = '', def } = command;
  switch (subtype) {
    case 'AT_AlterColumnType':
      return true;
    case 'AT_AddConstraint':
      return asNode(def, 'Constraint')?.contype === 'CONSTR_PRIMARY';
    case 'AT_DropConstraint':
      return table.constraints.some((each) => each.type === 'p' && each.name === name);
    case 'AT_DropColumn':
      return primaryKeyOf(table).includes(name);
    case 'AT_AddColumn':
      return isGenerated(command) || isKey(command);
    case 'AT_AddIdentity': {
      const column = table.columns.find((each) => each.name === name);
      return column !== undefined && (column.type !== 'bigint' || !column.notNull);
    }
    default:
      return false;
  }
}

/** Whether an action adds a column that is the primary key. */
export function isKey(command: AlterTableCmd): boolean {
  return isAdded(command, 'CONSTR_PRIMARY');
}

/** What the constraint is called of a column that is added as the primary key, where that is written. */
function keyNameIn({ def }: AlterTableCmd): { readonly name?: string } {
  const column = asNode(def, 'ColumnDef');
  const key = column && columnConstraints(column).find(({ contype }) => contype === 'CONSTR_PRIMARY');
  return key?.conname === undefined ? {} : { name: key.conname };
}

/** Whether an action adds a column of which the values are generated. */
export function isGenerated(command: AlterTableCmd): boolean {
  return isAdded(command, 'CONSTR_GENERATED');
}

function isAdded({ subtype, def }: AlterTableCmd, type: ConstrType): boolean {
  const column = subtype === 'AT_AddColumn' ? asNode(def, 'ColumnDef') : undefined;
  return column !== undefined && columnConstraints(column).some(({ contype }) => contype === type);
}

/**
 * Adds up actions that a copy of the table can have done to it.
 *
 * @returns what they make of the table, and those that are to be done to the copy
 */
export function changeOf(
  table: CatalogTable,
  alterations: readonly Alteration[],
): { readonly change: TableChange; readonly rest: readonly Alteration[] } {
  const columns = new Map<string, ColumnChange>();
  const added = new Map<string, string>();
  const dropped = new Set<string>();
  const cascaded = new Set<string>();
  const droppedConstraints = new Set<string>();
  const rest: Alteration[] = [];
  let primaryKey: TableChange['primaryKey'];
  for (const alteration of alterations) {
    const { command, text } = alteration;
    const { subtype, name = '', def } = command;
    if (isDone(table, command, alterations)) continue;
    const changed = columnChangeIn(alteration);
    if (changed !== undefined) {
      columns.set(name, { ...columns.get(name), ...changed });
      continue;
    }
    switch (subtype) {
      case 'AT_AddColumn': {
        const column = asNode(def, 'ColumnDef')?.colname ?? '';
        const definition = addedColumnIn(text);
        added.set(column, isKey(command) ? withoutKey(definition) : definition);
        if (isKey(command)) primaryKey = { ...keyNameIn(command), columns: [column] };
        break;
      }
      case 'AT_DropColumn':
        dropped.add(name);
        if (command.behavior === 'DROP_CASCADE') cascaded.add(name);
        if (primaryKeyOf(table).includes(name)) primaryKey ??= null;
        break;
      case 'AT_DropConstraint':
        droppedConstraints.add(name);
        if (table.constraints.some((each) => each.type === 'p' && each.name === name)) primaryKey ??= null;
        break;
      case 'AT_AddConstraint': {
        const { contype, conname, keys } = asNode(def, 'Constraint') ?? {};
        if (contype === 'CONSTR_PRIMARY') {
          primaryKey = { ...(conname !== undefined && { name: conname }), columns: strings(keys) };
        } else rest.push(alteration);
        break;
      }
      default:
        rest.push(alteration);
    }
  }
  const change = { columns, added, dropped, cascaded, droppedConstraints };
  return { change: primaryKey === undefined ? change : { ...change, primaryKey }, rest };
}

/** Whether IF EXISTS or IF NOT EXISTS leaves an action nothing to do. */
function isDone(
  { columns, constraints }: CatalogTable,
  { subtype, name, def, missing_ok: mayBeDone }: AlterTableCmd,
  alterations: readonly Alteration[],
): boolean {
  if (mayBeDone !== true) return false;
  if (subtype === 'AT_DropColumn') return columns.every((each) => each.name !== name);
  if (subtype === 'AT_DropConstraint') return constraints.every((each) => each.name !== name);
  const added = asNode(def, 'ColumnDef')?.colname;
  // Columns are dropped first, wherever that is written.
  const isDropped = alterations.some(
    ({ command }) => command.subtype === 'AT_DropColumn' && command.name === added,
  );
  return subtype === 'AT_AddColumn' && !isDropped && columns.some((each) => each.name === added);
}

/** What an action changes of a column that there is. */
function columnChangeIn({ command: { subtype, def }, text }: Alteration): ColumnChange | undefined {
  switch (subtype) {
    case 'AT_AlterColumnType':
      return typeIn(text);
    case 'AT_ColumnDefault':
      return { default: def === undefined ? null : after(text, 'DEFAULT') };
    case 'AT_SetNotNull':
    case 'AT_DropNotNull':
      return { notNull: subtype === 'AT_SetNotNull' };
    case 'AT_AddIdentity':
      return { identity: after(text, 'ADD') };
    case 'AT_DropIdentity':
      return { identity: null };
    case 'AT_DropExpression':
      return { isPlain: true };
    default:
      return undefined;
  }
}

/** Whether a table is as a change wants it already, as far as its columns and its key tell. */
export function isChanged(
  table: CatalogTable,
  { columns, added, dropped, primaryKey }: TableChange,
): boolean {
  const names = new Set(table.columns.map(({ name }) => name));
  const key = primaryKeyOf(table);
  return (
    [...added.keys()].every((name) => names.has(name)) &&
    [...dropped].every((name) => !names.has(name)) &&
    (primaryKey === undefined || (primaryKey?.columns ?? []).join('\0') === key.join('\0')) &&
    [...columns].every(([name, { identity, notNull }]) => {
      const column = table.columns.find((each) => each.name === name);
      if (column === undefined) return false;
      const isIdentity = identity === undefined || column.identity === (identity !== null);
      return isIdentity && (notNull === undefined || notNull === isNotNull(table, column));
    })
  );
}

/** The type in an ALTER COLUMN … TYPE, as it is written, and what makes its values. */
export function typeIn(text: string): { readonly type: string; readonly using?: string } {
  const tokens = [...tokensOf(text)].filter(({ value }) => value !== ';');
  // A column may be called so, too.
  const at = tokens.findIndex(
    ({ value, kind }, index) =>
      kind === 'word' && value === 'TYPE' && !/^(?:COLUMN|ALTER)$/.test(tokens[index - 1]?.value ?? ''),
  );
  const end = tokens.findIndex(
    ({ value, kind }, index) => index > at && kind === 'word' && value === 'USING',
  );
  const start = tokens[at + 1]?.start;
  if (at < 0 || start === undefined) return { type: '' };
  const last = tokens.at(-1)?.end;
  const using = end < 0 ? undefined : text.slice(tokens[end + 1]?.start, last);
  const type = text.slice(start, end < 0 ? last : tokens[end]?.start).trim();
  return { type, ...(using !== undefined && { using }) };
}

/** What comes behind the first such word, without what ends the statement. */
function after(text: string, word: string): string {
  const tokens = [...tokensOf(text)].filter(({ value }) => value !== ';');
  const at = tokens.findIndex(({ value, kind }) => kind === 'word' && value === word);
  return text.slice(tokens[at + 1]?.start, tokens.at(-1)?.end);
}

/** The definition of a column that is the primary key, without saying so. */
function withoutKey(definition: string): string {
  const tokens = [...tokensOf(definition)];
  const at = tokens.findIndex(
    ({ value }, index) => value === 'PRIMARY' && tokens[index + 1]?.value === 'KEY',
  );
  const isNamed = tokens[at - 2]?.value === 'CONSTRAINT';
  const start = tokens[isNamed ? at - 2 : at]?.start ?? 0;
  return `${definition.slice(0, start)}${definition.slice(tokens[at + 1]?.end)}`.trim();
}

/** The definition behind `ADD [COLUMN] [IF NOT EXISTS] name`. */
function addedColumnIn(text: string): string {
  const tokens = [...tokensOf(text)].filter(({ value }) => value !== ';');
  let at = tokens.findIndex(({ value, kind }) => kind === 'word' && value === 'ADD') + 1;
  while (/^(?:COLUMN|IF|NOT|EXISTS)$/.test(tokens[at]?.value ?? '')) at++;
  return text.slice(tokens[at + 1]?.start, tokens.at(-1)?.end);
}
