/**
 * The name that was probably meant.
 *
 * @param name - what was written
 * @param names - what there is
 * @returns the one that differs in the case of its letters, or by a slip or two; `undefined` where none does
 */
export function similarName(name: string, names: Iterable<string>): string | undefined {
  const written = name.toLowerCase();
  const slips = written.length < 8 ? 1 : 2;
  let best: string | undefined;
  let fewest = written.length < 4 ? 0 : slips;
  for (const each of names) {
    const count = slipsBetween(written, each.toLowerCase());
    if (count > fewest || (count === fewest && best !== undefined)) continue;
    best = each;
    fewest = count;
  }
  return best;
}

/** How many letters were added, left out, replaced, or exchanged with their neighbour. */
function slipsBetween(written: string, meant: string): number {
  const rows: number[][] = [Array.from({ length: meant.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= written.length; row++) {
    const current = [row];
    for (let column = 1; column <= meant.length; column++) {
      const at = (up: number, left: number) => (up === 0 ? current : rows[row - up])?.[column - left] ?? 0;
      const isSame = written[row - 1] === meant[column - 1];
      let least = Math.min(at(1, 0) + 1, at(0, 1) + 1, at(1, 1) + (isSame ? 0 : 1));
      if (
        row > 1 &&
        column > 1 &&
        written[row - 1] === meant[column - 2] &&
        written[row - 2] === meant[column - 1]
      ) {
        least = Math.min(least, at(2, 2) + 1);
      }
      current.push(least);
    }
    rows.push(current);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}
