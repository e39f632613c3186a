/** Many things in one transaction, without one of them being able to fail the others. */
import { isOutage } from './errors.ts';

/**
 * One answer for each item, in order. When all of them together fail, each is tried alone, so that one that can't be done
 * fails alone: `failed` says what its answer is. An outage is everybody's, and is thrown; so is what a single item throws.
 */
export async function together<Item, Answer>(items: readonly Item[], all: (items: readonly Item[]) => Promise<readonly Answer[]>, failed: (item: Item, error: unknown) => Answer): Promise<readonly Answer[]> {
  if (items.length === 0) return [];
  try {
    return await all(items);
  } catch (error) {
    if (items.length === 1 || isOutage(error)) throw error;
  }
  const answers: Answer[] = [];
  for (const item of items) {
    try {
      answers.push(...(await all([item])));
    } catch (error) {
      if (isOutage(error)) throw error;
      answers.push(failed(item, error));
    }
  }
  return answers;
}
