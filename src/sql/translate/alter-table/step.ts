import type { Draft } from '../draft';

/**
 * The order in which PostgreSQL carries out the actions of one ALTER TABLE, which is not the order they are written in:
 * a statement for each action has to keep it.
 */
export const enum Pass {
  Drop,
  AddColumn,
  Attributes,
  Fill,
  Index,
  Constraint,
  Validate,
}

/** A part of the translation: an action of ALTER TABLE, or a statement of its own. */
export interface Step {
  readonly pass: Pass;
  /** An action as it was written; neighbours stay in one statement. */
  readonly kept?: string;
  readonly statement?: Draft;
  /** The comments around the action, which go before its first statement. */
  readonly comments?: string;
}
