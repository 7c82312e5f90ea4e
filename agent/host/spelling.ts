/** The fewest single-letter changes that make one text of the other (Levenshtein). */
const distance = (left: string, right: string): number => {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [position, letter] of [...left].entries()) {
    const next = [position + 1];
    for (const [index, other] of [...right].entries()) {
      const changed = (row[index] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
};

/** The known word that a mistyped one was probably meant to be; `undefined` when none is near. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const asked = word.slice(0, 100);
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const away = distance(asked, candidate);
    if (away <= Math.max(2, candidate.length / 4) && away < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { word: candidate, distance: away };
    }
  }
  return best?.word;
};
