/** The command line: `npm run tollgate -- <command>`. Exit codes: 0 done, 1 it failed, 2 it was called wrongly. */
import { bills } from './cli/bills.ts';
import { commandsUsage, type Command, type Group, type LoadedCommand } from './cli/command.ts';
import { ledger } from './cli/ledger.ts';
import { prices } from './cli/prices.ts';

/** Every command; one more is a file in `cli/` and an entry here, or in its group. */
const commands: readonly (Command | Group)[] = [
  {
    name: 'check',
    description: 'Check a configuration file and print everything that is wrong with it',
    load: async () => (await import('./cli/check.ts')).check,
  },
  prices,
  ledger,
  bills,
];

type Choice =
  | {
      readonly kind: 'command';
      readonly command: LoadedCommand;
      readonly args: readonly string[];
      usage(): Promise<string>;
    }
  | { readonly kind: 'none'; readonly reason: string; usage(): Promise<string> };

/** What the arguments ask for: a command and its own arguments, or why there is none; and whose usage helps. */
const chosen = async (
  [name = '', ...args]: readonly string[],
  of: readonly (Command | Group)[],
  group?: Group,
): Promise<Choice> => {
  const found = of.find((one) => one.name === name);
  if (found !== undefined && 'commands' in found) return chosen(args, found.commands, found);
  if (found !== undefined) {
    const command = await found.load();
    return { kind: 'command', command, args, usage: () => command.usage(found, group) };
  }
  const isNone = name === '' || name.startsWith('-');
  return {
    kind: 'none',
    reason: isNone
      ? 'no command given'
      : `there is no command '${[group?.name ?? '', name].join(' ').trim()}'`,
    usage: () => commandsUsage(of, group),
  };
};

/** Does what the arguments say. Sets `process.exitCode` to 1 when it failed, to 2 when it was called wrongly. */
export const main = async (words: readonly string[]): Promise<void> => {
  const choice = await chosen(words, commands);
  if (words.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(`${await choice.usage()}\n`);
    return;
  }
  const complaint =
    choice.kind === 'command' ? choice.command.complaint(choice.args) : choice.reason;
  if (choice.kind === 'none' || complaint !== null) {
    process.stderr.write(`${await choice.usage()}\n\ntollgate: ${complaint}\n`);
    process.exitCode = 2;
    return;
  }
  await choice.command.run(choice.args);
};

if (import.meta.main) await main(process.argv.slice(2));
