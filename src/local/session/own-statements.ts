import { quoted, type IamStatement, type Statement } from '../../sql';
import type { BackendLink } from './backend-link';

/** What PostgreSQL does not do by itself for a statement that only DSQL has. */
export interface OwnStatement {
  /** Whether this replaces executing the statement; else it comes right after. */
  readonly replaces: boolean;
  /** The command tag; a replaced statement has none of PostgreSQL's. */
  readonly tag: string;
  /**
   * Does it in the transaction of the statement.
   *
   * @returns the id of the job it started, or `null`
   * @throws BackendError
   */
  run(link: BackendLink): Promise<string | null>;
}

/** What libpg-query gives for `ALTER TABLE … VALIDATE CONSTRAINT`. */
interface AlterTableTree {
  readonly relation?: { readonly schemaname?: string; readonly relname?: string };
  readonly cmds?: readonly { readonly AlterTableCmd?: { readonly name?: string } }[];
}

const LEADING_UNIQUE = /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*create(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)+(unique)\b/i;

/** What has to be done for a statement besides giving it to PostgreSQL, or instead. */
export function ownStatement(statement: Statement): OwnStatement | undefined {
  const { node, tree, async } = statement;
  if (node === 'AwsIamGrantStmt' || node === 'AwsIamRevokeStmt') {
    const { action, role, arn } = tree as IamStatement;
    return {
      replaces: true,
      tag: `AWS IAM ${action.toUpperCase()}`, // never recorded
      run: async (link) => {
        await link.hidden(`SELECT pg_dsql_local.iam_${action}($1, $2)`, [role, arn]);
        return null;
      },
    };
  }
  if (async && node === 'AlterTableStmt') {
    const { relation, cmds } = tree as AlterTableTree;
    const table = [relation?.schemaname, relation?.relname].filter((name) => name !== undefined);
    const constraint = cmds?.[0]?.AlterTableCmd?.name ?? '';
    return {
      replaces: true,
      tag: 'ALTER TABLE',
      run: (link) =>
        jobId(link, 'SELECT pg_dsql_local.begin_validation($1::regclass, $2)', [
          table.map(quoted).join('.'),
          constraint,
        ]),
    };
  }
  if (async && node === 'IndexStmt') {
    const isUnique = textForBackend(statement) !== statement.text;
    return {
      replaces: false,
      tag: 'CREATE INDEX',
      run: (link) => jobId(link, 'SELECT pg_dsql_local.begin_index_build($1)', [isUnique ? 't' : 'f']),
    };
  }
  return undefined;
}

/**
 * The text to prepare a statement with. A unique index is created as an ordinary one, so that duplicates fail its job
 * and not the statement; what PostgreSQL cannot read is prepared as something it can, and never executed.
 */
export function textForBackend({ node, tree, async, text }: Statement): string {
  if (node === 'AwsIamGrantStmt' || node === 'AwsIamRevokeStmt') return 'UNLISTEN dsql';
  if (!async || node !== 'IndexStmt' || !(tree as { readonly unique?: boolean }).unique) return text;
  // Blanked, not removed: positions in the text stay what they are.
  return text.replace(
    LEADING_UNIQUE,
    (head) => head.slice(0, -'unique'.length) + ' '.repeat('unique'.length),
  );
}

async function jobId(link: BackendLink, sql: string, parameters: readonly string[]): Promise<string | null> {
  const [row] = await link.hidden(sql, parameters);
  return row?.[0] ?? null;
}
