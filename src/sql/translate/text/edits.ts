/** A replacement of a range of a text; `start` equal to `end` inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies the edits that lie between `start` and `end` to the text that stands there. */
export function applyEdits(
  text: string,
  edits: readonly Edit[],
  start = 0,
  end = start + text.length,
): string {
  const inside = edits
    .filter((edit) => edit.start >= start && edit.end <= end)
    .sort((a, b) => a.start - b.start || a.end - b.end);
  let edited = '';
  let from = start;
  for (const edit of inside) {
    edited += text.slice(from - start, edit.start - start) + edit.text;
    from = edit.end;
  }
  return edited + text.slice(from - start);
}

/** Tells where an offset in an edited text was in the text before. */
export function offsetBefore(edits: readonly Edit[], offset: number): number {
  if (edits.length === 0) return offset;
  let shift = 0;
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    const at = start + shift;
    if (offset < at) break;
    if (offset < at + text.length) return start;
    shift += text.length - (end - start);
  }
  return offset - shift;
}
