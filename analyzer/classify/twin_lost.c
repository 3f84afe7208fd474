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
#include "base/alloc.h"
#include "base/seq32.h"
#include "base/sorted.h"
#include "classify/finding.h"
#include "classify/twin_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { ROLE_MARKS_MAX = 16, WAYS_MAX = 64 };

/* One sender's segments between two dossiers of one connection. */
struct hunt {
    const struct tca_dossier *near, *far;
    const struct tca_way *way;
    int near_view, far_view;   /* which captures of the way they are */
    int side, far_side;        /* the sender's role in near and in far */
    int64_t first_ns, last_ns; /* of the sender's segments that both hold, by the clock of near */
    struct tca_twins *twins;   /* what is found is kept there */
};

/* ---- one loss ---- */

static enum tca_way_kind way_kind(enum tca_lost_kind kind)
{
    return kind == TCA_LOST_SYN || kind == TCA_LOST_SYNACK ? TCA_WAY_OPENING
           : kind == TCA_LOST_FIN                          ? TCA_WAY_FIN
           : kind == TCA_LOST_RST                          ? TCA_WAY_RST
                                                           : TCA_WAY_PLAIN;
}

static bool was_capturing(const struct hunt *h, enum tca_lost_kind kind, const struct tca_mark *mark)
{
    /* A filter that passes plain segments does not ask for flags. */
    bool passes = h->way->kind[TCA_WAY_PLAIN] || h->way->kind[way_kind(kind)];
    return passes && mark->time_ns > h->first_ns && mark->time_ns < h->last_ns;
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

/* `arrived`: the next copy in far, NULL if none; `far_capture`: where it should have passed. The result is valid until the
 * next claim. */
static struct tca_lost *claim(const struct hunt *h, enum tca_lost_kind kind, const struct tca_mark *mark,
                              const struct tca_mark *arrived, uint32_t far_capture, bool repeated)
{
    if (!was_capturing(h, kind, mark) || told(h->twins, h->near->capture, mark->frame))
        return NULL;
    struct tca_lost *lost = room_for(h->twins);
    if (!lost)
        return NULL;
    enum tca_confidence confidence = repeated ? TCA_CERTAIN : TCA_PROBABLE;
    *lost = (struct tca_lost){
        .kind = (uint8_t)kind,
        .side = (uint8_t)h->side,
        .confidence = (uint8_t)tca_lower(confidence, h->way->gaps[h->far_view] ? 1 : 0),
        .near = h->near->capture,
        .far = far_capture,
        .frame = mark->frame,
        .time_ns = mark->time_ns,
        .far_frame = arrived ? arrived->frame : 0,
        .far_ns = arrived ? arrived->time_ns : 0,
        .seq = mark->seq - h->near->m.side[h->side].iss,
        .count = 1,
    };
    return lost;
}

/* ---- marks ---- */

struct list {
    const struct tca_mark *mark[ROLE_MARKS_MAX];
    const struct tca_mark *twin[ROLE_MARKS_MAX]; /* the same segment in the other dossier */
    unsigned count;
    bool weak; /* some are told by their numbers alone: which of several copies it was is unknown */
};

static struct list list_of(const struct tca_dossier *d, uint32_t role, int side)
{
    struct list list = {.count = 0};
    for (unsigned at = 0; at < d->mark_count && list.count < ROLE_MARKS_MAX; at++)
        if ((d->mark[at].roles & role) && d->mark[at].side == side && tca_twin_own(&d->mark[at]))
            list.mark[list.count++] = &d->mark[at];
    return list;
}

/* The same segment among all marks of a side. */
static const struct tca_mark *find_same(const struct tca_dossier *d, int side, const struct tca_mark *mark)
{
    bool strict;
    for (unsigned at = 0; at < d->mark_count; at++)
        if (d->mark[at].side == side && tca_twin_own(&d->mark[at]) &&
            tca_twin_same(mark, &d->mark[at], &strict))
            return &d->mark[at];
    return NULL;
}

static void pair_lists(struct list *near, struct list *far)
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

static const struct tca_mark *next_arrived(const struct list *list, unsigned from)
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
    case TCA_LOST_RST:
        return side->rst_count;
    default:
        return side->retx_pkts;
    }
}

/* Another copy that arrived looks exactly like this one: which of the two is missing cannot be told. */
static bool has_double(const struct list *list, unsigned which)
{
    bool strict;
    for (unsigned at = 0; at < list->count; at++)
        if (at != which && list->twin[at] && tca_twin_same(list->mark[at], list->mark[which], &strict))
            return true;
    return false;
}

static uint8_t small(uint64_t count)
{
    return count < UINT8_MAX ? (uint8_t)count : UINT8_MAX;
}

static void lost_copies(const struct hunt *h, enum tca_lost_kind kind, uint32_t role)
{
    struct list near = list_of(h->near, role, h->side), far = list_of(h->far, role, h->far_side);
    uint64_t copies = sent(&h->near->m.side[h->side], kind);
    if (far.count != sent(&h->far->m.side[h->far_side], kind))
        return;
    pair_lists(&near, &far);
    for (unsigned at = 0; at < near.count; at++) {
        bool doubled = !near.twin[at] && has_double(&near, at);
        /* Equal segments a moment apart are taken for copies of the capture, and not marked. */
        if (near.twin[at] || (doubled && h->far->m.side[h->far_side].capture_copies))
            continue;
        struct tca_lost *lost = claim(h, kind, near.mark[at], next_arrived(&near, at), h->far->capture,
                                      kind != TCA_LOST_RST && at + 1 < near.count);
        if (!lost)
            continue;
        lost->copies = small(copies);
        lost->copy = near.weak || near.count != copies ? near.mark[at]->copy : small(at + 1);
        if (near.weak || doubled)
            lost->copy = 0;
    }
}

/* ---- ACKs ---- */

/* Those before the first one that reached far; all of them if none did. */
static void lost_until_first(const struct hunt *h, enum tca_lost_kind kind, uint32_t role)
{
    struct list near = list_of(h->near, role, h->side), far = list_of(h->far, role, h->far_side);
    const struct tca_mark *first =
        far.count ? find_same(h->near, h->side, far.mark[0]) : NULL; /* as near saw it */
    if (far.count && !first)
        return;
    for (unsigned at = 0; at < near.count; at++) {
        const struct tca_mark *mark = near.mark[at];
        if (first && mark->frame >= first->frame)
            return;
        if ((mark->flags & (TCA_SYN | TCA_RST)) || find_same(h->far, h->far_side, mark))
            continue;
        claim(h, kind, mark, far.count ? far.mark[0] : NULL, h->far->capture, at + 1 < near.count || first);
    }
}

static void lost_acks(const struct hunt *h)
{
    const struct tca_side *peer = &h->far->m.side[1 - h->far_side];
    if (h->side == TCA_CLIENT && h->far_side == TCA_CLIENT && peer->synack_count && peer->iss_known)
        lost_until_first(h, TCA_LOST_OPEN_ACK, TCA_MARK_OPEN_ACK);
    if (peer->fin_count)
        lost_until_first(h, TCA_LOST_FIN_ACK, TCA_MARK_FIN_ACK);
}

/* ---- payload ---- */

/* Payload sent again, by its first byte, and how much less often that byte passed far. */
struct again {
    const struct tca_mark *mark; /* the last copy of it */
    uint32_t at;                 /* from the sender's ISN */
    unsigned copies, missing;
    unsigned most; /* missing of this and earlier ones, at most one of what a single segment may carry */
};

/* Segments of the list that hold this byte. */
static unsigned copies_of(const struct list *list, uint32_t seq)
{
    unsigned count = 0;
    for (unsigned at = 0; at < list->count; at++)
        count += seq - list->mark[at]->seq < list->mark[at]->len;
    return count;
}

/* The largest payload of one segment: options leave less. */
static uint32_t largest(const struct hunt *h)
{
    enum { TIME_STAMPS = 12 };
    const struct tca_side *side = &h->near->m.side[h->side], *peer = &h->near->m.side[1 - h->side];
    if (!peer->has_mss || peer->mss <= TIME_STAMPS)
        return UINT16_MAX;
    return peer->mss - (side->ts_on && peer->ts_on ? (uint32_t)TIME_STAMPS : 0);
}

static int by_place(const void *left, const void *right)
{
    const struct again *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->mark->frame < b->mark->frame ? -1 : a->mark->frame > b->mark->frame;
}

/* What far was capturing; payload of a SYN is told as a lost SYN. */
static void leave_out(const struct hunt *h, struct list *near)
{
    struct list syns = list_of(h->near, TCA_MARK_SYN, h->side);
    unsigned kept = 0;
    for (unsigned at = 0; at < near->count; at++) {
        const struct tca_mark *mark = near->mark[at];
        bool of_syn = false;
        for (unsigned syn = 0; syn < syns.count; syn++)
            of_syn |= mark->seq - syns.mark[syn]->seq - 1 < syns.mark[syn]->len;
        if (!of_syn && was_capturing(h, TCA_LOST_DATA, mark))
            near->mark[kept++] = mark;
    }
    near->count = kept;
}

/* One for each first byte; the number of them. */
static unsigned gather_again(const struct hunt *h, const struct list *near, const struct list *far,
                             struct again *again)
{
    const struct tca_side *arrived = &h->far->m.side[h->far_side];
    unsigned count = 0, kept = 0;
    for (unsigned at = 0; at < near->count; at++) {
        const struct tca_mark *mark = near->mark[at];
        unsigned passed = copies_of(far, mark->seq);
        struct again one = {.mark = mark, .at = mark->seq - h->near->m.side[h->side].iss};
        /* Its first copy is no mark; far has it as well unless it saw nothing from there on. */
        bool none = arrived->nxt_known && seq_before_eq(arrived->snd_nxt, mark->seq);
        one.copies = copies_of(near, mark->seq) + 1;
        one.missing = one.copies - !none > passed ? one.copies - !none - passed : 0;
        if (mark->len && !(mark->flags & (TCA_SYN | TCA_FIN)) && one.missing)
            again[count++] = one;
    }
    if (!count)
        return 0;
    qsort(again, count, sizeof *again, by_place);
    for (unsigned at = 0; at < count; at++) {
        if (kept && again[kept - 1].at == again[at].at)
            kept--;
        again[kept++] = again[at];
    }
    return kept;
}

/* Bytes farther apart than a segment is long were lost in different ones: the largest sum over such bytes is the
 * least number of segments that are missing. Of the others missing becomes 0. */
static void choose(struct again *again, unsigned count, uint32_t apart)
{
    for (unsigned at = 0; at < count; at++) {
        unsigned before = at;
        while (before && again[at].at - again[before - 1].at < apart)
            before--;
        again[at].most = again[at].missing + (before ? again[before - 1].most : 0);
        if (at && again[at - 1].most >= again[at].most)
            again[at].most = again[at - 1].most;
    }
    uint32_t limit = UINT32_MAX;
    for (unsigned at = count; at-- > 0;) {
        bool taken = again[at].at <= limit && again[at].most > (at ? again[at - 1].most : 0);
        if (!taken)
            again[at].missing = 0;
        else
            limit = again[at].at >= apart ? again[at].at - apart : 0;
    }
}

/* The same segment, told from other copies of it. */
static const struct tca_mark *find_very(const struct tca_dossier *d, int side, const struct tca_mark *mark)
{
    const struct tca_mark *same = find_same(d, side, mark);
    bool strict = false;
    return same && tca_twin_same(mark, same, &strict) && strict && same->ip_id == mark->ip_id ? same : NULL;
}

/* Near saw it sent again more often than far. Which copies are missing is not told: the first one is no mark. */
static void lost_payload(const struct hunt *h)
{
    enum { UNFIT = TCA_DAMAGE_OFFLOAD | TCA_DAMAGE_START_CUT | TCA_DAMAGE_REORDER };
    struct list near = list_of(h->near, TCA_MARK_DATA_RETX, h->side);
    struct list far = list_of(h->far, TCA_MARK_DATA_RETX, h->far_side);
    if (((h->near->m.damage | h->far->m.damage) & UNFIT) || h->far->m.side[h->far_side].capture_copies ||
        near.count != sent(&h->near->m.side[h->side], TCA_LOST_DATA) ||
        far.count != sent(&h->far->m.side[h->far_side], TCA_LOST_DATA))
        return;
    leave_out(h, &near);
    struct again again[ROLE_MARKS_MAX];
    unsigned count = gather_again(h, &near, &far, again);
    choose(again, count, largest(h));
    for (unsigned at = 0; at < count; at++) {
        if (!again[at].missing)
            continue;
        const struct tca_mark *arrived = find_very(h->far, h->far_side, again[at].mark);
        struct tca_lost *lost = claim(h, TCA_LOST_DATA, again[at].mark, arrived, h->far->capture, true);
        if (!lost)
            continue;
        lost->copies = small(again[at].copies);
        lost->count = small(again[at].missing);
    }
}

/* ---- two dossiers ---- */

/* Addresses and numbers fit; do the segments themselves? */
static bool shares_strictly(const struct hunt *h)
{
    for (unsigned at = 0; at < h->near->mark_count; at++) {
        const struct tca_mark *mark = &h->near->mark[at];
        bool strict = false;
        for (unsigned other = 0; tca_twin_own(mark) && other < h->far->mark_count && !strict; other++)
            if (tca_twin_own(&h->far->mark[other]))
                tca_twin_same(mark, &h->far->mark[other], &strict);
        if (strict)
            return true;
    }
    return false;
}

static bool begin_hunt(struct hunt *h)
{
    int role = h->near_view == 0 ? h->side : h->far_side; /* in the way's capture a */
    h->first_ns = h->way->first_ns[role][h->near_view];
    h->last_ns = h->way->last_ns[role][h->near_view];
    return h->first_ns < h->last_ns;
}

static void hunt_between(struct hunt *h)
{
    uint32_t damage = h->near->m.damage | h->far->m.damage;
    bool untold = (damage & TCA_DAMAGE_OFFLOAD) && !h->near->m.side[h->side].ts_on;
    untold |= tca_twin_mixed(h->near) || tca_twin_mixed(h->far);
    if (!begin_hunt(h) || (damage & TCA_DAMAGE_SNAPLEN) || (h->far->m.damage & TCA_DAMAGE_GAP) || untold ||
        !shares_strictly(h))
        return;
    lost_copies(h, TCA_LOST_SYN, TCA_MARK_SYN);
    lost_copies(h, TCA_LOST_SYNACK, TCA_MARK_SYNACK);
    lost_copies(h, TCA_LOST_FIN, TCA_MARK_FIN);
    lost_copies(h, TCA_LOST_RST, TCA_MARK_RST);
    lost_acks(h);
    lost_payload(h);
}

static bool nearer(const struct tca_twins *twins, const struct tca_dossier *x, const struct tca_dossier *y,
                   int side)
{
    const struct tca_way *way = tca_way_between(twins, x, y);
    if (!way || !tca_twins_paired(twins, x->capture, y->capture))
        return false;
    bool x_is_a = way->a == x->capture;
    int view = tca_way_nearer(way, x_is_a ? side : tca_twin_role(x, y, side));
    return view >= 0 && (view == 0) == x_is_a;
}

static bool another_between(const struct tca_twins *twins, const struct tca_dossier *d, size_t count,
                            size_t x, size_t y, int side)
{
    for (size_t z = 0; z < count; z++)
        if (z != x && z != y && nearer(twins, &d[x], &d[z], side) &&
            nearer(twins, &d[z], &d[y], tca_twin_role(&d[x], &d[z], side)))
            return true;
    return false;
}

static void hunt_group(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    for (size_t x = 0; x < count; x++)
        for (size_t y = 0; y < count; y++)
            for (int side = 0; side < 2; side++) {
                if (x == y || !nearer(twins, &d[x], &d[y], side) ||
                    another_between(twins, d, count, x, y, side))
                    continue;
                struct hunt h = {.near = &d[x], .far = &d[y], .side = side, .twins = twins};
                h.way = tca_way_between(twins, &d[x], &d[y]);
                h.near_view = h.way->a == d[x].capture ? 0 : 1;
                h.far_view = 1 - h.near_view;
                h.far_side = tca_twin_role(&d[x], &d[y], side);
                hunt_between(&h);
            }
}

/* ---- SYNs of which the next capture shows nothing at all ---- */

static bool only_syns(const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT];
    return client->pkts && client->pkts == client->syn_count && !d->m.side[TCA_SERVER].pkts;
}

/* The other capture of a way on which `capture` is the one nearer to the client; 0: it is not. */
static uint32_t next_on(const struct tca_twins *twins, const struct tca_way *way, uint32_t capture)
{
    int view = way->a == capture ? 0 : way->b == capture ? 1 : -1;
    if (view < 0 || tca_way_nearer(way, TCA_CLIENT) != view || !tca_twins_paired(twins, way->a, way->b))
        return 0;
    return view == 0 ? way->b : way->a;
}

static bool goes_from_to(const struct tca_twins *twins, const struct tca_way *ways, size_t count,
                         uint32_t from, uint32_t to)
{
    for (size_t at = 0; at < count; at++)
        if (next_on(twins, &ways[at], from) == to)
            return true;
    return false;
}

static void claim_syns(struct tca_twins *twins, const struct tca_way *way, const struct tca_dossier *d,
                       uint32_t far)
{
    struct hunt h = {.near = d, .way = way, .side = TCA_CLIENT, .far_side = TCA_CLIENT, .twins = twins};
    h.near_view = way->a == d->capture ? 0 : 1;
    h.far_view = 1 - h.near_view;
    if (!begin_hunt(&h))
        return;
    struct list near = list_of(d, TCA_MARK_SYN, TCA_CLIENT);
    for (unsigned at = 0; at < near.count; at++) {
        struct tca_lost *lost = claim(&h, TCA_LOST_SYN, near.mark[at], NULL, far, at + 1 < near.count);
        if (lost) {
            lost->copy = near.mark[at]->copy;
            lost->copies = small(d->m.side[TCA_CLIENT].syn_count);
        }
    }
}

/* Between the last capture that shows the SYNs and the next one on the way, which does not. */
static void hunt_syns(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    size_t ways_count;
    const struct tca_dossier *last = &d[0];
    for (size_t at = 1; at < count; at++)
        if (nearer(twins, last, &d[at], TCA_CLIENT))
            last = &d[at];
    const struct tca_way *ways = only_syns(last) ? tca_ways_of(twins, last, &ways_count) : NULL;
    if (!ways)
        return;
    if (ways_count > WAYS_MAX)
        ways_count = WAYS_MAX;
    for (size_t at = 0; at < ways_count; at++) {
        uint32_t far = next_on(twins, &ways[at], last->capture);
        bool shows = !far, another = false;
        for (size_t x = 0; x < count; x++)
            shows |= d[x].capture == far;
        for (size_t x = 0; x < ways_count && !shows; x++) {
            uint32_t step = next_on(twins, &ways[x], last->capture);
            another |= step && step != far && goes_from_to(twins, ways, ways_count, step, far);
        }
        if (!shows && !another)
            claim_syns(twins, &ways[at], last, far);
    }
}

/* ---- rows ---- */

/* As the row tells it, whatever the order in which the captures were given: by its own clock, what it holds nothing of
 * last. */
static int by_time(const void *left, const void *right)
{
    const struct tca_lost *a = left, *b = right;
    int64_t x = a->own_frame ? a->own_ns : INT64_MAX, y = b->own_frame ? b->own_ns : INT64_MAX;
    if (x != y)
        return x < y ? -1 : 1;
    if (a->side != b->side || a->kind != b->kind)
        return a->side != b->side ? a->side - b->side : a->kind - b->kind;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return tca_compare_u64(a->frame, b->frame);
}

static bool is_chief(const struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x)
{
    for (size_t y = 0; y < count; y++) {
        if (y == x || !tca_twins_paired(twins, d[x].capture, d[y].capture))
            continue;
        bool before = nearer(twins, &d[y], &d[x], tca_twin_role(&d[x], &d[y], TCA_SERVER));
        bool behind = nearer(twins, &d[x], &d[y], TCA_SERVER);
        if (before || (!behind && d[y].capture < d[x].capture))
            return false;
    }
    return true;
}

/* A loss as the row of d[x] tells it. */
static struct tca_lost as_told(const struct tca_dossier *d, size_t count, size_t x,
                               const struct tca_lost *lost)
{
    struct tca_lost told = *lost;
    bool here = lost->near == d[x].capture;
    told.own_frame = here ? lost->frame : lost->far_frame;
    told.own_ns = here ? lost->time_ns : lost->far_ns;
    for (size_t y = 0; y < count; y++)
        if (d[y].capture == lost->near)
            told.side = (uint8_t)tca_twin_role(&d[y], &d[x], lost->side);
    return told;
}

static int add_lost(struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x,
                    struct tca_twin *twin)
{
    for (size_t at = 0; at < twins->found_count; at++) {
        const struct tca_lost *lost = &twins->found[at];
        if (lost->near != twin->capture && lost->far != twin->capture)
            continue;
        void *list = tca_room(twins->lost, twins->lost_count, &twins->lost_room, sizeof *twins->lost);
        if (!list)
            return TCA_EMEMORY;
        twins->lost = list;
        twins->lost[twins->lost_count++] = as_told(d, count, x, lost);
        twin->lost_count++;
        twin->lost_pkts += lost->count;
    }
    if (twin->lost_count)
        qsort(twins->lost + twin->lost_at, twin->lost_count, sizeof *twins->lost, by_time);
    return TCA_OK;
}

static int add_row(struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x)
{
    struct tca_twin twin = {.capture = d[x].capture, .id_frame = d[x].id_frame, .lost_at = twins->lost_count};
    for (size_t y = 0; y < count; y++) {
        if (y == x || !tca_twins_paired(twins, d[x].capture, d[y].capture))
            continue;
        twin.other[twin.others].capture = d[y].capture;
        twin.other[twin.others++].id_frame = d[y].id_frame;
    }
    int error = add_lost(twins, d, count, x, &twin);
    if (error || (!twin.others && !twin.lost_count))
        return error;
    twin.chief = is_chief(twins, d, count, x);
    void *list = tca_room(twins->twin, twins->twin_count, &twins->twin_room, sizeof *twins->twin);
    if (!list)
        return TCA_EMEMORY;
    twins->twin = list;
    twins->twin[twins->twin_count++] = twin;
    return TCA_OK;
}

int tca_twins_judge(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    twins->found_count = 0;
    hunt_group(twins, d, count);
    hunt_syns(twins, d, count);
    int error = twins->found_error;
    for (size_t x = 0; x < count && !error; x++)
        error = add_row(twins, d, count, x);
    return error;
}
