/** The boards as Grafana gets them: the generated JSON, read back. */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { generatedFiles } from '../../dashboards/src/build.ts';

const DataSource = Type.Object({ type: Type.String(), uid: Type.String() });
const Target = Type.Object({
  refId: Type.String(),
  datasource: DataSource,
  expr: Type.Optional(Type.String()),
  legendFormat: Type.Optional(Type.String()),
  rawSql: Type.Optional(Type.String()),
  format: Type.Optional(Type.Number()),
});
const Panel = Type.Object({
  id: Type.Integer(),
  type: Type.String(),
  title: Type.String(),
  description: Type.Optional(Type.String()),
  datasource: Type.Optional(DataSource),
  gridPos: Type.Object({
    x: Type.Integer(),
    y: Type.Integer(),
    w: Type.Integer(),
    h: Type.Integer(),
  }),
  targets: Type.Optional(Type.Array(Target)),
  fieldConfig: Type.Optional(
    Type.Object({
      defaults: Type.Object({
        unit: Type.Optional(Type.String()),
        noValue: Type.Optional(Type.String()),
      }),
      overrides: Type.Array(
        Type.Object({
          matcher: Type.Object({ id: Type.String(), options: Type.String() }),
          properties: Type.Array(Type.Object({ id: Type.String(), value: Type.Unknown() })),
        }),
      ),
    }),
  ),
});
const Board = Type.Object({
  uid: Type.String(),
  title: Type.String(),
  schemaVersion: Type.Integer(),
  panels: Type.Array(Panel),
  templating: Type.Object({
    list: Type.Array(
      Type.Object({
        name: Type.String(),
        type: Type.String(),
        datasource: Type.Optional(DataSource),
        definition: Type.Optional(Type.String()),
      }),
    ),
  }),
});
const readBoard = Compile(Board);

export type ReadPanel = Static<typeof Panel>;
export type ReadBoard = Static<typeof Board>;

const folder = 'dashboards/out/classic/';

/** By file name. Throws where a board is not shaped as Grafana's classic JSON. */
export const readBoards = (): ReadonlyMap<string, ReadBoard> =>
  new Map(
    Object.entries(generatedFiles()).flatMap(([path, content]) =>
      path.startsWith(folder) ? [[path, readBoard.Parse(JSON.parse(content))] as const] : [],
    ),
  );

/** Panels that show something: all but the headers of rows. */
export const shownPanels = (): ReadPanel[] =>
  [...readBoards().values()].flatMap(({ panels }) => panels.filter(({ type }) => type !== 'row'));

interface BoardQuery {
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
  /** The panel says what it means when there is no data: it shows events that need not have happened. */
  readonly mayBeEmpty: boolean;
}

/** Every PromQL query on a board, variables and all. */
export const boardQueries = (): BoardQuery[] =>
  shownPanels().flatMap(({ title, targets = [], fieldConfig }) =>
    targets.flatMap(({ expr, legendFormat = '' }) =>
      expr === undefined
        ? []
        : [
            {
              panel: title,
              expr,
              legend: legendFormat,
              mayBeEmpty: fieldConfig?.defaults.noValue !== undefined,
            },
          ],
    ),
  );
