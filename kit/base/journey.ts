/** One ride: a stretch of a train run. Times are milliseconds since 1970, the distance is metres. */
export type Journey = {
  run_id: string;
  train_no: string;
  service_date: string;
  from_station_id: string;
  to_station_id: string;
  from_index: number;
  to_index: number;
  departure_ms: number;
  arrival_ms: number;
  from_station_name: string;
  to_station_name: string;
  distance_m: number;
};
