import {
  loadParser,
  translate,
  type ArrayColumn,
  type CatalogTable,
  type EnumFacts,
  type Translation,
} from '../../sql';
import type { ResolvedMapping } from '../orm-options';

/**
 * Translates a text that changes the schema.
 *
 * @param tables - what is known of the tables that it changes
 * @param types - what is known of the enum types that it names, and of columns that were declared as arrays
 */
export async function translateChange(
  text: string,
  tables: readonly CatalogTable[],
  { simplify, capabilities, identityCache, arrays }: ResolvedMapping,
  types: { readonly enums?: readonly EnumFacts[]; readonly arrays?: readonly ArrayColumn[] } = {},
): Promise<Translation> {
  await loadParser();
  const catalog = { tables, ...types };
  return translate(text, { catalog, simplify, identityCache, arrays, ...(capabilities && { capabilities }) });
}
