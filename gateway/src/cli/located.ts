import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { processVariables } from '../edge/config/environment.ts';

/** A file as the user named it; npm moves to the package's folder and keeps where the user was in INIT_CWD. */
export const located = (file: string): string => {
  const from = processVariables()['INIT_CWD'];
  return from === undefined || existsSync(file) ? file : resolve(from, file);
};
