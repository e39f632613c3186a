/**
 * Works through all items, `at_once` of them at a time; results stand in the order of the items. Rejects with the first failure,
 * while the others go on.
 */
export async function inTurns<I, O>(items: Iterable<I>, at_once: number, work: (item: I) => Promise<O>): Promise<O[]> {
  const results: O[] = [];
  const left = [...items].entries();
  await Promise.all(Array.from({ length: at_once }, async () => {
    for (const [index, item] of left) results[index] = await work(item);
  }));
  return results;
}
