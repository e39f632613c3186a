import type { TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Where and when the student fare holds; says so plainly when nothing on the page is cheaper for a student. */
export function StudentNote({ offers }: { offers: TrainOffer[] }) {
  const text = useText();
  if (offers.length === 0) return null;
  const is_cheaper = offers.some(({ classes }) => classes.some(({ fareReduced }) => fareReduced));
  return (
    <p className="notice" data-testid="student-note" data-cheaper={is_cheaper}>
      {is_cheaper ? text.results.student_note : text.results.student_full_fare}
    </p>
  );
}
