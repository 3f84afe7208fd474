/* SPDX-License-Identifier: MIT
 *
 * Which pieces of a series are missing. A false alarm is worse than a miss: it says of sound connections that they were not seen
 * whole.
 *
 * Where one number in the names counts the files, it tells. Numbers that are times count nothing: a link may have been idle.
 * Where none counts, a silence does that is beyond all others in the series.
 */
#ifndef TCA_PLAN_MISSING_H
#define TCA_PLAN_MISSING_H

#include "plan/piece.h"

/* Of the pieces of a series in the order of time, `timed` with records and then others without any; sets `missing`. kin: other
 * series have such names, and what is not in this one may be in them: a silence tells nothing then. 0 or TCA_EMEMORY. */
int tca_missing_find(struct tca_piece *const *piece, size_t timed, size_t count, bool kin);

#endif
