/* SPDX-License-Identifier: MIT
 *
 * Looking things up in a dossier. Marks are few (at most TCA_MARKS_MAX) and sorted by frame, so a walk is enough; most
 * questions are for what a healthy flow has none of, and the index answers them without one.
 */
#include "classify/read/dossier.h"

#include "base/seq32.h"
#include "mirror/deviations.h"

#include <stdlib.h>

_Static_assert(TCA_MARKS_MAX < UINT8_MAX, "places in the index are bytes");

/* ---- the index ---- */

static void index_mark(struct tca_mark_index *index, const struct tca_mark *mark, uint8_t at)
{
    unsigned side = mark->side;
    for (uint32_t left = mark->roles; left; left &= left - 1) {
        unsigned role = tca_lowest_bit(left);
        if (!(index->roles[side] & (UINT32_C(1) << role)))
            index->first[side][role] = at;
        index->last[side][role] = at;
    }
    index->repeat[side] |= index->roles[side] & mark->roles;
    index->roles[side] |= mark->roles;
}

void tca_dossier_index(struct tca_dossier *d)
{
    struct tca_mark_index *index = &d->index;
    index->any = index->roles[0] = index->roles[1] = index->repeat[0] = index->repeat[1] = 0;
    index->witness = false;
    for (unsigned at = 0; at < d->mark_count; at++) {
        index->any |= d->mark[at].roles;
        if (d->mark[at].witness)
            index->witness = true;
        else
            index_mark(index, &d->mark[at], (uint8_t)at);
    }
    index->known = true;
}

/* ---- marks by role ---- */

/* From the first to behind the last mark that may be meant. */
struct range {
    unsigned from, end;
};

static bool matches(const struct tca_mark *mark, uint32_t roles, int side)
{
    return (mark->roles & roles) && !mark->witness && (side < 0 || mark->side == side);
}

#ifdef TCA_CHECK_WAYS
/* None of those that are left out was meant. */
static void check_range(const struct tca_dossier *d, struct range range, uint32_t roles, int side)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (matches(&d->mark[at], roles, side) && (at < range.from || at >= range.end))
            abort();
}
#endif

static struct range range_of_side(const struct tca_mark_index *index, uint32_t roles, int side)
{
    struct range range = {UINT8_MAX, 0};
    for (uint32_t left = index->roles[side] & roles; left; left &= left - 1) {
        unsigned role = tca_lowest_bit(left);
        if (index->first[side][role] < range.from)
            range.from = index->first[side][role];
        if (index->last[side][role] >= range.end)
            range.end = index->last[side][role] + 1U;
    }
    return range;
}

static struct range read_range(const struct tca_dossier *d, uint32_t roles, int side)
{
    if (!d->index.known)
        return (struct range){0, d->mark_count};
    if (side >= 0)
        return range_of_side(&d->index, roles, side);
    struct range client = range_of_side(&d->index, roles, TCA_CLIENT),
                 server = range_of_side(&d->index, roles, TCA_SERVER);
    return (struct range){client.from < server.from ? client.from : server.from,
                          client.end > server.end ? client.end : server.end};
}

static struct range range_of(const struct tca_dossier *d, uint32_t roles, int side)
{
    struct range range = read_range(d, roles, side);
#ifdef TCA_CHECK_WAYS
    check_range(d, range, roles, side);
#endif
    return range;
}

const struct tca_mark *tca_dossier_seek(const struct tca_dossier *d, uint32_t roles, int side, unsigned n)
{
    struct range range = range_of(d, roles, side);
    for (unsigned at = range.from; at < range.end; at++)
        if (matches(&d->mark[at], roles, side) && n-- == 0)
            return &d->mark[at];
    return NULL;
}

const struct tca_mark *tca_dossier_last(const struct tca_dossier *d, uint32_t roles, int side)
{
    struct range range = range_of(d, roles, side);
    for (unsigned at = range.end; at-- > range.from;)
        if (matches(&d->mark[at], roles, side))
            return &d->mark[at];
    return NULL;
}

unsigned tca_dossier_count(const struct tca_dossier *d, uint32_t roles, int side)
{
    struct range range = range_of(d, roles, side);
    unsigned count = 0;
    for (unsigned at = range.from; at < range.end; at++)
        count += matches(&d->mark[at], roles, side);
    return count;
}

/* ---- what marks say together ---- */

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
