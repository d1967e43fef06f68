/** Which budgets is a call's? Found by the values it has, so that a hundred thousand budgets cost it no more than ten. */
import { each, type Budget, type Dimension, type Subject } from '../../model/budget.ts';

/** Between the values of an account's name; no value that can be configured or sent has it. */
const between = '\u0000';

/** Budgets whose scopes name the same dimensions in the same way. */
interface Shape<T> {
  /** With a value that the budget names. */
  readonly named: readonly Dimension[];
  /** With an account for each value. */
  readonly free: readonly Dimension[];
  readonly byValues: Map<string, T[]>;
}

const valuesOf = (subject: Subject, dimension: Dimension): string | readonly string[] => {
  switch (dimension) {
    case 'model':
      return subject.models;
    case 'organization':
    case 'team':
    case 'application':
    case 'key':
    case 'namespace':
    case 'environment':
    case 'costCenter':
    case 'user':
    case 'agent':
    case 'session':
    case 'trace':
      return subject[dimension];
    default: {
      const name = dimension.slice('tag:'.length);
      return Object.hasOwn(subject.tags, name) ? (subject.tags[name] ?? '') : '';
    }
  }
};

/** All ways to choose one value for each dimension, joined; none when one has no value. */
const joined = (subject: Subject, dimensions: readonly Dimension[]): readonly string[] => {
  let all: readonly string[] = [''];
  for (const [i, dimension] of dimensions.entries()) {
    const values = valuesOf(subject, dimension);
    const before = all;
    const list = typeof values === 'string' ? [values] : values;
    all = list
      .filter((value) => value !== '')
      .flatMap((value) => before.map((one) => (i === 0 ? value : one + between + value)));
  }
  return all;
};

/** Of a call in one shape: the value itself where there is one dimension with one value, which is nearly always. */
const only = (subject: Subject, dimensions: readonly Dimension[]): string | null => {
  const [first, second] = dimensions;
  if (first === undefined) return '';
  if (second !== undefined) return null;
  const value = valuesOf(subject, first);
  return typeof value === 'string' ? value : null;
};

/** Finds what belongs to a budget for each call that the budget is about. */
export class ScopeIndex<T> {
  readonly #shapes = new Map<string, Shape<T>>();

  add({ scope }: Pick<Budget, 'scope'>, one: T): void {
    const parts = scope.toSorted((a, b) => (a.dimension < b.dimension ? -1 : 1));
    const named = parts.filter(({ value }) => value !== each);
    const shape = this.#shapeOf(
      named.map(({ dimension }) => dimension),
      parts.filter(({ value }) => value === each).map(({ dimension }) => dimension),
    );
    const name = named.map(({ value }) => value).join(between);
    const there = shape.byValues.get(name);
    if (there === undefined) shape.byValues.set(name, [one]);
    else there.push(one);
  }

  /** Hands over each that is this call's, once, with the name of its account: empty where the budget has one for all. */
  match(subject: Subject, found: (one: T, account: string) => void): void {
    for (const shape of this.#shapes.values()) {
      const account = only(subject, shape.free) ?? joined(subject, shape.free)[0] ?? '';
      if (account === '' && shape.free.length > 0) continue;
      const name = only(subject, shape.named);
      if (name !== null) {
        for (const one of shape.byValues.get(name) ?? []) found(one, account);
        continue;
      }
      const seen = new Set<T>();
      for (const values of joined(subject, shape.named))
        for (const one of shape.byValues.get(values) ?? []) {
          if (seen.has(one)) continue;
          seen.add(one);
          found(one, account);
        }
    }
  }

  #shapeOf(named: readonly Dimension[], free: readonly Dimension[]): Shape<T> {
    const name = JSON.stringify([named, free]);
    let shape = this.#shapes.get(name);
    if (shape === undefined) {
      shape = { named, free, byValues: new Map() };
      this.#shapes.set(name, shape);
    }
    return shape;
  }
}
