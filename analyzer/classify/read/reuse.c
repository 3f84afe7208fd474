/* SPDX-License-Identifier: MIT
 *
 * Reading the reuse of a tuple. The older connection is known by the snapshot that the mirror took (m.prior) and by
 * those of its segments that answered the new SYN, kept as witnesses.
 */
#include "classify/read/reuse.h"

#define SECOND INT64_C(1000000000)

static const int64_t MINUTE_NS = 60 * SECOND;
/* Linux steps from a recycled TIME_WAIT's next number: the largest unscaled window and 2. 0 is skipped. */
enum { RECYCLE_STEP = 65537 };

bool tca_reuse_of(const struct tca_dossier *d, struct tca_reuse *ret)
{
    *ret = (struct tca_reuse){
        .d = d,
        .prior = &d->m.prior,
        .syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0),
        .synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0),
        .age_ns = d->m.start_ns - d->m.prior.last_ns,
    };
    return ret->prior->exists && ret->syn;
}

bool tca_reuse_held_by_server(const struct tca_reuse *r)
{
    return r->prior->state[TCA_SERVER] == TCA_TIME_WAIT;
}

uint32_t tca_reuse_isn(uint32_t old_next)
{
    bool wraps_to_zero = old_next == UINT32_MAX - RECYCLE_STEP + 1;
    return wraps_to_zero ? 1 : old_next + RECYCLE_STEP;
}

/* The SYN+ACK carries the mark of a recycled TIME_WAIT. */
bool tca_reuse_recycled(const struct tca_reuse *r)
{
    return r->synack && r->prior->nxt_known[TCA_SERVER] &&
           r->synack->seq == tca_reuse_isn(r->prior->snd_nxt[TCA_SERVER]);
}

/* The n-th segment of the older connection that is kept as an answer to this one's SYN. */
const struct tca_mark *tca_reuse_witness(const struct tca_dossier *d, int side, bool rst, unsigned n)
{
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool is_rst = (mark->flags & TCA_RST) != 0;
        if (mark->witness && mark->side == side && is_rst == rst && n-- == 0)
            return mark;
    }
    return NULL;
}

/* An ACK of the old connection in answer to a SYN: no data, the old numbers, and no ID where there are IDs,
 * since a connection that is still open has a running one. */
static bool from_time_wait(const struct tca_reuse *r, const struct tca_mark *mark)
{
    bool bare = (mark->flags & (TCA_SYN | TCA_FIN | TCA_RST | TCA_ACK)) == TCA_ACK && !mark->len;
    bool old = !r->prior->nxt_known[TCA_SERVER] || mark->seq == r->prior->snd_nxt[TCA_SERVER];
    bool mini = !mark->has_ip_id || mark->ip_id == 0;
    return bare && old && mini && mark->frame > r->syn->frame && tca_reuse_held_by_server(r);
}

const struct tca_mark *tca_reuse_challenge(const struct tca_reuse *r, unsigned n)
{
    const struct tca_mark *mark;
    for (unsigned at = 0; (mark = tca_reuse_witness(r->d, TCA_SERVER, false, at)); at++)
        if (from_time_wait(r, mark) && n-- == 0)
            return mark;
    return NULL;
}

bool tca_reuse_absent(const struct tca_reuse *r)
{
    if (!r->synack || !tca_reuse_held_by_server(r) || !r->prior->nxt_known[TCA_SERVER] ||
        r->prior->time_wait_ns < 0)
        return false;
    bool due = r->synack->time_ns - r->prior->time_wait_ns < MINUTE_NS;
    return due && !tca_reuse_recycled(r) && !tca_reuse_challenge(r, 0) &&
           !tca_reuse_witness(r->d, TCA_CLIENT, true, 0);
}
