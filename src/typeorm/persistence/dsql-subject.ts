import type { ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { Subject } from 'typeorm/persistence/Subject.js';
import { InstanceChecker } from 'typeorm/util/InstanceChecker.js';

/** Honest here: the host hands on the very object, and nothing else that could say whose it is. */
const valueSets = new WeakSet();

/** TypeORM's subject, whose values for a statement are made without a deep copy of each. */
export class DsqlSubject extends Subject {
  /** The same values as the host's. Where none of them is inside another one, they are set one by one. */
  override createValueSetAndPopChangeMap(): ObjectLiteral {
    const values = this.#takeValues() ?? super.createValueSetAndPopChangeMap();
    valueSets.add(values);
    return values;
  }

  #takeValues(): ObjectLiteral | undefined {
    if (this.metadata.isJunction) return undefined;
    const values: ObjectLiteral = {};
    for (const { column, value } of this.changeMaps) {
      if (column === undefined || !isSetAsIs(column, value)) return undefined;
      values[column.propertyName] = value as unknown;
    }
    this.changeMaps = [];
    return values;
  }
}

/** Whether an object was made by {@link DsqlSubject} for one statement, so that nobody else has it. */
export function isValueSet(object: object): boolean {
  return valueSets.has(object);
}

/**
 * A transformer may change what it is given, so it gets a copy as from the host, which makes texts of generated numbers and
 * leaves promises out.
 */
function isSetAsIs(column: ColumnMetadata, value: unknown): boolean {
  const isOwn = !column.embeddedMetadata && !column.relationMetadata && !column.referencedColumn;
  const isNumbered = column.generationStrategy !== undefined && column.generationStrategy !== 'uuid';
  const isChanged = column.transformer !== undefined || isNumbered;
  return isOwn && !isChanged && !(value instanceof Promise) && !InstanceChecker.isSubject(value);
}
