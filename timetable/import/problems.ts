import { MAX_ERRORS, MAX_WARNINGS } from './limits.ts';

export type ProblemCode =
  | 'unreadable_file' | 'corrupt_zip' | 'too_large' | 'too_many_entries' | 'duplicate_file' | 'cancelled'
  | 'missing_file' | 'empty_file' | 'missing_column' | 'duplicate_column' | 'bad_csv' | 'bad_encoding' | 'wrong_column_count'
  | 'too_many_rows' | 'missing_value' | 'bad_value' | 'bad_time' | 'bad_date' | 'bad_coordinate' | 'duplicate_id'
  | 'duplicate_sequence' | 'unknown_reference' | 'too_few_stops' | 'too_many_segments' | 'times_not_monotone'
  | 'distance_not_monotone' | 'repeated_station' | 'no_trains' | 'no_service_days' | 'unsupported_timezone'
  | 'unsupported_frequencies' | 'bad_coach' | 'fare_rule_mismatch' | 'not_rail' | 'implausible_speed' | 'interpolated_time'
  | 'implausible_dwell' | 'no_coaches';

/** One thing wrong with a feed. `line` is the line in the file, 1 the header; 0 means the file as a whole. */
export interface FeedProblem {
  file: string;
  line: number;
  column?: string;
  code: ProblemCode;
  message: string;
}

/** Collects errors and warnings, each up to a limit, in the order they were met. */
export class Problems {
  readonly errors: FeedProblem[] = [];
  readonly warnings: FeedProblem[] = [];

  error(file: string, line: number, code: ProblemCode, message: string, column?: string): void {
    if (this.errors.length < MAX_ERRORS) this.errors.push(problem(file, line, code, message, column));
  }

  warn(file: string, line: number, code: ProblemCode, message: string, column?: string): void {
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(problem(file, line, code, message, column));
  }

  get failed(): boolean {
    return this.errors.length > 0;
  }

  /** No further error would be kept, so reading on is pointless. */
  get full(): boolean {
    return this.errors.length >= MAX_ERRORS;
  }
}

const MAX_MESSAGE_LENGTH = 300;

function problem(file: string, line: number, code: ProblemCode, message: string, column?: string): FeedProblem {
  const text = message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
  return column === undefined ? { file, line, code, message: text } : { file, line, column, code, message: text };
}
