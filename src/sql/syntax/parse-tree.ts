import type { Node } from 'libpg-query';

type KeysOfUnion<T> = T extends unknown ? keyof T : never;

/** The name of a node of PostgreSQL's parse tree, as in its source: `SelectStmt`, `RangeVar`, `TypeName`… */
export type NodeName = Extract<KeysOfUnion<Node>, string>;

/** The fields of the node with that name. */
export type NodeBody<Name extends NodeName> = Extract<Node, Record<Name, unknown>>[Name];

/** A node with its name, as {@link walk} hands it out. */
export interface Visited {
  readonly name: string;
  readonly body: object;
  /** The node that holds this one; `undefined` for the statement itself. */
  readonly parent: Visited | undefined;
}

/**
 * libpg-query wraps a node in an object with its name (`{ RangeVar: {…} }`) only where the C struct has a generic
 * pointer; where the field's type is fixed it gives the bare fields. These are the fixed fields we look into.
 */
const FIXED_FIELDS: Readonly<Record<string, NodeName>> = {
  relation: 'RangeVar',
  view: 'RangeVar',
  sequence: 'RangeVar',
  pktable: 'RangeVar',
  rel: 'RangeVar',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  typeName: 'TypeName',
  sourcetype: 'TypeName',
  targettype: 'TypeName',
  returnType: 'TypeName',
  ofTypename: 'TypeName',
  withClause: 'WithClause',
  intoClause: 'IntoClause',
  into: 'IntoClause',
  onConflictClause: 'OnConflictClause',
  infer: 'InferClause',
  over: 'WindowDef',
  funccall: 'FuncCall',
  collClause: 'CollateClause',
  setstmt: 'VariableSetStmt',
  partspec: 'PartitionSpec',
  partbound: 'PartitionBoundSpec',
  action: 'GrantStmt',
};

/** Nodes with nothing inside that anyone looks for; a bulk INSERT is made of little else. */
const LEAVES: ReadonlySet<string> = new Set([
  'A_Const',
  'A_Star',
  'BitString',
  'Boolean',
  'Float',
  'Integer',
  'ParamRef',
  'SetToDefault',
  'String',
]);

/**
 * Visits the nodes of a statement's tree, parents before children and children in source order, until `visit` returns
 * `false`. Constants, parameters and bare strings are not visited.
 *
 * It keeps its own stack: an expression of thousands of operators nests deeper than JavaScript may recurse.
 */
export function walk(name: string, body: object, visit: (node: Visited) => boolean): void {
  const stack: Visited[] = [{ name, body, parent: undefined }];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (!visit(node)) return;
    const firstChild = stack.length;
    const fields = node.body as Readonly<Record<string, unknown>>;
    for (const field in fields) addChildren(stack, node, field, fields[field]);
    reverseFrom(stack, firstChild);
  }
}

function addChildren(stack: Visited[], parent: Visited, field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) addChildren(stack, parent, field, item);
    return;
  }
  const name = wrappedName(value);
  if (name === undefined) stack.push({ name: FIXED_FIELDS[field] ?? '', body: value, parent });
  else if (!LEAVES.has(name))
    stack.push({ name, body: (value as Record<string, object>)[name] ?? {}, parent });
}

/** The name in `{ RangeVar: {…} }`: names of nodes begin with a capital, names of fields never do. */
function wrappedName(value: object): string | undefined {
  for (const key in value) {
    const first = key.charCodeAt(0);
    return first >= 65 && first <= 90 ? key : undefined;
  }
  return undefined;
}

/** Splits `{ RangeVar: {…} }` into name and fields; `undefined` for an object that is not such a wrapper. */
export function unwrap(value: object): { readonly name: string; readonly body: object } | undefined {
  const name = wrappedName(value);
  return name === undefined ? undefined : { name, body: (value as Record<string, object>)[name] ?? {} };
}

function reverseFrom(stack: Visited[], from: number): void {
  for (let low = from, high = stack.length - 1; low < high; low++, high--) {
    const held = stack[low];
    const other = stack[high];
    if (!held || !other) return;
    stack[low] = other;
    stack[high] = held;
  }
}

/** The body of a wrapped node when it has that name. */
export function asNode<Name extends NodeName>(
  node: Node | undefined,
  name: Name,
): NodeBody<Name> | undefined {
  return (node as Partial<Record<string, NodeBody<Name>>> | undefined)?.[name];
}

/** The strings of a list of `String` nodes, such as a qualified name. */
export function strings(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) => asNode(node, 'String')?.sval ?? []);
}

/** The parts of the name of an object of a DROP: of a relation a list, of a type a name, of a schema or role a string. */
export function objectParts(object: Node): string[] {
  return strings(asNode(object, 'List')?.items ?? asNode(object, 'TypeName')?.names ?? [object]);
}

/** The first option with that name in a list of options such as `WITH (name = value)` or those of a role or sequence. */
export function optionNamed(
  options: readonly Node[] | undefined,
  name: string,
): NodeBody<'DefElem'> | undefined {
  for (const option of options ?? []) {
    const element = asNode(option, 'DefElem');
    if (element?.defname === name) return element;
  }
  return undefined;
}

/** The text of a string constant, or of one that is cast to a type. */
export function stringConstant(node: Node | undefined): string | undefined {
  const constant = asNode(node, 'A_Const') ?? asNode(asNode(node, 'TypeCast')?.arg, 'A_Const');
  return constant?.sval?.sval;
}
