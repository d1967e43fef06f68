import { madeDocument } from '@tollgate/settings/document.ts';
import { noSources, readSettings, type Read } from '@tollgate/settings/edge/read.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';
import { check } from '../config/check.ts';
import type { RouterConfig } from '../config/config.ts';
import { policies } from '../policies/registry.ts';

/** Reads, fills in and checks the file at `path`, null: built-in defaults. Everything wrong with it is reported at once. */
export const readConfig = async (
  path: string | null,
  variables: Variables,
): Promise<Read<RouterConfig>> =>
  path === null
    ? { ...check(madeDocument('built-in', {}), policies), sources: noSources }
    : readSettings({
        path,
        variables,
        secretFields: new Set(),
        check: (document) => check(document, policies),
      });
