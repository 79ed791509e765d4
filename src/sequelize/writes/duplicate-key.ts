import type { Model, ModelStatic, Transaction, WhereOptions } from 'sequelize';

/** What Sequelize's types leave out of a model, as far as it is used here. */
interface KeyedModel {
  readonly primaryKeys: Readonly<Record<string, { readonly field: string }>>;
  readonly uniqueKeys: Readonly<Record<string, { readonly fields: readonly string[] }>>;
  readonly _indexes: readonly {
    readonly unique?: boolean;
    readonly fields?: readonly unknown[];
    readonly where?: unknown;
  }[];
  readonly fieldRawAttributesMap: Readonly<Record<string, { readonly fieldName: string } | undefined>>;
}

/** The columns of a key, and what is in them. */
export interface DuplicateKey {
  readonly fields: readonly string[];
  readonly values: readonly string[];
}

/**
 * Finds the key by which an instance is in the database already, where the database has not said which.
 *
 * @param transaction - in which the instance could not be inserted
 * @returns nothing for a key that the model does not know of
 */
export async function findDuplicateKey(
  instance: Model,
  transaction: Transaction | undefined,
): Promise<DuplicateKey | undefined> {
  const model = instance.constructor as ModelStatic<Model>;
  const { primaryKeys, uniqueKeys, _indexes, fieldRawAttributesMap } = model as unknown as KeyedModel;
  const keys = [
    Object.values(primaryKeys).map(({ field }) => field),
    ...Object.values(uniqueKeys).map(({ fields }) => fields),
    ..._indexes
      .filter(({ unique, where }) => unique === true && where === undefined)
      .map(({ fields }) => fields),
  ];
  for (const fields of keys) {
    const names = fields?.map((field) => fieldRawAttributesMap[String(field)]?.fieldName) ?? [];
    const stored = instance.dataValues as Readonly<Record<string, unknown>>;
    const values = names.map((name) => (name === undefined ? undefined : stored[name]));
    // A key with a NULL in it is never a duplicate.
    if (values.length === 0 || values.some((value) => value === undefined || value === null)) continue;
    const where = Object.fromEntries(names.map((name, index) => [name ?? '', values[index]])) as WhereOptions;
    const options = { where, transaction: transaction ?? null, hooks: false, logging: false } as const;
    if ((await model.unscoped().count({ ...options, paranoid: false })) > 0) {
      return { fields: (fields ?? []).map(String), values: values.map(String) };
    }
  }
  return undefined;
}
