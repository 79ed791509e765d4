import type { DataSource, EntityMetadata, EntitySchema } from 'typeorm';
import type { RdbmsSchemaBuilder } from 'typeorm/schema-builder/RdbmsSchemaBuilder.js';
import type { TranslateOptions } from '../../sql';
import { tableIn } from './declarations';
import type { Declarations } from './declarations';
import { globFiles } from '../sources/glob-files';
import { requireFrom } from '../sources/load-module';
import type { Recording } from './recording';
import type { Location } from '../sources/sql-text';
import { buildMetadatas, recordingQueryRunner, unconnectedDataSource } from './typeorm-recorder';
import type { TypeOrm } from './typeorm-recorder';
import { translateOptionsOf } from './translate-options';

/** What `entities` may list. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- as TypeORM types it
type Entity = Function | EntitySchema;

/** Whether a value is a data source of TypeORM, of whatever copy of it. */
export function isDataSource(value: unknown): value is DataSource {
  return hasMethods(value, ['createQueryRunner', 'buildMetadatas', 'initialize']);
}

/** Whether an entry point of this package translates what the data source sends; the project may have a copy of its own. */
export function isOurDataSource(dataSource: DataSource): boolean {
  return dataSource.driver.constructor.name === 'DsqlDriver';
}

/** What a data source of ours was told of the translation. */
export function mappingOf(dataSource: DataSource): TranslateOptions {
  return translateOptionsOf(
    (dataSource.driver as unknown as { readonly mapping?: TranslateOptions }).mapping,
  );
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** Loads the classes that `entities` names by patterns: TypeORM by itself reads no TypeScript. */
export async function loadedEntities(
  dataSource: DataSource,
  load: (file: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<Entity[]> {
  const listed: readonly unknown[] = Object.values(dataSource.options.entities ?? []);
  const loaded: Entity[] = [];
  for (const entity of listed) {
    if (typeof entity !== 'string') loaded.push(entity as Entity);
    else for (const file of globFiles(entity)) loaded.push(...entitiesOf(await load(file)));
  }
  return [...new Set(loaded)];
}

function entitiesOf(exported: Readonly<Record<string, unknown>>): Entity[] {
  return Object.values(exported).filter(
    (value): value is Entity => typeof value === 'function' || isEntitySchema(value),
  );
}

function isEntitySchema(value: unknown): boolean {
  return typeof value === 'object' && value !== null && value.constructor.name === 'EntitySchema';
}

/**
 * Makes a data source read its entities. One of ours that refuses some of them, with one error for all, gives way to one
 * of TypeORM's own: then each is found where it is declared.
 */
export async function readableDataSource(
  typeorm: TypeOrm,
  dataSource: DataSource,
  entities: readonly Entity[],
): Promise<DataSource> {
  const options = { ...dataSource.options, entities, migrations: [], subscribers: [] };
  Object.assign(dataSource, { options });
  try {
    await buildMetadatas(dataSource);
    return dataSource;
  } catch (error) {
    if (!isOurDataSource(dataSource)) throw error;
    const { entityPrefix, namingStrategy } = dataSource.options;
    return unconnectedDataSource(typeorm, {
      entities: [...entities],
      ...(entityPrefix !== undefined && { entityPrefix }),
      ...(namingStrategy && { namingStrategy }),
    });
  }
}

/** Records what `synchronize` would send to an empty database. */
export async function recordEntities(
  typeorm: TypeOrm,
  file: string,
  dataSource: DataSource,
  recording: Recording,
): Promise<void> {
  const { driver } = dataSource as unknown as { driver: { isGeneratedColumnsSupported: boolean } };
  driver.isGeneratedColumnsSupported = true;
  recordingQueryRunner(typeorm, dataSource, recording);
  const builder = requireFrom(file, 'typeorm/schema-builder/RdbmsSchemaBuilder.js') as {
    readonly RdbmsSchemaBuilder: typeof RdbmsSchemaBuilder;
  };
  const { upQueries } = await new builder.RdbmsSchemaBuilder(dataSource).log();
  for (const { query } of upQueries) {
    recording.call('synchronize', () => recording.send(query, { hasParameters: false }));
  }
}

/** Finds the property that a text of `synchronize` is about. */
export function entityDeclarations(
  dataSource: DataSource,
  declarations: Declarations,
): (sql: string, column: string) => Location | undefined {
  return (sql, column) => {
    const metadata = entityFor(dataSource, tableIn(sql));
    if (!metadata) return undefined;
    const found = metadata.columns.find(({ databaseName }) => databaseName === column);
    const path = found?.relationMetadata?.propertyPath ?? found?.propertyPath ?? '';
    const { target, name, givenTableName } = ownerOf(metadata);
    const names = [typeof target === 'function' ? target.name : '', name, givenTableName ?? ''];
    return declarations.find(
      target,
      names.filter((each) => each !== ''),
      path.split('.')[0] ?? '',
    );
  };
}

function entityFor({ entityMetadatas }: DataSource, table: string): EntityMetadata | undefined {
  return entityMetadatas.find(({ tableName }) => tableName === table);
}

/** A junction table is declared by the entity that owns the relation. */
function ownerOf(metadata: EntityMetadata): EntityMetadata {
  return metadata.isJunction ? (metadata.foreignKeys[0]?.referencedEntityMetadata ?? metadata) : metadata;
}
