import type { Model, ModelStatic } from 'sequelize';

/** The parts of a statement's options that are looked at here. */
export interface StatementOptions {
  readonly transaction?: unknown;
  readonly instance?: Model | null | undefined;
  readonly model?: ModelStatic<Model> | undefined;
  readonly type?: string | undefined;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly completesTransaction?: boolean | undefined;
}
