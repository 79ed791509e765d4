/** The check could not begin: a path is not there, or an option makes no sense. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
}
