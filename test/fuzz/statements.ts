/** Random statements, most of them attempts to read one file, the canary, or to write another. */
import { chance } from './random.ts';
import type { Chance } from './random.ts';
import { damage, gap, keyword, name, string, trap } from './spelling.ts';

/** Who writes statements: chance, and the files it has in mind. */
interface Author extends Chance, Files {
  /** Statements that reach for nothing: what comes of them must be what the client's bytes say. */
  readonly tame: boolean;
}
export interface Files {
  readonly read: string;
  readonly write: string;
}

/** Functions in expressions: harmless ones, and ones that reach out of the query. */
// oxfmt-ignore
const [harmless, reaching] = [
  ['toString', 'length', 'upper', 'COUNT', 'sum', 'hex', 'tuple', 'array', 'concat', 'sumIf', 'any', 'ignore', 'coalesce', 'reverse'],
  ['file', 'File', 'FILE', 'file', 'file', 'catboostEvaluate', 'showCertificate', 'dictGet', 'joinGet', 'getServerSetting', 'globalVariable', 'formatRow', 'addressToLine', 'sleep',
    'eval', 'executable', 'structureToProtobufSchema', 'hostName', 'tcpPort', 'evalMLMethod'],
] as const;

const path = (by: Author) => string(by, by.read);

const call = (by: Author, depth: number): string => {
  const reach = !by.tame && by.percent(45);
  const inside = reach ? path(by) : expression(by, depth + 1);
  const called = name(by, reach ? by.pick(reaching) : by.pick(harmless));
  return `${called}${by.percent(20) ? gap(by) : ''}(${inside})`;
};

const expression = (by: Author, depth: number): string => {
  const way = depth > 3 ? by.below(4) : by.below(15);
  if (way < 2) return String(by.below(100));
  if (way < 4) return trap(by);
  if (way < 8) return call(by, depth);
  if (way < 9) return `(${select(by, depth + 1)})`;
  if (way < 10) {
    const called = name(by, by.tame ? by.pick(harmless) : by.pick(reaching));
    return `arrayMap(x -> ${called}(x), [${by.tame ? trap(by) : path(by)}])`;
  }
  if (way < 11) {
    return `${keyword(by, 'CASE WHEN')} ${expression(by, depth + 1)} ${keyword(by, 'THEN')} ${expression(by, depth + 1)} ${keyword(by, 'END')}`;
  }
  if (way < 12) return `1${gap(by)}${keyword(by, 'IN')}${gap(by)}(${select(by, depth + 1)})`;
  if (way < 13) {
    const wild = by.pick(['{p:String}', '{p:Identifier}', '{p: Array(String) }', '@@version']);
    return by.tame ? '{p:String}' : wild;
  }
  if (way < 14) return `${expression(by, depth + 1)}::String`;
  return `${keyword(by, 'CAST')}(${expression(by, depth + 1)}${gap(by)}${keyword(by, 'AS')} String)`;
};

/** Something to select from: tables, files that pass for tables, table functions of every kind. */
const source = (by: Author, depth: number): string => {
  if (by.tame) {
    const table = by.pick(['system.one', 'numbers(2)', 'zeros(1)', "values('a String', 'x')"]);
    if (depth > 3 || by.percent(60)) return table;
    return by.percent(70)
      ? `(${select(by, depth + 1)})`
      : `${name(by, 'view')}(${select(by, depth + 1)})`;
  }
  const way = depth > 3 ? by.below(6) : by.below(17);
  if (way < 2) return by.pick(['system.one', 'numbers(2)', 'tollgate.t', 'zeros(1)']);
  if (way < 3) return name(by, by.read);
  if (way < 4) return `${name(by, 'default')}.${name(by, by.read)}`;
  if (way < 6)
    return `${name(by, 'system')}.${name(by, by.pick(['processes', 'stack_trace', 'settings', 'one', 'server_settings']))}`;
  if (way < 10) return `${name(by, 'file')}(${path(by)}, ${string(by, 'LineAsString')})`;
  if (way < 11)
    return `${name(by, by.pick(['url', 's3', 'urlCluster', 'deltaLakeLocal']))}(${string(by, `file://${by.read}`)}, LineAsString)`;
  if (way < 12)
    return `${name(by, by.pick(['fileCluster', 'loop', 'executable', 'sqlite', 'icebergLocal', 'dictionary', 'input']))}(${path(by)}, 'x')`;
  if (way < 13)
    return `${name(by, by.pick(['merge', 'remote', 'cluster']))}(${string(by, 'system')}, 'one')`;
  if (way < 14) return `${name(by, 'view')}(${select(by, depth + 1)})`;
  if (way < 15) return `${name(by, 'viewExplain')}('EXPLAIN', '', (${select(by, depth + 1)}))`;
  if (way < 16) return `(${select(by, depth + 1)})`;
  return by.pick([
    '{t:Identifier}',
    '{t:“Identifier”}',
    '{t:`Identifier`}',
    'system.{t:Identifier}',
  ]);
};

const select = (by: Author, depth: number): string => {
  const g = () => gap(by);
  const columns =
    by.percent(10) && !by.tame
      ? `*${g()}${keyword(by, 'APPLY')}${by.pick([' file', '(file)', ' (x -> file(x))', ' toString', ' “file”'])}`
      : Array.from({ length: 1 + by.below(2) }, () => expression(by, depth)).join(', ');
  const parts = [keyword(by, 'SELECT'), columns];
  if (by.percent(12))
    parts.unshift(`${keyword(by, 'WITH')}${g()}(x -> ${name(by, 'file')}(x))${g()}AS f`);
  if (by.percent(50)) parts.push(keyword(by, 'FROM'), source(by, depth));
  if (by.percent(20)) parts.push(keyword(by, 'WHERE'), expression(by, depth + 1));
  if (by.percent(10)) parts.push(keyword(by, 'ORDER BY'), expression(by, depth + 1));
  if (by.percent(8)) parts.push(keyword(by, 'UNION ALL'), select(by, depth + 1));
  return parts.join(g());
};

const outfile = (by: Author): string => {
  const extra = by.pick(['', '', ' TRUNCATE', ' APPEND', ' AND STDOUT', " COMPRESSION 'none'"]);
  return `${gap(by)}${keyword(by, 'INTO OUTFILE')}${gap(by)}${string(by, by.write)}${extra}`;
};

const settings = (by: Author): string => {
  const setting = by.pick([
    'max_threads = 1',
    'max_memory_usage = 0',
    'readonly = 0',
    `format_template_row = '${by.read}'`,
    `output_format_schema = '${by.write}'`,
    "dialect = 'kusto'",
    "implicit_table_at_top_level = 'system.processes'",
    `additional_result_filter = 'file(''${by.read}'')'`,
  ]);
  return `${gap(by)}${keyword(by, 'SETTINGS')}${gap(by)}${setting}`;
};

// oxfmt-ignore
const formats = ['TSV', 'CSV', 'TSVRaw', 'JSONEachRow', 'Values', '`CSV`', 'Null', 'Vertical'] as const;
const format = (by: Author): string => {
  const wild = by.pick([...formats, 'Template', 'Protobuf', 'JSON']);
  return `${gap(by)}${keyword(by, 'FORMAT')}${gap(by)}${by.tame ? by.pick(formats) : wild}`;
};

const query = (by: Author): string => {
  const parts = [select(by, 0)];
  if (!by.tame && by.percent(18)) parts.push(outfile(by));
  if (!by.tame && by.percent(12)) parts.push(settings(by));
  if (by.percent(30)) parts.push(format(by));
  if (!by.tame && by.percent(6)) parts.push(settings(by));
  return parts.join('');
};

const insert = (by: Author): string => {
  const into = keyword(by, 'INSERT INTO');
  const file = `${keyword(by, 'FUNCTION')} ${name(by, 'file')}(${string(by, by.write)}, 'TSV', 'a String')`;
  const table = `${name(by, 'tollgate')}.${name(by, 't')}`;
  const way = by.below(6);
  if (way < 2) return `${into}${gap(by)}${file}${gap(by)}${select(by, 1)}`;
  if (way < 3) return `${into}${gap(by)}${file}${gap(by)}${keyword(by, 'VALUES')} ('x')`;
  if (way < 4)
    return `${into}${gap(by)}${table}${gap(by)}${keyword(by, 'FROM INFILE')}${gap(by)}${path(by)}${format(by)}`;
  if (way < 5) return `${into}${gap(by)}${table}${gap(by)}${select(by, 1)}`;
  return `${into}${gap(by)}${table}${format(by)}\n${by.pick(['x\n', '‘', "'; SELECT 1", '"a"\n'])}`;
};

const statement = (by: Author): string => {
  if (by.tame) return query(by);
  const way = by.below(24);
  if (way < 15) return query(by);
  if (way < 17) return insert(by);
  if (way < 19)
    return `${keyword(by, by.pick(['EXPLAIN', 'EXPLAIN AST', 'EXPLAIN SYNTAX', 'EXPLAIN PLAN', 'EXPLAIN QUERY TREE']))}${gap(by)}${query(by)}`;
  if (way < 20)
    return `${keyword(by, by.pick(['DESCRIBE', 'DESCRIBE TABLE', 'DESC']))}${gap(by)}${source(by, 0)}${by.percent(30) ? outfile(by) : ''}`;
  if (way < 21)
    return `${keyword(by, by.pick(['SHOW TABLES', 'SHOW PROCESSLIST', 'SHOW GRANTS', 'SHOW DATABASES']))}${by.percent(50) ? outfile(by) : ''}`;
  if (way < 22) return `${query(by)}${gap(by)};${gap(by)}${query(by)}`;
  if (way < 23)
    return `${query(by)}${gap(by)}${keyword(by, 'PARALLEL WITH')}${gap(by)}${query(by)}`;
  return by.pick([
    'SET ROLE loading',
    'SET max_memory_usage = 0',
    'USE system',
    'SET readonly = 0',
    `EXECUTE AS default SELECT file('${by.read}')`,
  ]);
};

export interface Written {
  readonly sql: string;
  /** It reaches for nothing: its answer through the gate must be the engine's. */
  readonly tame: boolean;
}

/** The statement of a seed. */
export const statementOf = (seed: number, files: Files): Written => {
  const dice = chance(Math.imul(seed, 2_654_435_761));
  const by: Author = { ...dice, ...files, tame: dice.percent(25) };
  const sql = statement(by);
  return { sql: by.percent(20) ? damage(by, sql) : sql, tame: by.tame };
};
