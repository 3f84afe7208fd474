/* SPDX-License-Identifier: MIT
 *
 * A file whose clock goes back by less than BACK_NS is in disorder, or was written by several clocks: it is waited for. One that
 * goes back by more begins anew (captures that were joined, records shuffled).
 */
#include "flow/passage.h"

static const int64_t BACK_NS = INT64_C(250000000000);

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
