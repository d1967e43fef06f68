import { problemText } from '@tollgate/settings/document.ts';
import type { Variables } from '@tollgate/settings/substitute.ts';
import { readConfig } from './read-config.ts';

/** Whether the file at `path` is a configuration, in words: one line when it is, else a line for each problem. */
export const checkFile = async (
  path: string | null,
  variables: Variables,
): Promise<{ readonly isGood: boolean; readonly lines: readonly string[] }> => {
  const read = await readConfig(path, variables);
  if (read.kind === 'bad') return { isGood: false, lines: read.problems.map(problemText) };
  const { source, hash, members, voters } = read.config;
  const to =
    members === 'builtin'
      ? `the built-in sampler; policies ${voters.map(({ name }) => name).join(', ')}`
      : `members ${members.map(({ name }) => name).join(', ')}`;
  return { isGood: true, lines: [`ok: ${source}${hash === source ? '' : ` ${hash}`}`, `  ${to}`] };
};
