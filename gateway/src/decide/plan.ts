import type { Caller, Target } from '../model/call.ts';

interface Route {
  readonly name: string;
  readonly targets: readonly { readonly provider: string; readonly model: string | null }[];
}

/** True when `name` is `pattern`, or begins with what stands before the pattern's final `*`. */
export const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** May this caller use this model? */
export const mayUse = (caller: Caller, model: string): boolean =>
  caller.models === null || caller.models.some((pattern) => matches(pattern, model));

/** Where a call goes. */
export interface Plan {
  /** The name of the route, as the configuration has it; empty: there is none. */
  readonly route: string;
  /** In the order to try them; empty: there is no such model. */
  readonly targets: readonly Target[];
}

/** Which route serves this model? An exact name goes before patterns, a longer pattern before a shorter one. */
export const planner = (routes: readonly Route[]): ((model: string) => Plan) => {
  const exact = new Map(routes.filter(({ name }) => !name.endsWith('*')).map((r) => [r.name, r]));
  const patterns = routes
    .filter(({ name }) => name.endsWith('*'))
    .toSorted((a, b) => b.name.length - a.name.length);
  return (model) => {
    const route = exact.get(model) ?? patterns.find(({ name }) => matches(name, model));
    const targets = route?.targets ?? [];
    return {
      route: route?.name ?? '',
      targets: targets.map((t) => ({ provider: t.provider, model: t.model ?? model })),
    };
  };
};

/**
 * The models a caller may ask for by name, sorted. Under a pattern of the routes a caller sees the names and patterns
 * of its own that fit it; one that may use everything sees the pattern as it is written.
 */
export const usableModels = (caller: Caller, routes: readonly Route[]): readonly string[] => {
  const names = routes.flatMap(({ name }) => {
    if (mayUse(caller, name)) return [name];
    if (!name.endsWith('*')) return [];
    return caller.models?.filter((own) => matches(name, own.replace(/\*$/, ''))) ?? [];
  });
  return [...new Set(names)].toSorted();
};
