/* SPDX-License-Identifier: MIT
 *
 * A look ahead: nothing of a capture is used before its first segments have said whether the capture holds two of each
 * (copy.h). A mirror port doubles from its first frame on, and what a lone first segment without an identification is, only
 * those behind it tell.
 */
#ifndef TCA_ARTEFACT_AHEAD_H
#define TCA_ARTEFACT_AHEAD_H

#include "artefact/copy.h"
#include "artefact/order.h"

enum { TCA_AHEAD_MAX = 256 };

/* What the first segments of a capture, `count` entries in the order of the file of which at most TCA_AHEAD_MAX are looked at,
 * tell of it. 0 or TCA_EMEMORY. */
int tca_ahead_learn(const struct tca_waiting *first, unsigned count, struct tca_doubled *ret_doubled);

#endif
