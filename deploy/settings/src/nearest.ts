/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: optimal string alignment. */
const distance = (a: string, b: string): number => {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
};

/**
 * Spelling styles people carry over from other tools do not count as mistakes: `api_key` is `apiKey`, and a unit in a name,
 * `max_body_bytes`, is one that stands in the value here, `maxBody`.
 */
const plain = (text: string) =>
  text
    .replace(/[-_](bytes|ms)$|(?<=[a-z])(Bytes|Ms)$/, '')
    .toLowerCase()
    .replace(/[-_ ]/g, '');

const longest = 64;

/** The known name that `text` was probably meant to be; null when none is near. */
export const nearest = (text: string, known: readonly string[]): string | null => {
  const asked = plain(text.slice(0, longest));
  let best: { name: string; edits: number } | null = null;
  for (const name of known) {
    const candidate = plain(name.slice(0, longest));
    // What was begun and not finished is nearer than what happens to look alike.
    const begun = asked.length > 3 && candidate.startsWith(asked);
    const edits = distance(asked, candidate) - (begun ? 1 : 0);
    const allowed = Math.max(1, Math.floor(Math.max(asked.length, candidate.length) / 3));
    if (edits <= allowed && (best === null || edits < best.edits)) best = { name, edits };
  }
  return best?.name ?? null;
};

/** `; did you mean 'x'?` when a known name is near, else the allowed ones. */
export const hint = (text: string, known: readonly string[]): string => {
  const name = nearest(text, known);
  if (name !== null) return `; did you mean '${name}'?`;
  if (known.length === 0) return '';
  const first = known.slice(0, 24).join(', ');
  return `; allowed: ${first}${known.length > 24 ? ', ...' : ''}`;
};
