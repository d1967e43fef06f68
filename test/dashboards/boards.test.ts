import { expect, test } from 'vitest';
import { boards } from '../../dashboards/src/boards/registry.ts';
import { readBoards, type ReadPanel, shownPanels } from './board.ts';

const each = [...readBoards()].map(([path, board]) => ({ path, ...board }));

test('every board of the registry is generated', () => {
  expect(each.map(({ uid }) => uid)).toEqual(Object.values(boards).map(({ uid }) => uid));
});

test('no two boards share a uid, no two panels of a board an id', () => {
  expect(new Set(each.map(({ uid }) => uid)).size).toBe(each.length);
  for (const { panels } of each)
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});

const overlap = ({ gridPos: a }: ReadPanel, { gridPos: b }: ReadPanel): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test('panels lie inside the grid and do not overlap', () => {
  for (const { panels } of each) {
    for (const [i, panel] of panels.entries()) {
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      const under = panels.slice(i + 1).filter((other) => overlap(panel, other));
      expect(under.map(({ title }) => `${panel.title} over ${title}`)).toEqual([]);
    }
  }
});

const panels = shownPanels().map((panel) => ({ title: panel.title, panel }));

test.each(panels)('$title says what it shows, in which unit', ({ panel }) => {
  expect(panel.description).toMatch(/.{30}/);
  const properties = (panel.fieldConfig?.overrides ?? []).flatMap(({ properties }) => properties);
  const units = [
    panel.fieldConfig?.defaults.unit,
    ...properties.filter(({ id }) => id === 'unit').map(({ value }) => value),
  ];
  expect(units.filter((unit) => unit !== undefined)).not.toEqual([]);
});

test.each(panels)('$title knows data sources only as the board’s variables', ({ panel }) => {
  const sources = { prometheus: '${prom}', 'grafana-clickhouse-datasource': '${ch}' };
  const { datasource, targets = [] } = panel;
  expect(targets).not.toEqual([]);
  for (const source of [datasource, ...targets.map(({ datasource }) => datasource)]) {
    expect(Object.entries(sources)).toContainEqual([source?.type, source?.uid]);
  }
  expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
});

test('every board has the same variables', () => {
  for (const { templating } of each) {
    expect(templating.list.map(({ name }) => name)).toEqual([
      'prom',
      'ch',
      'team',
      'app',
      'provider',
      'model',
    ]);
  }
});
