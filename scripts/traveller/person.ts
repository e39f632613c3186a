/** People who do not exist, with papers that pass the checks: for demos, tests and load. */
import { randomInt } from 'node:crypto';
import { checkDigit } from '#kit/base/id_number.ts';

const FAMILY_NAMES = '赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张';
const GIVEN_NAMES = '伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华';

export type Person = { name: string; id_number: string; phone: string };

/** A grown-up with a valid number of GB 11643-1999; the region code is Beijing's Dongcheng. */
export function inventPerson(): Person {
  const year = 1950 + randomInt(50);
  const day = `${String(1 + randomInt(12)).padStart(2, '0')}${String(1 + randomInt(28)).padStart(2, '0')}`;
  const first_17 = `110101${year}${day}${String(randomInt(1000)).padStart(3, '0')}`;
  const name = `${pick(FAMILY_NAMES)}${pick(GIVEN_NAMES)}${pick(GIVEN_NAMES)}`;
  return { name, id_number: `${first_17}${checkDigit(first_17)}`, phone: `13${String(randomInt(1_000_000_000)).padStart(9, '0')}` };
}

function pick(characters: string): string {
  return characters[randomInt(characters.length)]!;
}
