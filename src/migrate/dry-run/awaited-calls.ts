import type { AnyNode, CallExpression } from 'acorn';
import { isFunction, type CodeNames } from './code-names';
import { SENDS } from './known-names';
import { childrenOf } from './parsed-code';

/** What calls the functions that it is given, and promises no more than they do. */
const PASSES_ON = /^(?:all|allSettled|map|flatMap|reduce|then|catch|finally|transaction|__awaiter)$/;

/** Which calls of code are awaited. */
export class AwaitedCalls {
  readonly #names: CodeNames;

  constructor(names: CodeNames) {
    this.#names = names;
  }

  /** Whether what a call promises is awaited, and also what the functions promise in which it is. */
  isAwaited(call: CallExpression): boolean {
    if (!this.#isListened(call)) return false;
    let isWithinFunction = false;
    let inner: AnyNode = call;
    for (const outer of this.#names.around(call)) {
      isWithinFunction ||= isFunction(outer);
      const isCalled = outer.type === 'CallExpression' && outer.callee !== inner;
      inner = outer;
      if (!isCalled || !isWithinFunction) continue;
      const name = calledName(outer) ?? '';
      if (!PASSES_ON.test(name)) return false;
      const isHeard = /^(?:map|flatMap)$/.test(name) ? this.#isInAll(outer) : this.#isListened(outer);
      if (!isHeard) return false;
    }
    return true;
  }

  /** Whether what follows a call is tried, and a transaction rolled back where that fails. */
  isRolledBack(call: CallExpression): boolean {
    let statement: AnyNode = call;
    for (const outer of this.#names.around(call)) {
      if (outer.type === 'BlockStatement') {
        const next = outer.body[outer.body.findIndex((each) => each === statement) + 1];
        return next?.type === 'TryStatement' && namesIn(next.handler ?? undefined).includes('rollback');
      }
      if (isFunction(outer)) return false;
      statement = outer;
    }
    return false;
  }

  /** Whether functions that are given to a call send something. */
  sendWithin(given: readonly AnyNode[]): boolean {
    const nodes = [...given];
    for (const node of nodes) {
      nodes.push(...childrenOf(node));
      if (isFunction(node) && node.async) return true;
      if (node.type !== 'CallExpression') continue;
      const name = calledName(node) ?? '';
      const { callee } = node;
      const isOwn = callee.type === 'Identifier' && this.#names.find(callee)?.isFunction === true;
      if (isOwn || SENDS.test(name) || this.#names.methods.has(name)) return true;
    }
    return false;
  }

  #isListened(call: AnyNode): boolean {
    const value = this.#valueOf(call);
    const outer = this.#names.parentOf(value);
    if (/^(?:Await|Yield)Expression$|^ReturnStatement$/.test(outer?.type ?? '')) return true;
    const isBody = outer?.type === 'ArrowFunctionExpression' && outer.body === value;
    return isBody || this.#isInAll(call);
  }

  /** `Promise.all([…])`, `Promise.all(….map(…))` */
  #isInAll(call: AnyNode): boolean {
    const value = this.#valueOf(call);
    const outer = this.#names.parentOf(value);
    const list = outer?.type === 'ArrayExpression' ? outer : value;
    const all = this.#names.parentOf(list);
    if (all?.type !== 'CallExpression' || all.arguments[0] !== list) return false;
    return /^all(?:Settled)?$/.test(calledName(all) ?? '') && this.#isListened(all);
  }

  /** What has the value of a chain of calls: it, or a choice between it and another one. */
  #valueOf(call: AnyNode): AnyNode {
    let value = outermost(call, this.#names);
    for (const outer of this.#names.around(value)) {
      const isChoice = outer.type === 'ConditionalExpression' && outer.test !== value;
      const isLast = outer.type === 'LogicalExpression' && outer.right === value;
      if (!isChoice && !isLast) return value;
      value = outer;
    }
    return value;
  }
}

/** Where a chain of members and calls begins. */
export function rootOf(value: AnyNode): AnyNode {
  let root = value;
  for (;;) {
    if (root.type === 'MemberExpression') root = root.object;
    else if (root.type === 'CallExpression') root = root.callee;
    else if (root.type === 'ChainExpression') root = root.expression;
    // The answer to a call is nobody else's.
    else if (root.type === 'AwaitExpression' && root.argument.type !== 'CallExpression') root = root.argument;
    else return root;
  }
}

/** Where a chain of members and calls ends that begins with a value. */
export function outermost(value: AnyNode, names: CodeNames): AnyNode {
  let outer = value;
  for (const next of names.around(value)) {
    const isMember = next.type === 'MemberExpression' && next.object === outer;
    const isCall = next.type === 'CallExpression' && next.callee === outer;
    if (!isMember && !isCall && next.type !== 'ChainExpression') return outer;
    outer = next;
  }
  return outer;
}

/** The name of the function or of the method that is called. */
export function calledName({ callee }: CallExpression): string | undefined {
  if (callee.type === 'Identifier') return callee.name;
  if (callee.type !== 'MemberExpression' || callee.computed) return undefined;
  return callee.property.type === 'Identifier' ? callee.property.name : undefined;
}

function namesIn(node: AnyNode | undefined): readonly string[] {
  const nodes = node === undefined ? [] : [node];
  for (const each of nodes) nodes.push(...childrenOf(each));
  return nodes.flatMap((each) => (each.type === 'Identifier' ? each.name : []));
}
