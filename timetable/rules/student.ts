/** The dates of travel, `MM-DD`, both included, between which students travel at their own fare. */
export const STUDENT_SEASONS: readonly { from: string; to: string }[] = [
  { from: '06-01', to: '09-30' },
  { from: '12-01', to: '12-31' },
  { from: '01-01', to: '03-31' },
];

/**
 * Whether the student fare (学生票) holds for a train that is boarded on `date`, `YYYY-MM-DD`. Outside these dates a
 * student pays what an adult pays.
 *
 * Source: 《铁路客运运价规则》 (student fares are for the way home and back in the holidays) and 12306 常见问题 学生票:
 * 乘车时间为暑假 6 月 1 日至 9 月 30 日、寒假 12 月 1 日至次年 3 月 31 日. Four single journeys in a school year, between
 * home and school, is checked against the student card when it is verified, not here.
 */
export function isStudentSeason(date: string): boolean {
  const day = date.slice(5);
  return STUDENT_SEASONS.some(({ from, to }) => from <= day && day <= to);
}
