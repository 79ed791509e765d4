/** A label is for people; the statement may be long. */
const LABEL_LENGTH = 60;

/** What Sequelize says of a statement beside its text. */
interface StatementDescription {
  readonly type?: string | undefined;
  readonly instance?: object | null | undefined;
  readonly model?: { readonly name: string } | undefined;
}

/** What kind of statement it is: those of one kind may conflict with each other. */
export function statementLabel(text: string, { type, instance, model }: StatementDescription): string {
  const named = model ?? instance?.constructor;
  return named === undefined
    ? text.trim().replace(/\s+/g, ' ').slice(0, LABEL_LENGTH)
    : `${type ?? 'SELECT'} ${named.name}`;
}
