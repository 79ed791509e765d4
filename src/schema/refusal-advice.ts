/**
 * What an ORM's user can do about a refusal by the server, where the options of `dsql` help: by the ids of refusals.
 *
 * @param writes - what is carried out in batches with `batch: true`, as a plural
 */
export function refusalAdvice(writes: string): Readonly<Record<string, string>> {
  const batches = `Outside a transaction, dsql: { batch: true } carries out ${writes} in batches; inBatches() does it for work of your own.`;
  return {
    'row-limit': batches,
    'size-limit': batches,
  };
}
