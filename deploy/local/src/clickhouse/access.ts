/**
 * The engine's own access control, set up when it opens. chDB authenticates every connection as its user `default`, so the rights
 * are in roles, and each request takes on one before anything of it runs. A role without the right to read files is refused
 * `file()`, `url()`, `remote()` and the like by the engine itself, in any position and spelling. What its rights do not cover
 * (the scalar function `file()`, INTO OUTFILE, tables of `system`) is held by `reader.ts`.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** `loading` is `writing` plus reading files: for an insert whose data we put into a file ourselves. */
export type EngineRole = 'reading' | 'writing' | 'loading';

const writes = [
  'GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, KILL QUERY, SYSTEM ON *.*',
  'GRANT TABLE ENGINE ON *',
];
const grants: Readonly<Record<EngineRole, readonly string[]>> = {
  reading: ['GRANT SELECT ON tollgate.*'],
  writing: writes,
  loading: [...writes, 'GRANT READ ON FILE'],
};

const xml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const queries = (all: readonly string[]) =>
  `<grants>${all.map((one) => `<query>${xml(one)}</query>`).join('')}</grants>`;

/**
 * Writes the engine's configuration into its directory, and returns the arguments that make it read it.
 * @throws the file system's error.
 */
export const accessArguments = (directory: string): string[] => {
  const file = path.join(directory, 'tollgate-access.xml');
  const roles = Object.entries(grants).map(([role, all]) => `<${role}>${queries(all)}</${role}>`);
  const user = [
    '<password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>',
    queries(Object.keys(grants).map((role) => `GRANT ${role}`)),
  ].join('');
  // One file is both the configuration and, by its own word, the list of users.
  const text = `<clickhouse><users_config>${xml(file)}</users_config>
<profiles><default></default></profiles><quotas><default></default></quotas>
<roles>${roles.join('\n')}</roles>
<users><default>${user}</default></users></clickhouse>
`;
  writeFileSync(file, text, { mode: 0o600 });
  return [`--config-file=${file}`];
};

/** The statement that gives a connection the rights of a role and no other. */
export const takeRole = (role: EngineRole): string => `SET ROLE ${role}`;
