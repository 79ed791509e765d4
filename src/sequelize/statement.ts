import type { Model, ModelStatic } from 'sequelize';

/** The parts of a statement's options that are looked at here. */
export interface StatementOptions {
  readonly transaction?: unknown;
  readonly instance?: Model | null | undefined;
  readonly model?: ModelStatic<Model> | undefined;
  readonly type?: string | undefined;
  readonly completesTransaction?: boolean | undefined;
}

/** A statement of transaction control, at the beginning of the text or behind another statement. */
const TRANSACTION_CONTROL =
  /(?:^|;)(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b/i;

/** A label is for people; the statement may be long. */
const LABEL_LENGTH = 60;

/**
 * Whether a statement that stands alone may be sent again after a conflict. A text with transactions of its own may have
 * committed one before the conflict.
 */
export function mayBeSentAgain(text: string): boolean {
  return !TRANSACTION_CONTROL.test(text);
}

/** What kind of statement it is: those of one kind may conflict with each other. */
export function statementLabel(text: string, { type, instance, model }: StatementOptions): string {
  const named = model ?? (instance?.constructor as ModelStatic<Model> | undefined);
  return named === undefined
    ? text.trim().replace(/\s+/g, ' ').slice(0, LABEL_LENGTH)
    : `${type ?? 'SELECT'} ${named.name}`;
}
