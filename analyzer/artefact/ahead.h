/* SPDX-License-Identifier: MIT
 *
 * A look ahead: what decoding made of a capture's first records is held back until there is enough of it to say whether the
 * capture holds two of each segment (copy.h). A mirror port doubles from its first frame on, and what a lone first segment
 * without an identification is, only those behind it tell. Then all goes its way, in the same order as without.
 *
 *      tca_ahead_begin -> tca_ahead_add until it is full, or the capture ends -> tca_ahead_learn -> use one[] -> tca_ahead_done
 */
#ifndef TCA_ARTEFACT_AHEAD_H
#define TCA_ARTEFACT_AHEAD_H

#include "artefact/copy.h"

/* What becomes of what decoding made of a record. */
enum tca_way {
    TCA_WAY_SEGMENT, /* of a connection */
    TCA_WAY_QUOTE,   /* in an ICMP error */
    TCA_WAY_NUMBER,  /* no segment, yet numbered by other programs */
    TCA_WAY_TIME,    /* only its time passes */
};
struct tca_held {
    struct tca_segment seg; /* of TIME: time_ns only */
    enum tca_way way;
    bool left_out;
};

enum { TCA_AHEAD_MAX = 256 };
struct tca_ahead {
    struct tca_held *one; /* owned; NULL: nothing is held back (any more) */
    unsigned count;
};

/* 0 or TCA_EMEMORY. */
int tca_ahead_begin(struct tca_ahead *ahead);
/* Hold back one more; false: it was the last for which there is room. */
bool tca_ahead_add(struct tca_ahead *ahead, const struct tca_held *one);
/* What its segments tell of the capture, in the order of the file. 0 or TCA_EMEMORY. */
int tca_ahead_learn(const struct tca_ahead *ahead, struct tca_doubled *ret_doubled);
void tca_ahead_done(struct tca_ahead *ahead);

#endif
