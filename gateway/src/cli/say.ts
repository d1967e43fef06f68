/** What commands write, and how they end. */
import { problemText, type ConfigProblem } from '@tollgate/settings/document.ts';

/** A line, or several, on standard output. */
export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Lines written one by one, where nothing else is said; more are counted. */
const mostListed = 50;

/**
 * A line for each, of many only for the first ones.
 * @param options `and` is what the line begins with that says how many more there are
 */
export const listed = <T>(
  all: readonly T[],
  lineOf: (one: T) => string,
  { and = 'and', most = mostListed }: { readonly and?: string; readonly most?: number } = {},
): readonly string[] => [
  ...all.slice(0, most).map((one) => lineOf(one)),
  ...(all.length > most ? [`${and} ${all.length - most} more`] : []),
];

/** What an error says, for the words of a failure. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** The command did not do what was asked for: says why, and ends with exit code 1. */
export const fail = (message: string, asJson: boolean): void => {
  process.exitCode = 1;
  if (asJson) say(JSON.stringify({ ok: false, problem: message }));
  else process.stderr.write(`tollgate: ${message}\n`);
};

/** The same for a configuration that is not good. */
export const failWith = (problems: readonly ConfigProblem[], asJson: boolean): void => {
  process.exitCode = 1;
  if (asJson) say(JSON.stringify({ ok: false, problems }));
  else for (const problem of problems) say(problemText(problem));
};

/** The command was called with something that it does not understand: exit code 2. */
export const misuse = (message: string): void => {
  process.exitCode = 2;
  process.stderr.write(`tollgate: ${message}\n`);
};
