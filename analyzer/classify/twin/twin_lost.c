/* SPDX-License-Identifier: MIT
 *
 * What was lost between two capture points: segments that the one nearer to their sender holds and the other does not.
 *
 *     sender --- [ near ] --- X          [ far ] --- receiver
 *
 * A segment that is missing in `far` was lost if `far` was capturing then (before and after it, segments of the same
 * sender passed both), if segments of its kind pass its filter, if its list of marks is complete, and if nothing else
 * of the connection escaped it. ACKs are marked only where they settle something, so of them only those before the first
 * one that arrived are told; of payload how many copies are missing at least, not which.
 */
#include "classify/twin/twin_hunt.h"

enum { WAYS_MAX = 64 };

static void pair_lists(struct tca_hunt_list *near, struct tca_hunt_list *far)
{
    for (unsigned x = 0; x < near->count; x++)
        for (unsigned y = 0; y < far->count && !near->twin[x]; y++) {
            bool strict;
            if (far->twin[y] || !tca_twin_same(near->mark[x], far->mark[y], &strict))
                continue;
            near->twin[x] = far->mark[y];
            far->twin[y] = near->mark[x];
            near->weak |= !strict;
        }
}

static const struct tca_mark *next_arrived(const struct tca_hunt_list *list, unsigned from)
{
    for (unsigned at = from + 1; at < list->count; at++)
        if (list->twin[at])
            return list->twin[at];
    return NULL;
}

/* ---- what is counted by copies ---- */

static uint64_t sent(const struct tca_side *side, enum tca_lost_kind kind)
{
    switch (kind) {
    case TCA_LOST_SYN:
        return side->syn_count;
    case TCA_LOST_SYNACK:
        return side->synack_count;
    case TCA_LOST_FIN:
        return side->fin_count;
    default:
        return side->rst_count;
    }
}

/* Another copy that arrived looks exactly like this one: which of the two is missing cannot be told. */
static bool has_double(const struct tca_hunt_list *list, unsigned which)
{
    bool strict;
    for (unsigned at = 0; at < list->count; at++)
        if (at != which && list->twin[at] && tca_twin_same(list->mark[at], list->mark[which], &strict))
            return true;
    return false;
}

static void lost_copies(const struct tca_hunt *h, enum tca_lost_kind kind, uint32_t role)
{
    struct tca_hunt_list near = tca_hunt_list(h->near, role, h->side),
                         far = tca_hunt_list(h->far, role, h->far_side);
    uint64_t copies = sent(&h->near->m.side[h->side], kind);
    if (far.count != sent(&h->far->m.side[h->far_side], kind))
        return;
    pair_lists(&near, &far);
    for (unsigned at = 0; at < near.count; at++) {
        bool doubled = !near.twin[at] && has_double(&near, at);
        /* Equal segments a moment apart are taken for copies of the capture, and not marked. */
        if (near.twin[at] || (doubled && h->far->m.side[h->far_side].capture_copies))
            continue;
        struct tca_lost *lost = tca_hunt_claim(h, kind, near.mark[at], next_arrived(&near, at),
                                               h->far->capture, kind != TCA_LOST_RST && at + 1 < near.count);
        if (!lost)
            continue;
        lost->copies = tca_hunt_small(copies);
        lost->copy = near.weak || near.count != copies ? near.mark[at]->copy : tca_hunt_small(at + 1);
        if (near.weak || doubled)
            lost->copy = 0;
    }
}

/* ---- ACKs ---- */

/* How many of the sender's segments are missing in far, apart from what is told already. */
static uint64_t missing(const struct tca_hunt *h)
{
    uint64_t near = h->near->m.side[h->side].pkts, far = h->far->m.side[h->far_side].pkts, told = 0;
    for (size_t at = 0; at < h->twins->found_count; at++) {
        const struct tca_lost *lost = &h->twins->found[at];
        told += lost->near == h->near->capture && lost->far == h->far->capture && lost->side == h->side;
    }
    return near > far + told ? near - far - told : 0;
}

/* Its number or its time stamp would tell that the segment after it overtook it. */
static bool known_if_late(const struct tca_mark *mark, const struct tca_mark *next)
{
    return (mark->has_ip_id && mark->ip_id) || (mark->has_ts && (!next || mark->tsval != next->tsval));
}

/* ACKs of near before the first one that reached far, which far does not show; all of them if none did. */
static struct tca_hunt_list unseen_acks(const struct tca_hunt *h, const struct tca_hunt_list *near,
                                        const struct tca_mark *first)
{
    struct tca_hunt_list unseen = {.count = 0};
    for (unsigned at = 0; at < near->count; at++) {
        const struct tca_mark *mark = near->mark[at];
        if (first && mark->frame >= first->frame)
            break;
        if (known_if_late(mark, first) && !(mark->flags & (TCA_SYN | TCA_RST)) &&
            !tca_hunt_find(h->far, h->far_side, mark))
            unseen.mark[unseen.count++] = mark;
    }
    return unseen;
}

/* An ACK that was overtaken on the way settles nothing any more, and is not marked where it passes late. So as many of the
 * sender's segments must be missing in far, and none there have come late. */
static void lost_until_first(const struct tca_hunt *h, enum tca_lost_kind kind, uint32_t role)
{
    struct tca_hunt_list near = tca_hunt_list(h->near, role, h->side),
                         far = tca_hunt_list(h->far, role, h->far_side);
    const struct tca_mark *first =
        far.count ? tca_hunt_find(h->near, h->side, far.mark[0]) : NULL; /* as near saw it */
    const struct tca_trouble *trouble = &h->far->trouble[h->far_side];
    if ((far.count && !first) || trouble->reorder_count || trouble->old_dup_count)
        return;
    struct tca_hunt_list unseen = unseen_acks(h, &near, first);
    if (unseen.count > missing(h))
        return;
    for (unsigned at = 0; at < unseen.count; at++)
        tca_hunt_claim(h, kind, unseen.mark[at], far.count ? far.mark[0] : NULL, h->far->capture,
                       unseen.mark[at] != near.mark[near.count - 1] || first);
}

static void lost_acks(const struct tca_hunt *h)
{
    const struct tca_side *peer = &h->far->m.side[1 - h->far_side];
    if (h->side == TCA_CLIENT && h->far_side == TCA_CLIENT && peer->synack_count && peer->iss_known)
        lost_until_first(h, TCA_LOST_OPEN_ACK, TCA_MARK_OPEN_ACK);
    if (peer->fin_count)
        lost_until_first(h, TCA_LOST_FIN_ACK, TCA_MARK_FIN_ACK);
}

/* ---- two dossiers ---- */

/* `end`: the sender's, on the way. */
static bool begin_hunt(struct tca_hunt *h, int end)
{
    h->first_ns = h->way->first_ns[end][h->near_view];
    h->last_ns = h->way->last_ns[end][h->near_view];
    return h->first_ns <= h->last_ns;
}

/* A row that began in the middle may hold two connections of its tuple, which the other capture tells apart. */
static bool may_hold_two(const struct tca_dossier *x, const struct tca_dossier *y)
{
    return tca_twin_mixed(x) || ((x->m.damage & TCA_DAMAGE_START_CUT) && y->m.prior.exists);
}

static void hunt_between(struct tca_hunt *h)
{
    uint32_t damage = h->near->m.damage | h->far->m.damage;
    bool untold = (damage & TCA_DAMAGE_OFFLOAD) && !h->near->m.side[h->side].ts_on;
    untold |= may_hold_two(h->near, h->far) || may_hold_two(h->far, h->near);
    int end = h->near_view == 0 ? tca_twin_end(h->near, h->side) : tca_twin_end(h->far, h->far_side);
    if (!begin_hunt(h, end) || (damage & TCA_DAMAGE_SNAPLEN) || (h->far->m.damage & TCA_DAMAGE_GAP) ||
        untold || !tca_twin_shares(h->near, h->far))
        return;
    lost_copies(h, TCA_LOST_SYN, TCA_MARK_SYN);
    lost_copies(h, TCA_LOST_SYNACK, TCA_MARK_SYNACK);
    lost_copies(h, TCA_LOST_FIN, TCA_MARK_FIN);
    lost_copies(h, TCA_LOST_RST, TCA_MARK_RST);
    lost_acks(h);
    tca_hunt_payload(h);
}

bool tca_twin_nearer(const struct tca_twins *twins, const struct tca_dossier *x, const struct tca_dossier *y,
                     int side)
{
    const struct tca_way *way = tca_way_between(twins, x, y);
    if (!way || !tca_twins_paired(twins, x->capture, y->capture))
        return false;
    bool x_is_a = way->a == x->capture;
    int view =
        tca_way_nearer(way, x_is_a ? tca_twin_end(x, side) : tca_twin_end(y, tca_twin_role(x, y, side)));
    return view >= 0 && (view == 0) == x_is_a;
}

static bool another_between(const struct tca_twins *twins, const struct tca_dossier *d, size_t count,
                            size_t x, size_t y, int side)
{
    for (size_t z = 0; z < count; z++)
        if (z != x && z != y && tca_twin_nearer(twins, &d[x], &d[z], side) &&
            tca_twin_nearer(twins, &d[z], &d[y], tca_twin_role(&d[x], &d[z], side)))
            return true;
    return false;
}

static void hunt_group(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    for (size_t x = 0; x < count; x++)
        for (size_t y = 0; y < count; y++)
            for (int side = 0; side < 2; side++) {
                if (x == y || !tca_twin_nearer(twins, &d[x], &d[y], side) ||
                    another_between(twins, d, count, x, y, side))
                    continue;
                struct tca_hunt h = {.near = &d[x], .far = &d[y], .side = side, .twins = twins};
                h.way = tca_way_between(twins, &d[x], &d[y]);
                h.near_view = h.way->a == d[x].capture ? 0 : 1;
                h.far_view = 1 - h.near_view;
                h.far_side = tca_twin_role(&d[x], &d[y], side);
                hunt_between(&h);
            }
}

/* ---- SYNs of which the next capture shows nothing at all ---- */

/* The other capture of a way on which `capture` is the one nearer to this end; 0: it is not. */
static uint32_t next_on(const struct tca_twins *twins, const struct tca_way *way, int end, uint32_t capture)
{
    int view = way->a == capture ? 0 : way->b == capture ? 1 : -1;
    if (view < 0 || tca_way_nearer(way, end) != view || !tca_twins_paired(twins, way->a, way->b))
        return 0;
    return view == 0 ? way->b : way->a;
}

static bool goes_from_to(const struct tca_twins *twins, const struct tca_way *ways, size_t count, int end,
                         uint32_t from, uint32_t to)
{
    for (size_t at = 0; at < count; at++)
        if (next_on(twins, &ways[at], end, from) == to)
            return true;
    return false;
}

static void claim_syns(struct tca_twins *twins, const struct tca_way *way, const struct tca_dossier *d,
                       uint32_t far)
{
    struct tca_hunt h = {.near = d, .way = way, .side = TCA_CLIENT, .far_side = TCA_CLIENT, .twins = twins};
    h.near_view = way->a == d->capture ? 0 : 1;
    h.far_view = 1 - h.near_view;
    if (!begin_hunt(&h, tca_twin_end(d, TCA_CLIENT)))
        return;
    struct tca_hunt_list near = tca_hunt_list(d, TCA_MARK_SYN, TCA_CLIENT);
    for (unsigned at = 0; at < near.count; at++) {
        struct tca_lost *lost =
            tca_hunt_claim(&h, TCA_LOST_SYN, near.mark[at], NULL, far, at + 1 < near.count);
        if (lost) {
            lost->copy = near.mark[at]->copy;
            lost->copies = tca_hunt_small(d->m.side[TCA_CLIENT].syn_count);
        }
    }
}

/* Between the last capture that shows the SYNs and the next one on the way, which does not. */
static void hunt_syns(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    size_t ways_count;
    const struct tca_dossier *last = &d[0];
    for (size_t at = 1; at < count; at++)
        if (tca_twin_nearer(twins, last, &d[at], TCA_CLIENT))
            last = &d[at];
    const struct tca_way *ways = tca_twin_only_syns(last) ? tca_ways_of(twins, last, &ways_count) : NULL;
    if (!ways)
        return;
    if (ways_count > WAYS_MAX)
        ways_count = WAYS_MAX;
    int end = tca_twin_end(last, TCA_CLIENT);
    for (size_t at = 0; at < ways_count; at++) {
        uint32_t far = next_on(twins, &ways[at], end, last->capture);
        bool shows = !far, another = false;
        for (size_t x = 0; x < count; x++)
            shows |= d[x].capture == far;
        for (size_t x = 0; x < ways_count && !shows; x++) {
            uint32_t step = next_on(twins, &ways[x], end, last->capture);
            another |= step && step != far && goes_from_to(twins, ways, ways_count, end, step, far);
        }
        if (!shows && !another)
            claim_syns(twins, &ways[at], last, far);
    }
}

int tca_twins_judge(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    twins->found_count = 0;
    if (!twins->cut_short) { /* what one row lacks may be in another one, which is linked to none */
        hunt_group(twins, d, count);
        hunt_syns(twins, d, count);
    }
    return twins->found_error ? twins->found_error : tca_twins_rows(twins, d, count);
}
