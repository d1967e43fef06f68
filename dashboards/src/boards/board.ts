/** From a board as data to Grafana's JSON: fixed ids, rows of 24 columns, variables on every board. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

/** `id` is part of links and alerts that others keep: never reuse one, never renumber. */
interface Placed {
  readonly id: number;
  readonly width: number;
  readonly panel: dashboard.Panel;
}

interface Row {
  readonly id: number;
  readonly title: string;
  readonly height: number;
  readonly panels: readonly Placed[];
}

export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly { build(): dashboard.VariableModel }[];
  readonly rows: readonly Row[];
}

const gridColumns = 24;
const tag = 'tollgate';

/** Row headers and their panels in order, each at its place. Throws where a row is wider than the grid. */
const placed = (rows: readonly Row[]): (dashboard.Panel | dashboard.RowPanel)[] => {
  let y = 0;
  return rows.flatMap(({ id, title, height, panels }) => {
    const header: dashboard.RowPanel = {
      ...new dashboard.RowBuilder(title).build(),
      id,
      gridPos: { x: 0, y, w: gridColumns, h: 1 },
    };
    let x = 0;
    const inRow = panels.map(({ id, width, panel }) => {
      const gridPos = { x, y: y + 1, w: width, h: height };
      x += width;
      return { ...panel, id, gridPos };
    });
    if (x > gridColumns) throw new Error(`row '${title}' is ${x} wide; allowed: ${gridColumns}`);
    y += 1 + height;
    return [header, ...inRow];
  });
};

/** Grafana's classic dashboard JSON, which loads in Grafana 10 to 13. */
export const classic = ({
  uid,
  title,
  description,
  variables,
  rows,
}: Board): dashboard.Dashboard => ({
  ...new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([tag])
    .readonly()
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .refresh('30s')
    .time({ from: 'now-6h', to: 'now' })
    .variables([...variables])
    .link(
      new dashboard.DashboardLinkBuilder('Tollgate')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .build(),
  panels: placed(rows),
});
