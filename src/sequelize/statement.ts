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

const PASSED_ON = [
  'logging',
  'benchmark',
  'searchPath',
  'supportsSearchPath',
  'useMaster',
  'logQueryParameters',
  'completesTransaction',
] as const;

/** The options of a call that each of its statements has, too. */
export function passedOn(options: object): object {
  const given = options as Partial<Record<string, unknown>>;
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
}
