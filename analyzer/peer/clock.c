/* SPDX-License-Identifier: MIT
 *
 * A rate is told where it lasts: over a second and fifty ticks at least, and the same in both halves of that time, so
 * that neither a segment that waited nor the stamp of another connection makes one up. Systems use few rates; another one
 * needs ten seconds, in which a delay of a tenth of a second is an error of one per cent.
 */
#include "peer/clock.h"

#include "base/seq32.h"

#define SECOND INT64_C(1000000000)

static const int64_t SPAN_MIN_NS = SECOND, ODD_SPAN_MIN_NS = 10 * SECOND;
enum { TICKS_MIN = 50, HZ_MAX = 2000000, HALVES_APART = 10, NEAR = 20 }; /* one part in so many */

/* BSD 2; Windows 10 and 100; Linux by its HZ 100 to 1000, since 4.13 always 1000, in microseconds if asked for. */
const uint32_t tca_clock_rates[TCA_CLOCK_RATES] = {2, 10, 100, 250, 300, 500, 1000, 1000000};

void tca_clock_step(struct tca_clock *c, const struct tca_segment *seg)
{
    if (!seg->opt.has_ts || (seg->flags & TCA_RST))
        return;
    if (!c->known) {
        *c = (struct tca_clock){.first_ns = seg->time_ns,
                                .middle_ns = seg->time_ns,
                                .last_ns = seg->time_ns,
                                .first = seg->opt.tsval,
                                .last = seg->opt.tsval,
                                .known = true};
        return;
    }
    if (seg->time_ns < c->last_ns || seq_before(seg->opt.tsval, c->last))
        return;
    if (seg->time_ns - c->first_ns >= 2 * (c->middle_ns - c->first_ns)) {
        c->middle_ns = c->last_ns;
        c->middle_ticks = c->ticks;
    }
    c->ticks += seg->opt.tsval - c->last;
    c->last = seg->opt.tsval;
    c->last_ns = seg->time_ns;
}

/* A stamp from then on moves the middle. */
static int64_t turn_ns(const struct tca_clock *c)
{
    int64_t span_ns = c->middle_ns - c->first_ns;
    return span_ns < (INT64_MAX - c->first_ns) / 2 ? c->first_ns + 2 * span_ns : INT64_MAX;
}

void tca_clock_lend(const struct tca_clock *c, struct tca_line_end *end)
{
    end->turn_ns = c->known ? turn_ns(c) : INT64_MIN;
    end->last_ns = c->last_ns;
    end->tsval = c->last;
    end->ticks = 0;
}

void tca_clock_settle(struct tca_clock *c, const struct tca_line_end *end)
{
    if (!c->known)
        return;
    c->ticks += end->ticks;
    c->last = end->tsval;
    c->last_ns = end->last_ns;
}

static uint64_t rate(uint64_t ticks, int64_t ns)
{
    const uint64_t ticks_max = UINT64_MAX / (2 * (uint64_t)SECOND); /* more in one stream is no clock */
    if (ns <= 0 || ticks > ticks_max)
        return 0;
    return (ticks * (uint64_t)SECOND + (uint64_t)ns / 2) / (uint64_t)ns;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static bool steady(const struct tca_clock *c, uint64_t hz)
{
    int64_t before_ns = c->middle_ns - c->first_ns, after_ns = c->last_ns - c->middle_ns;
    const int64_t short_ns = SECOND / 5; /* too short to compare */
    uint64_t before = rate(c->middle_ticks, before_ns), after = rate(c->ticks - c->middle_ticks, after_ns);
    return (before_ns < short_ns || apart(before, hz) <= hz / HALVES_APART + 1) &&
           (after_ns < short_ns || apart(after, hz) <= hz / HALVES_APART + 1);
}

uint32_t tca_clock_hz(const struct tca_clock *c)
{
    int64_t span_ns = c->last_ns - c->first_ns;
    if (!c->known || span_ns < SPAN_MIN_NS || c->ticks < TICKS_MIN)
        return 0;
    uint64_t hz = rate(c->ticks, span_ns);
    if (!hz || hz > HZ_MAX || !steady(c, hz))
        return 0;
    for (int at = 0; at < TCA_CLOCK_RATES; at++)
        if (apart(hz, tca_clock_rates[at]) <= tca_clock_rates[at] / NEAR)
            return tca_clock_rates[at];
    return span_ns >= ODD_SPAN_MIN_NS ? (uint32_t)hz : 0;
}
