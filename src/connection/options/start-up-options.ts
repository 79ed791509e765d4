import { ConfigurationError } from '../errors';
import { refusedOption } from './refused-options';

/** `-c name=value`, `-cname=value` or `--name=value`; a backslash takes the next character as it is. */
const SETTING = /(?:-c\s*|--)([a-z_-]+)=((?:\\.|[^\s\\])*)(?:\s+|$)/giy;

/** One name: in lower case where it is not in quotes, as in SQL. */
const NAME = /^(?:([a-z_][\w$]*)|"((?:[^"$]|"")+)")$/i;

/**
 * The schema that PostgreSQL's start-up parameter `options` makes the search_path: `-c search_path=app`.
 *
 * @param options - as libpq and node-postgres take it
 * @param source - how the user wrote where they stand
 * @throws {@link ConfigurationError} where it names several schemas, or sets anything else
 */
export function startUpSchema(options: unknown, source: string): string {
  const schema = typeof options === 'string' ? schemaOf(options.trim()) : undefined;
  if (schema !== undefined) return schema;
  throw refusedOption(
    source,
    'Of what it can set, a search_path of one schema is all that is taken: `-c search_path=app`. Send other settings with SET on the connection.',
  );
}

/**
 * The search_path of an ORM's option `schema` and of the start-up parameter beside it.
 *
 * @param options - nothing where it is not given
 * @param source - how the user wrote where `options` stands
 * @throws {@link ConfigurationError} where they are not the same, and as {@link startUpSchema}
 */
export function schemaBesides(
  schema: string | undefined,
  options: unknown,
  source: string,
): string | undefined {
  if (options === undefined) return schema;
  const startUp = startUpSchema(options, source);
  if (schema === undefined || schema === startUp) return startUp;
  throw new ConfigurationError(
    source,
    `says the search_path "${startUp}", and \`schema\` says ${JSON.stringify(schema)}; give one of them.`,
  );
}

function schemaOf(options: string): string | undefined {
  let schema: string | undefined;
  let end = 0;
  for (const [setting, name = '', value = ''] of options.matchAll(SETTING)) {
    const [, plain, quoted] = NAME.exec(value.replace(/\\(.)/g, '$1')) ?? [];
    schema = plain?.toLowerCase() ?? quoted?.replaceAll('""', '"');
    if (name.replaceAll('-', '_').toLowerCase() !== 'search_path' || schema === undefined) return undefined;
    end += setting.length;
  }
  return end === options.length ? schema : undefined;
}
