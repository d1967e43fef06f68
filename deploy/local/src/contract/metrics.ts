/**
 * What `/metrics` of the embedded ClickHouse shows, and boards and rules may ask for. A labelled counter has all its values from
 * the start, at 0: `increase()` does not see one that is born at 1.
 */
interface Row {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: readonly [] | readonly [string];
  /** Of its label. */
  readonly values: readonly string[];
  readonly help: string;
}

// oxfmt-ignore
export const clickhouseMetrics = {
  engine_starts:         { name: 'tollgate_clickhouse_engine_starts_total', kind: 'counter', labels: [], values: [], help: "Starts of the engine's process." },
  engine_crashes:        { name: 'tollgate_clickhouse_engine_crashes_total', kind: 'counter', labels: [], values: [], help: "Ends of the engine's process that nobody asked for." },
  engine_silent:         { name: 'tollgate_clickhouse_engine_silent_total', kind: 'counter', labels: [], values: [], help: "Kills of an engine's process that said nothing for too long; it counts among the crashes too." },
  engine_recycles:       { name: 'tollgate_clickhouse_engine_recycles_total', kind: 'counter', labels: ['why'], values: ['memory', 'kept_memory', 'stray_query', 'failures'], help: "Replacements of the engine's process, by reason." },
  engine_away:           { name: 'tollgate_clickhouse_engine_away_total', kind: 'counter', labels: [], values: [], help: 'Requests told to come back because no engine served in time.' },
  refused:               { name: 'tollgate_clickhouse_refused_total', kind: 'counter', labels: ['why'], values: ['reader_slots', 'writer_slots', 'query_memory', 'result_bytes', 'user_disk_bytes', 'disk_bytes', 'free_disk', 'slow_reader'], help: 'Requests refused or ended by a limit of the embedded server, by limit. Slots are slots and memory of all readers; query_memory is the memory of one query.' },
  engine_up:             { name: 'tollgate_clickhouse_engine_up', kind: 'gauge', labels: [], values: [], help: 'An engine serves.' },
  engine_pid:            { name: 'tollgate_clickhouse_engine_pid', kind: 'gauge', labels: [], values: [], help: "The engine's process." },
  engine_resident_bytes: { name: 'tollgate_clickhouse_engine_resident_bytes', kind: 'gauge', labels: [], values: [], help: "Memory of the engine's process." },
  engine_walled:         { name: 'tollgate_clickhouse_engine_walled', kind: 'gauge', labels: [], values: [], help: 'The kernel keeps the engine away from all files but its own.' },
} as const satisfies Readonly<Record<string, Row>>;

export type ClickhouseMetricRow = Row;
type Metrics = typeof clickhouseMetrics;
type OfKind<K extends Row['kind']> = {
  [N in keyof Metrics]: Metrics[N]['kind'] extends K ? N : never;
}[keyof Metrics];
export type CounterName = OfKind<'counter'>;
export type GaugeName = OfKind<'gauge'>;
/** The value of a counter's label, where it has one. */
export type LabelValue<N extends CounterName> = Metrics[N]['values'] extends readonly []
  ? []
  : [value: Metrics[N]['values'][number]];
