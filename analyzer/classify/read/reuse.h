/* SPDX-License-Identifier: MIT
 *
 * A tuple used again: the new connection and what was before it. Pure functions of one dossier; pointers are
 * borrowed from it.
 */
#ifndef TCA_CLASSIFY_REUSE_H
#define TCA_CLASSIFY_REUSE_H

#include "classify/read/dossier.h"

struct tca_reuse {
    const struct tca_dossier *d;
    const struct tca_prior *prior;
    const struct tca_mark *syn, *synack; /* the first ones */
    int64_t age_ns;                      /* since the old connection's last segment */
};

/* false: there was no connection before, or no SYN of the new one. */
bool tca_reuse_of(const struct tca_dossier *d, struct tca_reuse *ret);
/* The server was in TIME_WAIT. */
bool tca_reuse_held_by_server(const struct tca_reuse *r);
/* The initial number that takes the place of a TIME_WAIT whose next number was this. */
uint32_t tca_reuse_isn(uint32_t old_next);
/* The SYN+ACK carries the mark of a recycled TIME_WAIT. */
bool tca_reuse_recycled(const struct tca_reuse *r);
/* The n-th segment of the older connection that is kept as an answer to this one's SYN. */
const struct tca_mark *tca_reuse_witness(const struct tca_dossier *d, int side, bool rst, unsigned n);
/* The n-th ACK of the server's TIME_WAIT in answer to a SYN. */
const struct tca_mark *tca_reuse_challenge(const struct tca_reuse *r, unsigned n);
/* The server should have held TIME_WAIT when the SYN came, and its SYN+ACK shows that it did not. */
bool tca_reuse_absent(const struct tca_reuse *r);

#endif
