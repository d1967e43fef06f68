/** The command line: `npm run tollgate -- <command>`. Exit codes: 0 done, 1 it failed, 2 it was called wrongly. */
import { bills } from './cli/bills.ts';
import { check } from './cli/check.ts';
import { commandsUsage, type Command, type Group } from './cli/command.ts';
import { ledger } from './cli/ledger.ts';
import { prices } from './cli/prices.ts';

/** Every command; one more is a file in `cli/` and a name here, or in its group. */
const commands: readonly (Command | Group)[] = [check, prices, ledger, bills];

/** What the arguments ask for: a command and its own arguments, or why there is none, and whose usage then helps. */
const chosen = (
  [name = '', ...args]: readonly string[],
  of: readonly (Command | Group)[],
  group?: Group,
):
  | { readonly kind: 'command'; readonly command: Command; readonly args: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string; usage(): Promise<string> } => {
  const found = of.find((one) => one.name === name);
  if (found !== undefined && 'commands' in found) return chosen(args, found.commands, found);
  if (found !== undefined) return { kind: 'command', command: found, args };
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
  const choice = chosen(words, commands);
  const usage = await (choice.kind === 'command' ? choice.command.usage() : choice.usage());
  if (words.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const complaint =
    choice.kind === 'command' ? choice.command.complaint(choice.args) : choice.reason;
  if (choice.kind === 'none' || complaint !== null) {
    process.stderr.write(`${usage}\n\ntollgate: ${complaint}\n`);
    process.exitCode = 2;
    return;
  }
  await choice.command.run(choice.args);
};

if (import.meta.main) await main(process.argv.slice(2));
