/**
 * Whether `typed` becomes a prefix of `word` by at most one mistake: a letter too many, too few, wrong, or two swapped.
 * Linear in the length of `typed`. A mistake in the first letter counts too.
 */
export function isPrefixWithOneMistake(typed: string, word: string): boolean {
  let same = 0;
  while (same < typed.length && typed[same] === word[same]) same += 1;
  if (same === typed.length) return true;
  const rest = typed.slice(same);
  const wrong = rest.slice(1);
  return (
    word.startsWith(wrong, same + 1) || // a wrong letter
    word.startsWith(wrong, same) || // a letter too many
    word.startsWith(rest, same + 1) || // a letter too few
    (rest.length > 1 && rest[0] === word[same + 1] && rest[1] === word[same] && word.startsWith(rest.slice(2), same + 2))
  );
}
