import { stripVTControlCharacters } from 'node:util';
import {
  defineCommand,
  parseArgs,
  renderUsage,
  runCommand,
  type ArgsDef,
  type CommandDef,
} from 'citty';

const program = {
  meta: { name: 'tollgate', description: 'The command line of the Tollgate AI gateway' },
};

/** A command of the command line, its argument types erased, so that a list of commands needs no `any`. */
export interface Command {
  readonly name: string;
  readonly description: string;
  usage(): Promise<string>;
  /** What is wrong with the arguments; null: nothing. */
  complaint(args: readonly string[]): string | null;
  run(args: readonly string[]): Promise<void>;
}

const plainUnlessTerminal = (text: string) =>
  process.stdout.isTTY ? text : stripVTControlCharacters(text);

/** citty lets unknown options and extra arguments pass; a misspelled one would do nothing, quietly. */
const complaintAbout = (args: readonly string[], known: ArgsDef): string | null => {
  for (const arg of args) {
    const name = /^--?([^=]+)/.exec(arg)?.[1];
    if (name !== undefined && !Object.hasOwn(known, name)) return `there is no option '${arg}'`;
  }
  const positional = Object.values(known).filter(({ type }) => type === 'positional').length;
  const extra = parseArgs([...args], known)._[positional];
  return extra === undefined ? null : `one argument too many: '${extra}'`;
};

/** Makes a command. `run` sets `process.exitCode` to 1 when what was asked for failed. */
export const command = <const T extends ArgsDef>(
  definition: { readonly name: string; readonly description: string; readonly args: T } & Pick<
    CommandDef<T>,
    'run'
  >,
): Command => {
  const { name, description, args: known, run } = definition;
  const citty = defineCommand<T>({
    meta: { name, description },
    args: known,
    ...(run === undefined ? {} : { run }),
  });
  return {
    name,
    description,
    usage: async () => plainUnlessTerminal(await renderUsage(citty, defineCommand(program))),
    complaint: (args) => complaintAbout(args, known),
    run: async (args) => {
      await runCommand(citty, { rawArgs: [...args] });
    },
  };
};

/** How the program is called, and its commands. */
export const programUsage = async (commands: readonly Command[]): Promise<string> => {
  const subCommands = Object.fromEntries(
    commands.map(({ name, description }) => [name, defineCommand({ meta: { name, description } })]),
  );
  return plainUnlessTerminal(await renderUsage(defineCommand({ ...program, subCommands })));
};
