/** What is counted, and how `/metrics` shows it. */
import {
  clickhouseMetrics,
  type ClickhouseMetricRow,
  type CounterName,
  type GaugeName,
  type LabelValue,
} from '../contract/metrics.ts';

export interface Counters {
  readonly add: <N extends CounterName>(name: N, ...value: LabelValue<N>) => void;
  /** In Prometheus's text format. */
  readonly render: (gauges: Readonly<Record<GaugeName, number>>) => string;
}

const rows: readonly [string, ClickhouseMetricRow][] = Object.entries(clickhouseMetrics);

export const startCounters = (): Counters => {
  const counts = new Map<string, number>();
  /** A sample as its line begins. */
  const sample = ({ name, labels: [label] }: ClickhouseMetricRow, value = ''): string =>
    label === undefined ? name : `${name}{${label}="${value}"}`;
  return {
    add(name, ...[value]) {
      const one = sample(clickhouseMetrics[name], value);
      counts.set(one, (counts.get(one) ?? 0) + 1);
    },
    render(gauges) {
      const values = new Map<string, number>(Object.entries(gauges));
      const lines = rows.flatMap(([id, row]) => {
        const samples = (row.values.length === 0 ? [''] : row.values).map((value) => {
          const one = sample(row, value);
          return `${one} ${values.get(id) ?? counts.get(one) ?? 0}`;
        });
        return [`# HELP ${row.name} ${row.help}`, `# TYPE ${row.name} ${row.kind}`, ...samples];
      });
      return `${lines.join('\n')}\n`;
    },
  };
};
