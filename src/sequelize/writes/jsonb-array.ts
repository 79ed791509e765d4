import { DataTypes, ValidationError } from 'sequelize';

/** The data type of an array that is kept as jsonb: what `dsql: { arrays: 'jsonb' }` makes of `DataTypes.ARRAY`. */
export function jsonbArray(): object {
  const type = new DataTypes.JSONB() as object;
  // Its class cannot be extended: Sequelize's types are proxies that always make one of their own.
  return Object.defineProperties(type, {
    validate: { value: expectArray },
    // What is looked for may be an element.
    _stringify: {
      value(value: unknown, options?: { readonly operation?: string }) {
        if (options?.operation !== 'where') expectArray(value);
        return JSON.stringify(value);
      },
    },
  });
}

/** @throws ValidationError as `DataTypes.ARRAY` does, for a value that is none */
function expectArray(value: unknown): true {
  if (Array.isArray(value)) return true;
  throw new ValidationError(`${JSON.stringify(value)} is not a valid array`, []);
}
