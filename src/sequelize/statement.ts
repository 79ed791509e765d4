import type { Model, ModelStatic } from 'sequelize';
import type { ReusedIdentityKeys } from '../schema';

/** The parts of a statement's options that are looked at here. */
export interface StatementOptions {
  readonly transaction?: unknown;
  readonly instance?: Model | null | undefined;
  readonly model?: ModelStatic<Model> | undefined;
  readonly type?: string | undefined;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly completesTransaction?: boolean | undefined;
  readonly logging?: unknown;
  /** This package's own: what earlier attempts of an autocommit statement were given as keys. */
  readonly reusedKeys?: ReusedIdentityKeys | undefined;
}
