/* SPDX-License-Identifier: MIT
 *
 * The clock behind the time stamps (RFC 7323) that one end of a stream sends: its rate.
 */
#ifndef TCA_PEER_CLOCK_H
#define TCA_PEER_CLOCK_H

#include "peer/line.h"

/* The rates that systems use, in ticks per second, ascending. */
enum { TCA_CLOCK_RATES = 8 };
extern const uint32_t tca_clock_rates[TCA_CLOCK_RATES];

/* The first stamp, one halfway, the newest: of those that go on in time and in value. */
struct tca_clock {
    int64_t first_ns, middle_ns, last_ns;
    uint64_t middle_ticks, ticks; /* since the first stamp */
    uint32_t first, last;         /* as sent */
    bool known;
};

/* A segment of this end, undamaged. */
void tca_clock_step(struct tca_clock *clock, const struct tca_segment *seg);

/* Lend its newest stamp to the line; and the clock once the line took more. */
void tca_clock_lend(const struct tca_clock *clock, struct tca_line_end *end);
void tca_clock_settle(struct tca_clock *clock, const struct tca_line_end *end);

/* Ticks per second; 0: cannot be told. A rate near one that systems use is taken for that one. */
uint32_t tca_clock_hz(const struct tca_clock *clock);

#endif
