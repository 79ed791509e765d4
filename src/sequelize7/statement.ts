import type { Model, ModelStatic, QueryRawOptions } from '@sequelize/core';

/** The options of a statement, with what Sequelize's types leave out. */
export type StatementOptions = QueryRawOptions & {
  readonly model?: ModelStatic | undefined;
  readonly instance?: Model | null | undefined;
};
