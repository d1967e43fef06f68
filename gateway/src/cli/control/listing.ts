import { command } from '../command.ts';
import { fail, reasonOf, say } from '../say.ts';
import { askAll, tableOf, whereArgs } from './ask.ts';

/** A command that lists all there is at a path of the control plane. @param what the words for it, where it cannot */
export const listing = (path: string, fields: readonly string[], what: string) =>
  command({
    args: whereArgs,
    run: async ({ args: { url, json } }) => {
      try {
        const all = await askAll(url, path);
        say(json === true ? JSON.stringify(all) : tableOf(all, fields));
      } catch (error) {
        fail(`cannot ${what}: ${reasonOf(error)}`, json === true);
      }
    },
  });
