import type { ColumnDef, Constraint, InsertStmt, Node, TypeName } from 'libpg-query';
import type { EnumFacts } from '../../catalogue/catalog-facts';
import type { ResolvedCapabilities } from '../../facts/capabilities';
import { typeWithTextForm } from '../../facts/types-as-text';
import { columnConstraints } from '../../refusals';
import { asNode, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { columnsOf } from '../columns/created-table';
import { afterType } from '../columns/type-names';
import type { Simplifications } from '../context';
import type { Edit } from './edits';
import { enumNamed } from './enums';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

/** What becomes of the types of a text that DSQL does not store, where their columns are kept as text. */
export interface TypesAsText {
  readonly edits: readonly Edit[];
  /** Of each statement what a person should know. */
  readonly notes: readonly (readonly string[])[];
}

/** Whether columns of types that DSQL does not store are kept as text. */
export function keepsTypesAsText(
  { columnTypes }: Simplifications,
  { gained }: ResolvedCapabilities,
): boolean {
  return columnTypes === true && !gained.has('column-type');
}

/**
 * Replaces types that DSQL does not store and whose values have a text form by `text`: of columns and domains, and in casts
 * of what is written into columns, which would give another text than the one that is written (`'10.0.0.1'::inet` is
 * `10.0.0.1/32`). What a query does with such types stays: DSQL has most of them.
 *
 * @param enums - the enum types that are known, and
 * @param domains - the domains of the text: one of them may have the name of a type of an extension
 */
export function typesAsText(
  { statements }: ParsedText,
  enums: readonly EnumFacts[],
  domains: ReadonlySet<string>,
): TypesAsText {
  const isOther = (type: TypeName) =>
    domains.has(strings(type.names).at(-1) ?? '') || enumNamed(type, enums) !== undefined;
  const all = statements.map((source) => new TypesOfStatement(source, isOther));
  return { edits: all.flatMap((each) => each.edits()), notes: all.map(({ notes }) => notes) };
}

class TypesOfStatement {
  readonly notes: string[] = [];

  constructor(
    readonly source: StatementText,
    readonly isOther: (type: TypeName) => boolean,
  ) {}

  edits(): Edit[] {
    const { node, tree } = this.source.statement;
    switch (node) {
      case 'CreateStmt':
        return columnsOf(tree as NodeBody<'CreateStmt'>).flatMap((column) => this.#column(column));
      case 'AlterTableStmt':
        return this.#altered(tree as NodeBody<'AlterTableStmt'>);
      case 'CreateDomainStmt':
        return this.#domain(tree as NodeBody<'CreateDomainStmt'>);
      case 'InsertStmt':
        return this.#inserted(tree as InsertStmt);
      case 'UpdateStmt':
        return this.#assigned((tree as NodeBody<'UpdateStmt'>).targetList);
      default:
        return [];
    }
  }

  #column(column: ColumnDef, name = column.colname ?? ''): Edit[] {
    return [
      ...this.#declaration(name, column.typeName),
      ...this.#defaults(columnConstraints(column)),
      // USING.
      ...this.#value(column.raw_default),
    ];
  }

  #altered({ cmds = [] }: NodeBody<'AlterTableStmt'>): Edit[] {
    return cmds.flatMap((item) => {
      const { subtype, name, def } = asNode(item, 'AlterTableCmd') ?? {};
      if (subtype === 'AT_ColumnDefault') return this.#value(def);
      const column = asNode(def, 'ColumnDef');
      return column === undefined ? [] : this.#column(column, column.colname ?? name);
    });
  }

  #domain({ domainname, typeName, constraints = [] }: NodeBody<'CreateDomainStmt'>): Edit[] {
    const all = constraints.flatMap((item) => asNode(item, 'Constraint') ?? []);
    return [...this.#declaration(strings(domainname).at(-1) ?? '', typeName), ...this.#defaults(all)];
  }

  #declaration(name: string, type: TypeName | undefined): Edit[] {
    const kept = this.#kept(type);
    if (type === undefined || kept === undefined) return [];
    this.notes.push(
      `${name} is kept as text: its values stay as they are written, and the operators of ${kept} are missing.`,
    );
    return [this.#asText(type)];
  }

  #defaults(constraints: readonly Constraint[]): Edit[] {
    return constraints
      .filter(({ contype }) => contype === 'CONSTR_DEFAULT')
      .flatMap(({ raw_expr: value }) => this.#value(value));
  }

  #inserted({ selectStmt, onConflictClause }: InsertStmt): Edit[] {
    const select = asNode(selectStmt, 'SelectStmt');
    const rows = (select?.valuesLists ?? []).flatMap((item) => asNode(item, 'List')?.items ?? []);
    return [
      ...rows.flatMap((value) => this.#written(value)),
      ...this.#assigned(select?.targetList),
      ...this.#assigned(onConflictClause?.targetList),
    ];
  }

  #assigned(targets: readonly Node[] = []): Edit[] {
    return targets.flatMap((item) => this.#written(asNode(item, 'ResTarget')?.val));
  }

  /** A value for a column whose type the statement does not tell: money may be for one of numbers. */
  #written(value: Node | undefined): Edit[] {
    return this.#kept(asNode(value, 'TypeCast')?.typeName) === 'money' ? [] : this.#value(value);
  }

  #value(value: Node | undefined): Edit[] {
    const type = asNode(value, 'TypeCast')?.typeName;
    return type !== undefined && this.#kept(type) !== undefined ? [this.#asText(type)] : [];
  }

  #kept(type: TypeName | undefined): string | undefined {
    return type === undefined || this.isOther(type) ? undefined : typeWithTextForm(type);
  }

  #asText(type: TypeName): Edit {
    const { source } = this;
    const start = source.at(type.location);
    return { start, end: source.endBefore(afterType(source, source.indexAt(start), type)), text: 'text' };
  }
}
