import type { TrainType } from '../model.ts';

/** Numbers printed on the train: `D3136/D3137` changes its number on the way (odd and even directions). */
export function trainNumbers(train_no: string): string[] {
  return train_no.split('/').map((part) => part.trim()).filter((part) => part !== '');
}

/**
 * Train type from the letter before the number. Source: 《铁路旅客列车车次编定》 as published with each timetable:
 * G 高速动车组, D 动车组, C 城际动车组, Z 直达特快, T 特快, K 快速. Anything else (bare numbers, Y, L, S) is `other`.
 */
export function trainTypeOf(train_no: string): TrainType {
  const match = /^([GDCZTK])\d/.exec(trainNumbers(train_no)[0]?.toUpperCase() ?? '');
  return match === null ? 'other' : (match[1] as TrainType);
}

/** Multiple units (动车组) have their own coaches and fares. */
export function isMultipleUnit(train_type: TrainType): boolean {
  return train_type === 'G' || train_type === 'D' || train_type === 'C';
}
