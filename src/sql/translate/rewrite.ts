import type { NodeBody, NodeName } from '../syntax/parse-tree';
import type { KnownCatalogue } from './known-catalogue';
import type { OwnRefusal, Simplifications, TranslationContext } from './context';
import type { Outcome } from './draft';
import type { Edit } from './text/edits';
import type { StatementText } from './text/statement-text';

/** The fields of a node by its name; of one of several nodes where there are several names. */
type Tree<Name extends NodeName> = Name extends unknown ? NodeBody<Name> : never;

/**
 * One statement on its way to DSQL: its text and tree, read once, what is known of the database, and what was changed
 * and said of it so far.
 */
export class Rewrite<Name extends NodeName = NodeName> {
  readonly tree: Tree<Name>;
  readonly isAsync: boolean;
  readonly #edits: Edit[] = [];
  readonly #notes: string[] = [];

  constructor(
    readonly source: StatementText,
    readonly context: TranslationContext,
  ) {
    // The node names what the tree is.
    this.tree = source.statement.tree as Tree<Name>;
    this.isAsync = source.statement.async;
  }

  get catalogue(): KnownCatalogue {
    return this.context.catalogue;
  }

  get simplify(): Simplifications {
    return this.context.simplify;
  }

  /** What a person should know of the translation, so far. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Whether DSQL refuses what a rule is about; an option may say that it no longer does. */
  isRefused(rule: string): boolean {
    return this.context.isRefused(rule);
  }

  refuse(refusal: OwnRefusal): void {
    this.context.refuse(this.source, refusal);
  }

  edit(...edits: readonly Edit[]): void {
    for (const edit of edits) this.#edits.push(edit);
  }

  /** Cuts out the tokens from one index up to another. */
  remove(from: number, to: number): void {
    this.#edits.push(this.source.removal(from, to));
  }

  note(note: string): void {
    this.#notes.push(note);
  }

  /** The statement as it was written. */
  unchanged(): Outcome {
    return [{ sql: this.source.text, notes: this.#notes }];
  }

  /** The statement with all edits so far. */
  edited(): Outcome {
    return [{ sql: this.source.edited(this.#edits), notes: this.#notes }];
  }
}
