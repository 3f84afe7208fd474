/* SPDX-License-Identifier: MIT
 *
 * What others ask about reuse of a tuple.
 */
#ifndef TCA_CLASSIFY_TIMEWAIT_H
#define TCA_CLASSIFY_TIMEWAIT_H

#include "classify/finding.h"

/* What became of the reuse of the tuple: the time_wait_* id that tells most, without its prefix
 * ("reuse_accepted", "assassinated", "port_reuse_fast"). "" if the flow is no reuse, or an unremarkable one.
 * Static text. */
const char *tca_reuse_outcome(const struct tca_verdict *v);

#endif
