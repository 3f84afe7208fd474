/* SPDX-License-Identifier: MIT
 *
 * A file whose clock goes back by less than BACK_NS is in disorder, or was written by several clocks: it is waited for. One that
 * goes back by more begins anew (captures that were joined, records shuffled).
 */
#include "flow/passage.h"

#include "base/time_limit.h"

static const int64_t BACK_NS = INT64_C(250000000000);
/* Sums with what a connection waits for stay within 63 bits: what is that far ahead is never over. */
static const int64_t LEAD_MAX_NS = TCA_TIME_LAST_NS / 2;

void tca_passage_tell(struct tca_passage *p, int64_t time_ns)
{
    int64_t steady_ns = time_ns < p->before_ns ? time_ns : p->before_ns;
    p->before_ns = time_ns;
    if (!p->told) {
        p->told = true;
        return;
    }
    if (!p->begun) {
        p->begun = true;
        p->high_ns = p->now_ns = steady_ns;
    }
    int64_t more_ns = steady_ns - p->high_ns, left_ns = TCA_TIME_LAST_NS - p->now_ns;
    if (more_ns < 0 && more_ns >= -BACK_NS)
        return;
    p->high_ns = steady_ns;
    if (more_ns > 0)
        p->now_ns += more_ns < left_ns ? more_ns : left_ns;
}

int64_t tca_passage_of(const struct tca_passage *p, int64_t time_ns)
{
    if (!p->begun)
        return time_ns;
    int64_t lead_ns = time_ns - p->high_ns;
    lead_ns = lead_ns < 0 ? 0 : lead_ns > LEAD_MAX_NS ? LEAD_MAX_NS : lead_ns;
    return p->now_ns + lead_ns;
}
