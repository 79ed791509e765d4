import { refusals } from '../refusals';
import type { RefusalRule } from '../refusals';
import { wrapped } from './capability-page';

/**
 * What Aurora DSQL answers to what it refuses, message by message in the order of the alphabet, as Markdown: a part of
 * `docs/troubleshooting.md`.
 */
export function refusalMessages(): string {
  const byMessage = new Map<string, RefusalRule[]>();
  for (const rule of refusals) {
    const key = `${rule.message}\0${rule.sqlstate}`;
    byMessage.set(key, [...(byMessage.get(key) ?? []), rule]);
  }
  return [...byMessage.entries()]
    .sort(([one], [other]) => (one.toLowerCase() < other.toLowerCase() ? -1 : 1))
    .flatMap(([, rules]) => paragraph(rules))
    .join('\n');
}

function paragraph(rules: readonly RefusalRule[]): string[] {
  const [{ message, sqlstate } = { message: '', sqlstate: '' }] = rules;
  return [
    `**\`${message}\`** (${sqlstate})`,
    '',
    ...rules.flatMap(({ what, instead, id }) => {
      const advice = instead === undefined ? '' : ` Instead: ${instead}`;
      return wrapped(`- ${what} (\`${id}\`).${advice}`);
    }),
    '',
  ];
}
