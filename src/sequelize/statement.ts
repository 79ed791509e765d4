import type { Model, ModelStatic } from 'sequelize';

/** The parts of a statement's options that are looked at here. */
export interface StatementOptions {
  readonly transaction?: unknown;
  readonly instance?: Model | null | undefined;
  readonly model?: ModelStatic<Model> | undefined;
  readonly type?: string | undefined;
  readonly completesTransaction?: boolean | undefined;
}

/** A label is for people; the statement may be long. */
const LABEL_LENGTH = 60;

/** What kind of statement it is: those of one kind may conflict with each other. */
export function statementLabel(text: string, { type, instance, model }: StatementOptions): string {
  const named = model ?? (instance?.constructor as ModelStatic<Model> | undefined);
  return named === undefined
    ? text.trim().replace(/\s+/g, ' ').slice(0, LABEL_LENGTH)
    : `${type ?? 'SELECT'} ${named.name}`;
}
