import { types } from 'pg';
import type { EntityMetadata, NamingStrategyInterface } from 'typeorm';
import { CheckMetadata } from 'typeorm/metadata/CheckMetadata.js';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { IndexMetadata } from 'typeorm/metadata/IndexMetadata.js';
import { unsupportedChanges, type ResolvedMapping, type UnsupportedChange } from '../../schema';
import { insteadOfType, literal, sortsByBytes } from '../../sql';
import { isKeyless, isStored } from './column-types';
import { keepAsJsonb } from '../writes/jsonb-array';

/** How entities are taken. */
interface Adaptation {
  readonly mapping: ResolvedMapping;
  /** Names what is added. */
  readonly namingStrategy: NamingStrategyInterface;
  /** Tells what is left out although nobody has allowed it by name, because every result stays. */
  readonly warn: (message: string) => void;
}

/**
 * Makes of the entities what can be kept in Aurora DSQL, as far as the options allow it.
 *
 * @param metadatas - changed
 * @throws UnsupportedFeatureError with everything that cannot be kept, before anything is sent
 */
export function adaptMetadata(metadatas: readonly EntityMetadata[], adaptation: Adaptation): void {
  for (const metadata of metadatas) adaptIndexes(metadata, adaptation);
  const unsupported = metadatas
    .filter(({ tableType }) => tableType !== 'view')
    .flatMap((metadata) => [
      ...adaptExclusions(metadata, adaptation),
      ...metadata.columns
        .filter(({ isVirtualProperty }) => !isVirtualProperty)
        .flatMap((column) => [
          ...adaptArray(metadata, column, adaptation),
          ...adaptCollation(metadata, column, adaptation),
          ...refuseType(metadata, column, adaptation),
        ]),
    ]);
  if (unsupported.length > 0) throw unsupportedChanges(unsupported);
}

function nameOf({ targetName, tableName }: EntityMetadata, { propertyPath }: ColumnMetadata): string {
  return `${targetName === '' ? tableName : targetName}.${propertyPath}`;
}

/** Only the indexes that are built, of the one kind that there is; others would be missed by every synchronize. */
function adaptIndexes(metadata: EntityMetadata, { mapping: { simplify }, warn }: Adaptation): void {
  if (simplify.specialIndexes !== false) {
    metadata.indices = metadata.indices.filter((index) => {
      const reason = whyLeftOut(index);
      if (reason === undefined) return true;
      warn(
        `The index ${index.name} of ${metadata.tableName} is left out: ${reason}. Every result stays; queries that would use it read all of the table.`,
      );
      return false;
    });
  }
  if (simplify.indexMethod === false) return;
  for (const index of metadata.indices) {
    if (index.type === 'hash' || index.type === 'brin') index.type = undefined;
  }
}

/** Why Aurora DSQL cannot build an index that only makes queries faster; nothing where it can. */
function whyLeftOut({ type, isSpatial, isUnique, columns }: IndexMetadata): string | undefined {
  if (isUnique) return undefined;
  const kind = isSpatial ? 'gist' : (type ?? '');
  if (/^(?:gin|gist|spgist)$/.test(kind)) return `DSQL has no ${kind} indexes`;
  const keyless = columns.find((column) => column.isArray || isKeyless(column.type));
  return keyless && `DSQL has no indexes on ${keyless.isArray ? 'jsonb' : String(keyless.type)}`;
}

function adaptExclusions(
  metadata: EntityMetadata,
  { mapping: { simplify } }: Adaptation,
): UnsupportedChange[] {
  const { exclusions, targetName } = metadata;
  if (simplify.exclusions === true) {
    metadata.exclusions = [];
    return [];
  }
  return exclusions.map(({ expression }) => ({
    what: `@Exclusion(${JSON.stringify(expression)}) of ${targetName}`,
    why: 'There are no exclusion constraints.',
    instead:
      'Check in the transaction that writes, and omit them with dsql: { simplify: { exclusions: true } }.',
  }));
}

/** A type that is kept as text stays what it is in TypeORM, which makes its values and reads them by it. */
function refuseType(
  metadata: EntityMetadata,
  column: ColumnMetadata,
  { mapping: { simplify } }: Adaptation,
): UnsupportedChange[] {
  const { type } = column;
  if (isStored(type, simplify)) return [];
  const name = String(type);
  return [
    {
      what: `the type ${name} of ${nameOf(metadata, column)}`,
      why: 'A column cannot store it.',
      instead: insteadOfType(name),
    },
  ];
}

/** A column sorts by bytes, and nothing else. */
function adaptCollation(
  metadata: EntityMetadata,
  column: ColumnMetadata,
  { mapping: { simplify } }: Adaptation,
): UnsupportedChange[] {
  const { collation } = column;
  if (collation === undefined) return [];
  if (sortsByBytes(collation) || simplify.collation === true) {
    column.collation = undefined;
    return [];
  }
  return [
    {
      what: `the collation ${JSON.stringify(collation)} of ${nameOf(metadata, column)}`,
      why: 'Every column sorts by its bytes.',
      instead: 'Omit it, or allow that with dsql: { simplify: { collation: true } }.',
    },
  ];
}

/** An array becomes jsonb, and one of an enum gets a CHECK of its members. */
function adaptArray(
  metadata: EntityMetadata,
  column: ColumnMetadata,
  { mapping: { arrays }, namingStrategy }: Adaptation,
): UnsupportedChange[] {
  if (!column.isArray) return [];
  const what = `the array ${nameOf(metadata, column)}`;
  if (arrays !== 'jsonb') {
    return [
      {
        what,
        why: 'A column cannot store arrays.',
        instead:
          "Declare jsonb, simple-array or a table of their own, or have all arrays kept as jsonb with dsql: { arrays: 'jsonb' }.",
      },
    ];
  }
  const given = column.default as unknown;
  const members = arrayDefault(given, column);
  if (members === undefined && given !== undefined && given !== null) {
    return [{ what: `the default of ${what}`, why: 'It cannot be read as JSON.', instead: 'Give an array.' }];
  }
  keepAsJsonb(column);
  // As they are: numbers stay numbers in jsonb.
  const labels = column.enum;
  column.isArray = false;
  column.type = 'jsonb';
  column.length = '';
  column.precision = undefined;
  column.scale = undefined;
  column.enum = undefined;
  column.enumName = undefined;
  column.default = members as ColumnMetadata['default'];
  if (labels !== undefined) {
    const expression = `"${column.databaseName}" <@ ${literal(JSON.stringify(labels))}::jsonb`;
    const check = new CheckMetadata({
      entityMetadata: metadata,
      args: { target: metadata.target, expression },
    });
    metadata.checks.push(check.build(namingStrategy));
  }
  return [];
}

/** The members of a default that is written as an array, as an array of PostgreSQL (`{a,b}`), or as an empty one. */
function arrayDefault(given: unknown, column: ColumnMetadata): unknown[] | undefined {
  if (Array.isArray(given)) return given as unknown[];
  const written = typeof given === 'function' ? String((given as () => unknown)()) : given;
  if (typeof written !== 'string') return undefined;
  if (/^\s*ARRAY\s*\[\s*\]/i.test(written)) return [];
  const [, literal] = /^\s*'?(\{.*\})'?(?:::[\w\s"[\]]+)?\s*$/s.exec(written) ?? [];
  if (literal === undefined) return undefined;
  const members = arrayParser.create(literal.replaceAll("''", "'"), (member) => member).parse();
  return members.map((member) => (typeof member === 'string' && isNumeric(column) ? Number(member) : member));
}

function isNumeric({ type }: ColumnMetadata): boolean {
  return (
    type === Number ||
    /^(?:int|integer|int2|int4|smallint|real|float[48]?|double precision)$/.test(String(type))
  );
}

/** The types of node-postgres say nothing of it. */
const { arrayParser } = types as unknown as {
  readonly arrayParser: {
    create(literal: string, transform: (member: string) => unknown): { parse(): unknown[] };
  };
};
