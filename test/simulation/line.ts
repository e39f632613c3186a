/** The railway line of every simulation: small, so that its seats run out. */
export const STATIONS = ['bj', 'tj', 'jn', 'sh'] as const;
export const SEAT_CLASS = 'SECOND';
