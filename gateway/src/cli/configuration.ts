/** The configuration that a command is about. */
import type { SecretFile } from '@tollgate/settings/context.ts';
import { configPath, processVariables } from '../edge/config/environment.ts';
import { readConfig } from '../edge/config/read.ts';
import { providers } from '../providers/registry.ts';
import { located } from './located.ts';

/** The path of the configuration that `file` names, else of the one that the gateway would read; null: the built-in one. */
export const pathOf = (file: string | undefined): string | null =>
  file === undefined ? configPath(processVariables(), process.cwd()) : located(file);

/**
 * Reads it as the gateway would.
 * @param instead stands for what `catalogue.file` holds
 */
export const readConfiguration = (file: string | undefined, instead?: SecretFile) =>
  readConfig({
    path: pathOf(file),
    env: processVariables(),
    providers,
    ...(instead === undefined ? {} : { instead }),
  });

export const configurationHelp =
  'Configuration. Default: TOLLGATE_CONFIG, else tollgate.yaml, else the built-in defaults';
