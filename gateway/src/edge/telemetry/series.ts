/** The series of one metric, by the values of its labels in their order: a tree as deep as there are labels. */

export type Fresh<S> = (labels: Readonly<Record<string, string>>) => S;

export interface SeriesSet<S> {
  /** The series for these labels; a value past its label's cap is folded into `other`. */
  of(labels: Readonly<Record<string, string>>): S;
  /** All of them, in the order they were first asked for. */
  all(): readonly S[];
}

const overflowed = 'other';

interface Branch<S> {
  readonly branches: Map<string, Branch<S>>;
  series: S | null;
}

const branch = <S>(): Branch<S> => ({ branches: new Map(), series: null });

/**
 * No series yet.
 * @param onOverflow told the label each time one of its values is folded
 */
export const seriesSet = <S>(
  labelNames: readonly string[],
  fresh: Fresh<S>,
  maxLabelValues: number,
  onOverflow: (label: string) => void,
): SeriesSet<S> => {
  const root = branch<S>();
  const all: S[] = [];
  /** Values seen per label, for the cap. */
  const seen = new Map(labelNames.map((name) => [name, new Set<string>()]));

  const bounded = (name: string, value: string): string => {
    const known = seen.get(name);
    if (known === undefined || value === overflowed || known.has(value)) return value;
    if (known.size < maxLabelValues) {
      known.add(value);
      return value;
    }
    onOverflow(name);
    return overflowed;
  };

  /** The first time a series is asked for, and each time a value of its labels is past its cap. */
  const make = (labels: Readonly<Record<string, string>>): S => {
    const shown: Record<string, string> = {};
    let at = root;
    for (const name of labelNames) {
      const value = bounded(name, labels[name] ?? '');
      shown[name] = value;
      let next = at.branches.get(value);
      if (next === undefined) at.branches.set(value, (next = branch()));
      at = next;
    }
    if (at.series === null) all.push((at.series = fresh(shown)));
    return at.series;
  };

  return {
    of(labels) {
      let at = root;
      for (const name of labelNames) {
        const next = at.branches.get(labels[name] ?? '');
        if (next === undefined) return make(labels);
        at = next;
      }
      return at.series ?? make(labels);
    },
    all: () => all,
  };
};
