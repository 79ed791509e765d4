import { quoted, quotedTable, type TableName } from '../../sql';
import type { Rebuild } from './new-table';

/** What the letters of an `aclitem` stand for. */
const PRIVILEGES: Readonly<Record<string, string>> = {
  a: 'INSERT',
  r: 'SELECT',
  w: 'UPDATE',
  d: 'DELETE',
  D: 'TRUNCATE',
  x: 'REFERENCES',
  t: 'TRIGGER',
};

const ACL_ITEM = /^("(?:[^"]|"")*"|[^=]*)=([a-zA-Z*]*)\/(.*)$/;

interface Grant {
  /** As SQL writes it. */
  readonly grantee: string;
  readonly privileges: readonly string[];
  /** Those that may be passed on. */
  readonly grantable: readonly string[];
}

function grantsIn(acl: readonly string[] | null, owner: string): readonly Grant[] {
  return (acl ?? []).flatMap((item) => {
    const [, written = '', letters = ''] = ACL_ITEM.exec(item) ?? [];
    const name = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
    if (name === owner) return [];
    const granted = [...letters.matchAll(/([a-zA-Z])(\*?)/g)].map(([, letter = '', star]) => ({
      privilege: PRIVILEGES[letter],
      isGrantable: star === '*',
    }));
    const of = (isGrantable: boolean) =>
      granted.flatMap((each) =>
        each.isGrantable === isGrantable && each.privilege !== undefined ? [each.privilege] : [],
      );
    return [{ grantee: name === '' ? 'PUBLIC' : quoted(name), privileges: of(false), grantable: of(true) }];
  });
}

/** What may be done with a relation, as the catalogue has it. */
export interface Granted {
  readonly owner: string;
  readonly acl: readonly string[] | null;
  readonly columns: readonly { readonly name: string; readonly acl: readonly string[] | null }[];
}

/** What lets others do with one relation what they may do with another. */
export function grantsOn(relation: Required<TableName>, { owner, acl, columns }: Granted): readonly string[] {
  const on = `ON ${quotedTable(relation)} TO`;
  const texts = (items: readonly string[] | null, of = '') =>
    grantsIn(items, owner).flatMap(({ grantee, privileges, grantable }) => [
      ...(privileges.length === 0
        ? []
        : [`GRANT ${privileges.map((each) => each + of).join(', ')} ${on} ${grantee}`]),
      ...(grantable.length === 0
        ? []
        : [`GRANT ${grantable.map((each) => each + of).join(', ')} ${on} ${grantee} WITH GRANT OPTION`]),
    ]);
  return [...texts(acl), ...columns.flatMap((column) => texts(column.acl, ` (${quoted(column.name)})`))];
}

/** What lets others do with the new table what they may do with the old one. */
export function grants({ details, change, names }: Rebuild): readonly string[] {
  const columns = details.columns.filter(({ name }) => !change.dropped.has(name));
  return grantsOn({ schema: names.schema, name: names.copy }, { ...details, columns });
}

/** What lets others read the view that stands for the table while its rows are copied. */
export function readGrants({ details, names }: Rebuild): readonly string[] {
  const { schema, table } = names;
  return grantsIn(details.acl, details.owner)
    .filter(({ privileges, grantable }) => [...privileges, ...grantable].includes('SELECT'))
    .map(({ grantee }) => `GRANT SELECT ON ${quotedTable({ schema, name: table })} TO ${grantee}`);
}
