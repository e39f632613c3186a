/** An answer as the replicas share it. */
export type SharedAnswer = { bytes: Buffer; as_of_ms: number; etag: string };

/**
 * Answers of all replicas, for those who cannot answer by themselves: kept for a random 5 to 20 seconds (requirements 5.1).
 * It may be away at any time; then nobody finds anything, and nothing else is worse.
 */
export type SharedAnswers = {
  find(key: string): Promise<SharedAnswer | undefined>;
  share(key: string, answer: SharedAnswer): void;
};
