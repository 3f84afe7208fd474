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

/* The server should have held TIME_WAIT for this tuple when the flow's SYN came, and its SYN+ACK shows that
 * it did not. For the sweep's count of such connections. */
bool tca_time_wait_absent(const struct tca_dossier *d);

#endif
