import type { Checked } from '@tollgate/settings/checked.ts';
import { noSources, readSettings, type Read } from '@tollgate/settings/edge/read.ts';
import type { SecretFile } from '@tollgate/settings/context.ts';
import type { SecretFiles } from '@tollgate/settings/read-secret.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';
import { builtInConfig } from '../../config/built-in.ts';
import { catalogueFile } from '../../config/check-catalogue.ts';
import { check, type Surroundings } from '../../config/check.ts';
import type { Config } from '../../config/config.ts';
import { secretFields } from '../../config/secret-fields.ts';
import type { Provider } from '../../providers/provider.ts';

/** Where a configuration comes from. */
export interface ConfigSource {
  /** A YAML file; null: the built-in defaults. */
  readonly path: string | null;
  /** The environment: for `${VAR}`, credentials, and the keys and addresses of `npm start`. */
  readonly env: Variables;
  /** The vendors that `use:` may name. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Stands for what `catalogue.file` holds: would it be good? Left out: the file is read. */
  readonly instead?: SecretFile;
}

const surroundingsOf = ({ env, providers }: ConfigSource, files: SecretFiles): Surroundings => ({
  providers,
  files,
  keys: {
    master: env['TOLLGATE_MASTER_KEY'] ?? '',
    demo: env['TOLLGATE_DEMO_KEY'] ?? '',
    caller: env['TOLLGATE_CALLER_KEY'] ?? '',
  },
  otlpEndpoint:
    (env['TOLLGATE_OTLP_ENDPOINT'] ?? '') === '' ? null : (env['TOLLGATE_OTLP_ENDPOINT'] ?? null),
});

/** Reads, fills in and checks a configuration: everything wrong with it is reported at once, an unreadable file too. */
export const readConfig = async (source: ConfigSource): Promise<Read<Config>> => {
  const { path, env, instead } = source;
  if (path === null)
    return { ...builtInConfig(env, surroundingsOf(source, new Map())), sources: noSources };
  return readSettings({
    path,
    variables: env,
    secretFields: secretFields(source.providers),
    otherFiles: catalogueFile,
    check(document, read): Checked<Config> {
      const files = new Map(read);
      if (instead !== undefined)
        for (const name of catalogueFile(document.value).keys()) files.set(name, instead);
      return check(document, surroundingsOf(source, files));
    },
  });
};
