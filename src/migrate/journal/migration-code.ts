import { createHash } from 'node:crypto';

/** What is longer is told by its checksum alone: a text of DSQL holds 1 MiB (AWS user guide, quotas, 2026-09-15). */
const LONGEST_KEPT = 256 * 1024;
const LONGEST_SHOWN = 120;

/** Tells a migration from what it was when it was run: by its code, whatever its line ends are. */
export function codeChecksum(code: string): string {
  return createHash('sha256').update(unified(code)).digest('hex').slice(0, 32);
}

/** What is kept of the code of a migration, so that it can be said later how it has changed. */
export function keptCode(code: string): string | null {
  // PostgreSQL's texts have no NUL.
  return code.length > LONGEST_KEPT || code.includes('\0') ? null : unified(code);
}

/** The first line in which the code of a migration differs from what it was, as a part of a sentence. */
export function differenceOf(before: string, now: string): string {
  const [then, is] = [before, unified(now)].map((code) => code.split('\n')) as [string[], string[]];
  const differs = then.findIndex((line, index) => line !== is[index]);
  const at = differs < 0 ? then.length : differs;
  return `line ${at + 1} was ${shown(then[at])} and is ${shown(is[at])}`;
}

function shown(line: string | undefined): string {
  if (line === undefined) return 'not there';
  const text = line.trim();
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}

function unified(code: string): string {
  return code.replaceAll('\r\n', '\n');
}
