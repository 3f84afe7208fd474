/* SPDX-License-Identifier: MIT
 *
 * Payload that was lost between two capture points.
 *
 *     near   o     r1        r2   r3         the first copy (seldom a mark), and each one sent again (all of them marks)
 *     far          f1        f2              as many copies less were lost
 *
 * How many are missing is counted by the byte: all segments of a sender that hold it. Which of them is told where it can be:
 *
 *     far has no such byte at all                       every copy that is a mark was lost
 *     r1 is, by time stamp and IP ID, a segment of far  it arrived; if it brought far new bytes, it was the first that did,
 *                                                       and of the others those not in far were lost
 *     r3 is not in far, and far had two copies before   it was lost: f1 is an earlier one
 *
 * Of the rest it is open: f1 may be any of them.
 */
#include "base/seq32.h"
#include "classify/twin/twin_hunt.h"

#include <stdlib.h>
#include <string.h>

/* One byte, the first of a segment, and how often it passed. */
struct place {
    uint32_t at; /* from the sender's ISN */
    unsigned copies, missing;
    unsigned most; /* missing of this and earlier ones, at most one of what a single segment may carry */
};

/* The sender's payload in both. */
struct payload {
    const struct tca_hunt *h;
    struct tca_hunt_list near, far;             /* sent again: all of it */
    const struct tca_mark *mark[TCA_MARKS_MAX]; /* whatever is a mark in near, by frame */
    unsigned count;
};

struct copy {
    const struct tca_mark *mark, *twin; /* in near, in far */
    enum tca_lost_fate fate;
    bool doubled; /* another one looks exactly like it */
};

static bool holds(const struct tca_mark *mark, uint32_t seq)
{
    return seq - mark->seq < mark->len;
}

static unsigned copies_of(const struct tca_hunt_list *list, uint32_t seq)
{
    unsigned count = 0;
    for (unsigned at = 0; at < list->count; at++)
        count += holds(list->mark[at], seq);
    return count;
}

/* Did no copy of this byte pass far? */
static bool is_absent(const struct tca_hunt *h, uint32_t seq)
{
    const struct tca_side *side = &h->far->m.side[h->far_side];
    for (unsigned at = 0; at < side->hole_count; at++)
        if (seq_within(seq, side->hole[at].from, side->hole[at].to - 1))
            return true;
    return side->nxt_known && seq_before_eq(side->snd_nxt, seq);
}

/* ---- how many ---- */

/* The largest payload of one segment: options leave less. */
static uint32_t largest(const struct tca_hunt *h)
{
    enum { TIME_STAMPS = 12 };
    const struct tca_side *side = &h->near->m.side[h->side], *peer = &h->near->m.side[1 - h->side];
    if (!peer->has_mss || peer->mss <= TIME_STAMPS)
        return UINT16_MAX;
    return peer->mss - (side->ts_on && peer->ts_on ? (uint32_t)TIME_STAMPS : 0);
}

static int by_place(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* Payload of a SYN is told as a lost SYN. */
static bool is_of_syn(const struct tca_hunt *h, const struct tca_mark *mark)
{
    struct tca_hunt_list syns = tca_hunt_list(h->near, TCA_MARK_SYN, h->side);
    for (unsigned at = 0; at < syns.count; at++)
        if (mark->seq - syns.mark[at]->seq - 1 < syns.mark[at]->len)
            return true;
    return false;
}

/* What was sent while far was not known to be capturing is no copy here. */
static void leave_out(struct payload *p)
{
    unsigned kept = 0;
    for (unsigned at = 0; at < p->near.count; at++)
        if (tca_hunt_watched(p->h, p->near.mark[at]))
            p->near.mark[kept++] = p->near.mark[at];
    p->near.count = kept;
}

static void gather_marks(struct payload *p)
{
    const struct tca_hunt *h = p->h;
    for (unsigned at = 0; at < h->near->mark_count && p->count < TCA_MARKS_MAX; at++) {
        const struct tca_mark *mark = &h->near->mark[at];
        if (mark->len && mark->side == h->side && tca_twin_own(mark) &&
            !(mark->flags & (TCA_SYN | TCA_FIN | TCA_RST)) && !is_of_syn(h, mark) &&
            tca_hunt_watched(h, mark))
            p->mark[p->count++] = mark;
    }
}

/* One for each first byte of which copies are missing; the number of them. */
static unsigned gather_places(const struct payload *p, struct place *place)
{
    unsigned count = 0, kept = 0;
    for (unsigned at = 0; at < p->count; at++) {
        uint32_t seq = p->mark[at]->seq;
        bool absent = is_absent(p->h, seq);
        struct place one = {.at = seq - p->h->near->m.side[p->h->side].iss,
                            .copies = copies_of(&p->near, seq) + 1};
        unsigned passed = absent ? 0 : copies_of(&p->far, seq) + 1;
        one.missing = one.copies > passed ? one.copies - passed : 0;
        if (one.missing)
            place[count++] = one;
    }
    if (!count)
        return 0;
    qsort(place, count, sizeof *place, by_place);
    for (unsigned at = 0; at < count; at++)
        if (!kept || place[kept - 1].at != place[at].at)
            place[kept++] = place[at];
    return kept;
}

/* Bytes farther apart than a segment is long were lost in different ones: the largest sum over such bytes is the
 * least number of segments that are missing. Of the others missing becomes 0. */
static void choose(struct place *place, unsigned count, uint32_t apart)
{
    for (unsigned at = 0; at < count; at++) {
        unsigned before = at;
        while (before && place[at].at - place[before - 1].at < apart)
            before--;
        place[at].most = place[at].missing + (before ? place[before - 1].most : 0);
        if (at && place[at - 1].most >= place[at].most)
            place[at].most = place[at - 1].most;
    }
    uint32_t limit = UINT32_MAX;
    for (unsigned at = count; at-- > 0;) {
        bool taken = place[at].at <= limit && place[at].most > (at ? place[at - 1].most : 0);
        if (!taken)
            place[at].missing = 0;
        else
            limit = place[at].at >= apart ? place[at].at - apart : 0;
    }
}

/* ---- which ---- */

/* The same segment in far, told from other copies of it. */
static const struct tca_mark *find_very(const struct tca_hunt *h, const struct tca_mark *mark)
{
    const struct tca_mark *same = tca_hunt_find(h->far, h->far_side, mark);
    bool strict = false;
    return same && tca_twin_same(mark, same, &strict) && strict && same->ip_id == mark->ip_id ? same : NULL;
}

static bool is_doubled(const struct payload *p, const struct tca_mark *mark)
{
    bool strict;
    for (unsigned at = 0; at < p->count; at++)
        if (p->mark[at] != mark && p->mark[at]->ip_id == mark->ip_id &&
            tca_twin_same(p->mark[at], mark, &strict))
            return true;
    return false;
}

/* The marks in near that hold this byte, by frame, and what became of them. */
static unsigned judge_copies(const struct payload *p, uint32_t seq, const struct place *place,
                             struct copy *copy)
{
    unsigned count = 0, lost = 0;
    bool absent = is_absent(p->h, seq), first_known = absent, came_before = false;
    for (unsigned at = 0; at < p->count; at++) {
        const struct tca_mark *mark = p->mark[at];
        if (!holds(mark, seq))
            continue;
        struct copy one = {.mark = mark, .doubled = is_doubled(p, mark), .fate = TCA_LOST_OPEN};
        one.twin = absent || one.doubled ? NULL : find_very(p->h, mark);
        if (one.twin)
            one.fate = TCA_LOST_ARRIVED;
        first_known |= one.twin && !(one.twin->roles & TCA_MARK_DATA_RETX);
        copy[count++] = one;
    }
    for (unsigned at = 0; at < count; at++) {
        came_before |= copy[at].fate == TCA_LOST_ARRIVED;
        bool sure = absent || (!copy[at].doubled && (first_known || came_before));
        if (copy[at].fate == TCA_LOST_OPEN && sure) {
            copy[at].fate = TCA_LOST_GONE;
            lost++;
        }
    }
    for (unsigned at = 0; at < count && lost > place->missing;
         at++) /* these captures do not fit each other */
        if (copy[at].fate == TCA_LOST_GONE)
            copy[at].fate = TCA_LOST_OPEN;
    return count;
}

/* The one to name: the first that was lost, else the last that arrived, else the last of all. */
static unsigned chief_of(const struct copy *copy, unsigned count)
{
    unsigned chief = count - 1;
    for (unsigned at = count; at-- > 0;)
        if (copy[at].fate == TCA_LOST_GONE ||
            (copy[at].fate == TCA_LOST_ARRIVED && copy[chief].fate == TCA_LOST_OPEN))
            chief = at;
    return chief;
}

/* The next of them that arrived, this one included, as far saw it. */
static const struct tca_mark *arrived_from(const struct copy *copy, unsigned count, unsigned from)
{
    for (unsigned at = from; at < count; at++)
        if (copy[at].twin)
            return copy[at].twin;
    return NULL;
}

static void claim_copy(const struct payload *p, const struct place *place, const struct copy *copy,
                       unsigned count, unsigned which, unsigned missing)
{
    struct tca_lost *lost =
        tca_hunt_claim(p->h, TCA_LOST_DATA, copy[which].mark, arrived_from(copy, count, which),
                       p->h->far->capture, place->copies > 1);
    if (!lost)
        return;
    lost->seq = place->at;
    lost->copies = tca_hunt_small(place->copies);
    lost->fate = (uint8_t)copy[which].fate;
    lost->count = tca_hunt_small(missing);
}

static void claim_place(const struct payload *p, const struct place *place)
{
    struct copy copy[TCA_MARKS_MAX];
    uint32_t seq = p->h->near->m.side[p->h->side].iss + place->at;
    unsigned count = judge_copies(p, seq, place, copy), chief = chief_of(copy, count);
    claim_copy(p, place, copy, count, chief, place->missing);
    for (unsigned at = 0; at < count; at++)
        if (at != chief && copy[at].fate == TCA_LOST_GONE)
            claim_copy(p, place, copy, count, at, 0); /* counted above */
}

/* Are all copies of all payload counted on both sides? */
static bool is_counted(const struct payload *p)
{
    enum { UNFIT = TCA_DAMAGE_OFFLOAD | TCA_DAMAGE_START_CUT | TCA_DAMAGE_REORDER };
    const struct tca_side *near = &p->h->near->m.side[p->h->side], *far = &p->h->far->m.side[p->h->far_side];
    return !((p->h->near->m.damage | p->h->far->m.damage) & UNFIT) && !far->capture_copies &&
           !near->odd_payload && !far->odd_payload && p->near.count == near->retx_pkts &&
           p->far.count == far->retx_pkts;
}

void tca_hunt_payload(const struct tca_hunt *h)
{
    struct payload p = {.h = h};
    struct place place[TCA_MARKS_MAX];
    p.near = tca_hunt_list(h->near, TCA_MARK_DATA_RETX, h->side);
    p.far = tca_hunt_list(h->far, TCA_MARK_DATA_RETX, h->far_side);
    if (!is_counted(&p))
        return;
    leave_out(&p);
    gather_marks(&p);
    unsigned count = gather_places(&p, place);
    choose(place, count, largest(h));
    for (unsigned at = 0; at < count; at++)
        if (place[at].missing)
            claim_place(&p, &place[at]);
}
