/** The check could not begin: a path is not there, an option makes no sense, or a package is missing. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
}
