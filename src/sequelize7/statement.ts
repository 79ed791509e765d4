import type { Model, ModelStatic, QueryRawOptions } from '@sequelize/core';

/** The options of a statement, with what Sequelize's types leave out. */
export type StatementOptions = QueryRawOptions & {
  readonly model?: ModelStatic | undefined;
  readonly instance?: Model | null | undefined;
};

/** A label is for people; the statement may be long. */
const LABEL_LENGTH = 60;

/** What kind of statement it is: those of one kind may conflict with each other. */
export function statementLabel(text: string, { type, instance, model }: StatementOptions): string {
  const named = model ?? (instance?.constructor as ModelStatic | undefined);
  return named === undefined
    ? text.trim().replace(/\s+/g, ' ').slice(0, LABEL_LENGTH)
    : `${type ?? 'SELECT'} ${named.name}`;
}
