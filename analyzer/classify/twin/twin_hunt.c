/* SPDX-License-Identifier: MIT
 *
 * Claims: what every loss between two capture points needs, whatever was lost.
 *
 *     near   ----x---------x----?----x------?---     x: of this sender, in both
 *     far       [ ...  ----x---------x------- ...]   ?: only in near
 *
 * Between two segments that passed both, far was capturing: that is certain. Beside them the clocks tell it, probably: the
 * difference between the two captures' clocks is that of the segments which both hold, never what they say themselves.
 */
#include "classify/twin/twin_hunt.h"

#include "base/alloc.h"

#include <tcpautopsy/error.h>

/* ---- one loss ---- */

/* Do segments like this pass far's filter? One that passes plain segments does not ask for flags; but it may leave out bare
 * ACKs, or payload, alone. */
static bool passes(const struct tca_way *way, const struct tca_mark *mark)
{
    enum tca_way_kind kind = tca_way_kind(mark);
    bool plain = kind == TCA_WAY_DATA || kind == TCA_WAY_ACK;
    return way->kind[kind] || (!plain && (way->kind[TCA_WAY_DATA] || way->kind[TCA_WAY_ACK]));
}

/* The last sender's segment that both hold came before it, or the first one after: the clocks, as far as what both hold
 * tells them apart, say whether far had begun, or went on, long enough. */
static bool within_capture(const struct tca_hunt *h, int64_t time_ns)
{
    enum { SECOND = 1000000000 };
    const int64_t DRIFT = INT64_C(3600) * SECOND;
    const struct tca_pair *pair = tca_twins_pair(h->twins, h->way->a, h->way->b);
    uint32_t far = h->far_view == 0 ? h->way->a : h->way->b;
    if (!pair || far > h->twins->watch_count || pair->ahead_ns[1] - pair->ahead_ns[0] > DRIFT)
        return false;
    const struct tca_watch *watch = &h->twins->watch[far - 1];
    int64_t slack_ns = SECOND + pair->ahead_ns[1] - pair->ahead_ns[0];
    int64_t soonest = h->near_view == 0 ? time_ns + pair->ahead_ns[0] : time_ns - pair->ahead_ns[1];
    int64_t latest = h->near_view == 0 ? time_ns + pair->ahead_ns[1] : time_ns - pair->ahead_ns[0];
    return soonest - watch->first_ns >= slack_ns && watch->last_ns - latest >= slack_ns;
}

enum tca_confidence tca_hunt_watched(const struct tca_hunt *h, const struct tca_mark *mark)
{
    bool began = mark->time_ns > h->first_ns, went_on = mark->time_ns < h->last_ns;
    if (!passes(h->way, mark))
        return TCA_NO;
    if (began && went_on)
        return TCA_CERTAIN;
    return within_capture(h, mark->time_ns) ? TCA_PROBABLE : TCA_NO;
}

static bool told(const struct tca_twins *twins, uint32_t capture, uint64_t frame)
{
    for (size_t at = 0; at < twins->found_count; at++)
        if (twins->found[at].near == capture && twins->found[at].frame == frame)
            return true;
    return false;
}

static struct tca_lost *room_for(struct tca_twins *twins)
{
    void *list = tca_room(twins->found, twins->found_count, &twins->found_room, sizeof *twins->found);
    if (!list) {
        twins->found_error = TCA_EMEMORY;
        return NULL;
    }
    twins->found = list;
    return &twins->found[twins->found_count++];
}

/* What came in its place may be another segment, as the first one behind an ACK that was lost: that dates nothing. */
static bool is_copy(const struct tca_hunt *h, const struct tca_mark *mark, const struct tca_mark *arrived)
{
    return arrived->flags == mark->flags &&
           arrived->seq - h->far->m.side[h->far_side].iss == mark->seq - h->near->m.side[h->side].iss;
}

struct tca_lost *tca_hunt_claim(const struct tca_hunt *h, enum tca_lost_kind kind,
                                const struct tca_mark *mark, const struct tca_mark *arrived,
                                uint32_t far_capture, bool repeated)
{
    enum tca_confidence confidence = tca_hunt_watched(h, mark);
    if (!confidence || told(h->twins, h->near->capture, mark->frame))
        return NULL;
    struct tca_lost *lost = room_for(h->twins);
    if (!lost)
        return NULL;
    if (!repeated)
        confidence = TCA_PROBABLE;
    *lost = (struct tca_lost){
        .kind = (uint8_t)kind,
        .side = (uint8_t)h->side,
        .confidence = (uint8_t)tca_lower(confidence, h->way->gaps[h->far_view] ? 1 : 0),
        .near = h->near->capture,
        .far = far_capture,
        .frame = mark->frame,
        .time_ns = mark->time_ns,
        .far_frame = arrived ? arrived->frame : 0,
        .far_ns = arrived && is_copy(h, mark, arrived) ? arrived->time_ns : -1,
        .seq = mark->seq - h->near->m.side[h->side].iss,
        .count = 1,
    };
    return lost;
}

/* ---- marks ---- */

struct tca_hunt_list tca_hunt_list(const struct tca_dossier *d, uint32_t role, int side)
{
    struct tca_hunt_list list = {.count = 0};
    for (unsigned at = 0; at < d->mark_count && list.count < TCA_HUNT_LIST_MAX; at++)
        if ((d->mark[at].roles & role) && d->mark[at].side == side && tca_twin_own(&d->mark[at]))
            list.mark[list.count++] = &d->mark[at];
    return list;
}

const struct tca_mark *tca_hunt_find(const struct tca_dossier *d, int side, const struct tca_mark *mark)
{
    bool strict;
    for (unsigned at = 0; at < d->mark_count; at++)
        if (d->mark[at].side == side && tca_twin_own(&d->mark[at]) &&
            tca_twin_same(mark, &d->mark[at], &strict))
            return &d->mark[at];
    return NULL;
}

uint8_t tca_hunt_small(uint64_t count)
{
    return count < UINT8_MAX ? (uint8_t)count : UINT8_MAX;
}
