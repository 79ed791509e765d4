/**
 * Loads a package that is installed beside this one. It is loaded before anything that needs it, so that one that is missing
 * is named with the command that installs it.
 *
 * @param name - of the package
 * @param command - which installs it
 * @param load - requires it; by its name as a text, so that bundlers find it
 * @throws Error that says what to install, with what was thrown as its cause; anything else as it was thrown
 */
export function loadPeer(name: string, command: string, load: () => unknown): void {
  try {
    load();
  } catch (error) {
    const { code, message = '' } = error as { readonly code?: unknown; readonly message?: string };
    if (code !== 'MODULE_NOT_FOUND' || !message.startsWith(`Cannot find module '${name}'`)) throw error;
    const problem = `The package ${name} is not installed, which this part of aurora-dsql-orm needs: ${command}`;
    throw Object.assign(new Error(problem, { cause: error }), { code });
  }
}
