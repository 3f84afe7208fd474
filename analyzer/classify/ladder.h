/* SPDX-License-Identifier: MIT
 *
 * What a ladder of SYN+ACKs is beside the listener's other flows. Its rungs are read in rungs.h.
 */
#ifndef TCA_CLASSIFY_LADDER_H
#define TCA_CLASSIFY_LADDER_H

#include "classify/finding.h"
#include "classify/read/rungs.h"

enum tca_ladder_cause {
    TCA_CAUSE_NONE,     /* no cause of its own, or not told by this capture */
    TCA_CAUSE_OVERFLOW, /* the accept queue was full */
    TCA_CAUSE_ACK_LOSS, /* the ACK did not arrive */
    TCA_CAUSE_EITHER,   /* one of these two: the capture cannot tell */
    TCA_CAUSE_DEFERRED, /* TCP_DEFER_ACCEPT */
    TCA_CAUSE_DEFERRED_OVERFLOW,
};
enum tca_ladder_cause tca_ladder_cause(const struct tca_case *c, const struct tca_ladder *l);

/* A ladder with its shape and its cause. */
struct tca_ladder_reading {
    struct tca_ladder ladder;
    enum tca_ladder_shape shape;
    enum tca_ladder_cause cause;
};
struct tca_ladder_reading tca_ladder_of(const struct tca_case *c);

#endif
