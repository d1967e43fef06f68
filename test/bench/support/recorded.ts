/** Results of benchmarks, read back. */
import { existsSync, readFileSync } from 'node:fs';
import type { Recorded, Table } from './report.ts';
import { isRecord } from './wire.ts';

const isTable = (value: unknown): value is Table =>
  isRecord(value) &&
  typeof value['title'] === 'string' &&
  Array.isArray(value['head']) &&
  Array.isArray(value['rows']);

const isRecorded = (value: unknown): value is Recorded =>
  isRecord(value) &&
  typeof value['benchmark'] === 'string' &&
  typeof value['at'] === 'string' &&
  isRecord(value['machine']) &&
  isRecord(value['settings']) &&
  Array.isArray(value['tables']) &&
  value['tables'].every(isTable) &&
  Array.isArray(value['notes']) &&
  Array.isArray(value['problems']);

/** What a file holds; null: there is none. Throws when it holds something else. */
export const readRecorded = (path: string): Recorded | null => {
  if (!existsSync(path)) return null;
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!isRecorded(value)) throw new Error(`${path} holds no results`);
  return value;
};
