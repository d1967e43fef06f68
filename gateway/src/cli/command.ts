import { stripVTControlCharacters } from 'node:util';
import {
  defineCommand,
  parseArgs,
  renderUsage,
  runCommand,
  type ArgsDef,
  type CommandDef,
} from 'citty';

const program = { name: 'tollgate', description: 'The command line of the Tollgate AI gateway' };

/** What a command does, its argument types erased, so that a list of commands needs no `any`. */
export interface LoadedCommand {
  /** @param group undefined: it is called by its own name alone */
  usage(command: Command, group: Group | undefined): Promise<string>;
  /** What is wrong with the arguments; null: nothing. */
  complaint(args: readonly string[]): string | null;
  run(args: readonly string[]): Promise<void>;
}

/** A command as lists have it: what it is for is known before its file is read. */
export interface Command {
  readonly name: string;
  readonly description: string;
  /** Imports its file. Others stay unread: to load all of them takes longer than most commands do. */
  load(): Promise<LoadedCommand>;
}

/** Commands about one thing, called by its name and theirs: `tollgate prices show`. */
export interface Group {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly Command[];
}

/** How the program is called, or one group of its commands. */
const calledAs = (group: Group | undefined): string =>
  group === undefined ? program.name : `${program.name} ${group.name}`;

const plainUnlessTerminal = (text: string) =>
  process.stdout.isTTY ? text : stripVTControlCharacters(text);

/** So that citty does not throw for what is missing, but we say it. */
const withoutDuty = (known: ArgsDef): ArgsDef =>
  Object.fromEntries(
    Object.entries(known).map(([name, definition]) => [name, { ...definition, required: false }]),
  );

/** citty lets unknown options and extra arguments pass; a misspelled one would do nothing, quietly. */
const complaintAbout = (
  args: readonly string[],
  known: ArgsDef,
  takesMore: boolean,
): string | null => {
  for (const arg of args) {
    const name = /^--?([^=]+)/.exec(arg)?.[1];
    if (name !== undefined && !Object.hasOwn(known, name)) return `there is no option '${arg}'`;
  }
  const positional = Object.values(known).filter(({ type }) => type === 'positional').length;
  const given = parseArgs([...args], withoutDuty(known));
  const extra = takesMore ? undefined : given._[positional];
  if (extra !== undefined) return `one argument too many: '${extra}'`;
  for (const [name, { type, required }] of Object.entries(known)) {
    const value: unknown = given[name];
    if (type === 'boolean' || (value !== undefined && value !== '')) continue;
    const shown = type === 'positional' ? name.toUpperCase() : `--${name}`;
    if (value === '') return `${shown} says nothing`;
    if (required === true) return `${shown} is missing`;
  }
  return null;
};

/**
 * Makes a command; its name and what it is for stand in the list that names it. `run` sets `process.exitCode` to 1 when what was
 * asked for failed.
 */
export const command = <const T extends ArgsDef>(
  definition: {
    readonly args: T;
    /** What further positional arguments are, which stand in `args._`. Left out: there may be none. */
    readonly more?: string;
  } & Pick<CommandDef<T>, 'run'>,
): LoadedCommand => {
  const { args: known, more, run } = definition;
  const citty = defineCommand<T>({ args: known, ...(run === undefined ? {} : { run }) });
  return {
    usage: async ({ name, description }, group) =>
      plainUnlessTerminal(
        await renderUsage<T>(
          { ...citty, meta: { name, description } },
          { meta: { name: calledAs(group) } },
        ),
      ),
    complaint: (args) => complaintAbout(args, known, more !== undefined),
    run: async (args) => {
      await runCommand(citty, { rawArgs: [...args] });
    },
  };
};

/** How the program is called, or one group of its commands, and with which commands. */
export const commandsUsage = async (
  commands: readonly (Command | Group)[],
  group?: Group,
): Promise<string> => {
  const subCommands = Object.fromEntries(
    commands.map(({ name, description }) => [name, defineCommand({ meta: { name, description } })]),
  );
  const { description } = group ?? program;
  return plainUnlessTerminal(
    await renderUsage(defineCommand({ meta: { name: calledAs(group), description }, subCommands })),
  );
};
