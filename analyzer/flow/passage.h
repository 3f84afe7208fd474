/* SPDX-License-Identifier: MIT
 *
 * The passage of a file: one clock for all connections of a capture, which goes forward only. By it a connection that was not
 * heard of for too long is over, and whoever asks later, and in whatever order, is told the same: so it does not matter when
 * its memory is taken back, nor with which others it shares a table.
 *
 *      times of records that are ripe, chunk by chunk      0 .. 100 .. 90 .. 400 .. 20 .. 60
 *      passage: stands while they catch up,                0 .. 100 ....... 400 .. 400 .. 440
 *      and goes on from where it stands when the file's clock was set back for good
 *
 * In a capture in order it is the time of the newest record but one.
 */
#ifndef TCA_FLOW_PASSAGE_H
#define TCA_FLOW_PASSAGE_H

#include "base/time_limit.h"

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing has passed. */
struct tca_passage {
    int64_t before_ns; /* the time that was told before the newest */
    int64_t high_ns;   /* how far the file's clock got since it was set back */
    int64_t now_ns;    /* passage; the same as high_ns where the clock was never set back */
    bool told, begun;
};

/* This time has come, or goes by: two in a row must agree, so that a lone one from a far future ends nobody's connections. */
void tca_passage_tell(struct tca_passage *p, int64_t time_ns);
/* Sums with what a connection waits for stay within 63 bits: what is that far ahead is never over. */
#define TCA_LEAD_MAX_NS (TCA_TIME_LAST_NS / 2)
/* Of what was heard now, in a record of this time: where it stands in the passage. Never before now; the same as time_ns in a
 * capture in order. Here, since it is done for every segment. */
static inline int64_t tca_passage_of(const struct tca_passage *p, int64_t time_ns)
{
    if (!p->begun)
        return time_ns;
    int64_t lead_ns = time_ns - p->high_ns;
    lead_ns = lead_ns < 0 ? 0 : lead_ns > TCA_LEAD_MAX_NS ? TCA_LEAD_MAX_NS : lead_ns;
    return p->now_ns + lead_ns;
}
/* So much has passed since then. */
static inline bool tca_passage_since(const struct tca_passage *p, int64_t heard_ns, int64_t wait_ns)
{
    return p->begun && p->now_ns > heard_ns + wait_ns;
}

#endif
