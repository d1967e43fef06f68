/** Rules as data. An alert carries the cases that prove it: what makes it fire, what must leave it silent. */
import type { Expr } from '../promql.ts';

export interface Recording {
  readonly kind: 'recording';
  readonly name: string;
  readonly expr: Expr;
}

/** A series as promtool writes it: `name{label="value"}` and its values once a minute, `0+5x20` or `1 1 2`. */
type Series = readonly [series: string, values: string];

interface Fired {
  readonly labels: Readonly<Record<string, string>>;
  /** What `{{ $value | ... }}` shows in the description, where it is used. */
  readonly value?: string;
}

export interface Case {
  /** A sentence: "a provider that fails one attempt in twenty fires". */
  readonly name: string;
  readonly series: readonly Series[];
  /** Minutes after the start. */
  readonly atMinutes: number;
  /** Empty: it must be silent. */
  readonly fires: readonly Fired[];
  /** What expressions have to say at that time, so that a silence is no accident. */
  readonly reads?: Readonly<
    Record<string, readonly { readonly labels: string; readonly value: number }[]>
  >;
}

export interface Alert {
  readonly kind: 'alert';
  readonly name: `Tollgate${string}`;
  readonly expr: Expr;
  /** How long it has to hold, in Prometheus's words; `0m` fires at once. */
  readonly for: string;
  /** critical: wake somebody; warning: today; info: look when convenient. */
  readonly severity: 'critical' | 'warning' | 'info';
  /** One line, in which `{{ $labels.x }}` names who. */
  readonly summary: string;
  readonly description: string;
  readonly cases: readonly Case[];
}

export type Rule = Recording | Alert;

export const record = <L extends string>(name: string, expr: Expr<L>): Recording => ({
  kind: 'recording',
  name,
  expr,
});

/** Where an alert is explained; a test demands the heading. */
export const runbook = ({ name }: Alert): string => `docs/runbooks.md#${name.toLowerCase()}`;
