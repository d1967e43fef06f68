/** What is counted, under the names that `/metrics` shows. */

/** Name, the label that tells its values apart (null: none), and what it means. */
// oxfmt-ignore
export const counterTable = {
  engine_starts:    { label: null,  help: "Starts of the engine's process." },
  engine_crashes:   { label: null,  help: "Ends of the engine's process that nobody asked for." },
  engine_silent:    { label: null,  help: "Kills of an engine's process that said nothing for too long; it counts among the crashes too." },
  engine_recycles:  { label: 'why', help: "Replacements of the engine's process: memory, kept_memory, stray_query, failures." },
  engine_away:      { label: null,  help: 'Requests told to come back because no engine served in time.' },
  refused:          { label: 'why', help: 'Requests refused or ended by a limit of the embedded server, by limit.' },
} as const satisfies Readonly<Record<string, { readonly label: string | null; readonly help: string }>>;
export type CounterName = keyof typeof counterTable;

export interface Counters {
  readonly add: (name: CounterName, labelValue?: string) => void;
  /** In Prometheus's text format. */
  readonly render: () => string;
}

const isName = (name: string): name is CounterName => Object.hasOwn(counterTable, name);

export const startCounters = (): Counters => {
  const counts = new Map<string, Map<string, number>>();
  return {
    add(name, labelValue = '') {
      const values = counts.get(name) ?? new Map<string, number>();
      counts.set(name, values.set(labelValue, (values.get(labelValue) ?? 0) + 1));
    },
    render() {
      const lines = Object.keys(counterTable)
        .filter(isName)
        .flatMap((name) => {
          const { label, help } = counterTable[name];
          const full = `tollgate_clickhouse_${name}_total`;
          const values =
            counts.get(name) ?? (label === null ? new Map([['', 0]]) : new Map<string, number>());
          const samples = [...values].map(
            ([value, count]) => `${full}${label === null ? '' : `{${label}="${value}"}`} ${count}`,
          );
          return [`# HELP ${full} ${help}`, `# TYPE ${full} counter`, ...samples];
        });
      return `${lines.join('\n')}\n`;
    },
  };
};
