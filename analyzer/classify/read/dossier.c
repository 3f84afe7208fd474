/* SPDX-License-Identifier: MIT
 *
 * Looking things up in a dossier. Marks are few (at most TCA_MARKS_MAX) and sorted by frame, so a walk is
 * enough.
 */
#include "classify/read/dossier.h"

#include "base/seq32.h"
#include "mirror/deviations.h"

#include <stddef.h>

static bool matches(const struct tca_mark *mark, uint32_t roles, int side)
{
    return (mark->roles & roles) && !mark->witness && (side < 0 || mark->side == side);
}

const struct tca_mark *tca_dossier_mark(const struct tca_dossier *d, uint32_t roles, int side, unsigned n)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (matches(&d->mark[at], roles, side) && n-- == 0)
            return &d->mark[at];
    return NULL;
}

const struct tca_mark *tca_dossier_last(const struct tca_dossier *d, uint32_t roles, int side)
{
    for (unsigned at = d->mark_count; at-- > 0;)
        if (matches(&d->mark[at], roles, side))
            return &d->mark[at];
    return NULL;
}

unsigned tca_dossier_count(const struct tca_dossier *d, uint32_t roles, int side)
{
    unsigned count = 0;
    for (unsigned at = 0; at < d->mark_count; at++)
        count += matches(&d->mark[at], roles, side);
    return count;
}

/* The client's first kept segment that acknowledges all of this one. */
static const struct tca_mark *answer_to(const struct tca_dossier *d, const struct tca_mark *sent)
{
    uint32_t end = sent->seq + sent->len + ((sent->flags & TCA_FIN) ? 1 : 0);
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool answers = mark->side == TCA_CLIENT && mark->frame > sent->frame && !mark->witness &&
                       !(mark->roles & TCA_MARK_ICMP) && (mark->flags & TCA_ACK);
        if (answers && seq_after_eq(mark->ack, end))
            return mark;
    }
    return NULL;
}

struct tca_client_path tca_dossier_client_path(const struct tca_dossier *d)
{
    struct tca_client_path path = {-1, -1};
    const struct tca_mark *sent, *answer;
    for (unsigned n = 0; (sent = tca_dossier_mark(d, TCA_MARK_FIRST_DATA | TCA_MARK_FIN, TCA_SERVER, n));
         n++) {
        if (!(answer = answer_to(d, sent)))
            continue;
        int64_t took = tca_interval(sent->time_ns, answer->time_ns);
        if (path.most_ns < 0 || took < path.most_ns)
            path.most_ns = took;
        if ((sent->flags & TCA_FIN) && d->m.side[TCA_SERVER].fin_count == 1)
            path.fin_ns = took;
    }
    return path;
}

bool tca_dossier_stray(const struct tca_dossier *d)
{
    const struct tca_mark *rst = NULL;
    for (int role = 0; role < 2; role++)
        if (d->m.side[role].pkts != d->m.side[role].rst_count)
            return false;
    for (unsigned n = 0; (rst = tca_dossier_mark(d, TCA_MARK_RST, -1, n)); n++)
        if ((rst->flags & TCA_ACK) && rst->seq)
            return false; /* an open socket's own */
    return true;
}
