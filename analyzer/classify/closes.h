/* SPDX-License-Identifier: MIT
 *
 * Inside the judging of closes: what every judge does with the facts of closing.h. The judges stand in
 *
 *      close.c            the orderly close, and what never began or was cut off
 *      close_crossing.c   both FINs at once
 *      close_lost.c       lost FINs and lost acknowledgments
 *      close_left.c       one end closes or falls silent, and the other does not
 *      close_reset.c      resets
 */
#ifndef TCA_CLASSIFY_CLOSES_H
#define TCA_CLASSIFY_CLOSES_H

#include "classify/closing.h"
#include "classify/level.h"
#include "mirror/deviations.h"

/* What was seen is a fact; what it means rests on having seen everything: one level less for gaps, one without the
 * opening. */
enum tca_confidence tca_close_seen(const struct tca_closing *k, struct tca_levels levels);
/* In the order of their frames; NULL among them is passed over. At most so many. */
enum { TCA_CLOSE_MARKS = 5 };
void tca_close_prove_all(struct tca_judgement *j, const struct tca_mark *const *marks, unsigned count);
/* FINs and acknowledgments, in the order of their frames; the actor is A. */
void tca_close_prove(const struct tca_closing *k, struct tca_judgement *j);
/* From A's first FIN to P's. There are both. */
int64_t tca_close_between_fins_ns(const struct tca_closing *k);

/* By then the next of a timer's tries would have passed, which doubles its interval and may be late. */
static inline int64_t tca_close_due_ns(int64_t last_ns, int64_t gap_ns)
{
    return last_ns + 2 * gap_ns + gap_ns / 4 + 100 * TCA_MS;
}

static inline int64_t tca_close_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
