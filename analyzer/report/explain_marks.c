/* SPDX-License-Identifier: MIT
 *
 * A ladder without a trace: of the segments that a dossier has kept as evidence, which are those that states, repeats and
 * findings rest on. What lies between them, data mostly, is not there: nothing is folded, and whoever shows it says how many
 * segments there were. So pages can show ladders of any run, of parts and of what came through a pipe as well.
 */
#include "report/explain_own.h"

enum { COPIES_COUNTED = 255 }; /* a mark's `copy` counts no further */

/* An older connection's, or late: not a step of this one. */
static bool belongs(const struct tca_mark *mark)
{
    return !mark->witness;
}

uint64_t tca_explain_kept(const struct tca_dossier *d)
{
    uint64_t kept = 0;
    for (unsigned at = 0; at < d->mark_count; at++)
        kept += belongs(&d->mark[at]) && !(d->mark[at].roles & TCA_MARK_ICMP);
    return kept;
}

static struct tca_trace trace_of(const struct tca_dossier *d, const struct tca_mark *mark)
{
    return (struct tca_trace){.time_ns = mark->time_ns,
                              .frame = mark->frame,
                              .flow_frame = d->id_frame,
                              .capture = d->capture,
                              .seq = mark->seq,
                              .ack = mark->ack,
                              .len = mark->len,
                              .tsval = mark->tsval,
                              .tsecr = mark->tsecr,
                              .flags = mark->flags,
                              .window = mark->window,
                              .from = mark->side,
                              .icmp = (mark->roles & TCA_MARK_ICMP) != 0,
                              .icmp_type = mark->icmp_type,
                              .icmp_code = mark->icmp_code,
                              .has_ts = mark->has_ts};
}

/* Its sender as it was when this segment passed, for all that is not shown. */
static void catch_up(struct sender *s, const struct tca_mark *mark)
{
    uint64_t before = mark->copy && mark->copy < COPIES_COUNTED ? mark->copy - 1u : 0;
    uint64_t *count = mark->roles & TCA_MARK_SYN      ? &s->syn
                      : mark->roles & TCA_MARK_SYNACK ? &s->synack
                      : mark->roles & TCA_MARK_FIN    ? &s->fin
                                                      : NULL;
    if (count && before > *count)
        *count = before;
    if (mark->roles & TCA_MARK_DATA_RETX) { /* so it is known that all of it was sent before */
        s->sent_end = mark->sent_end;
        s->sent_known = true;
    }
}

int tca_explain_marks(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    int error = 0;
    ex->sparse = true;
    for (unsigned at = 0; at < d->mark_count && !error; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if (!belongs(mark))
            continue;
        const struct tca_trace t = trace_of(d, mark);
        catch_up(&ex->sender[mark->side == TCA_SERVER], mark);
        error = tca_explain_segment(ex, &t);
    }
    return error;
}
