/* SPDX-License-Identifier: MIT
 *
 * Payload that was lost between two capture points.
 */
#include "base/seq32.h"
#include "classify/twin_hunt.h"

#include <stdlib.h>

/* Payload sent again, by its first byte, and how much less often that byte passed far. */
struct again {
    const struct tca_mark *mark; /* the last copy of it */
    uint32_t at;                 /* from the sender's ISN */
    unsigned copies, missing;
    unsigned most; /* missing of this and earlier ones, at most one of what a single segment may carry */
};

/* Segments of the list that hold this byte. */
static unsigned copies_of(const struct tca_hunt_list *list, uint32_t seq)
{
    unsigned count = 0;
    for (unsigned at = 0; at < list->count; at++)
        count += seq - list->mark[at]->seq < list->mark[at]->len;
    return count;
}

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
    const struct again *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->mark->frame < b->mark->frame ? -1 : a->mark->frame > b->mark->frame;
}

/* What far was capturing; payload of a SYN is told as a lost SYN. */
static void leave_out(const struct tca_hunt *h, struct tca_hunt_list *near)
{
    struct tca_hunt_list syns = tca_hunt_list(h->near, TCA_MARK_SYN, h->side);
    unsigned kept = 0;
    for (unsigned at = 0; at < near->count; at++) {
        const struct tca_mark *mark = near->mark[at];
        bool of_syn = false;
        for (unsigned syn = 0; syn < syns.count; syn++)
            of_syn |= mark->seq - syns.mark[syn]->seq - 1 < syns.mark[syn]->len;
        if (!of_syn && tca_hunt_watched(h, TCA_LOST_DATA, mark))
            near->mark[kept++] = mark;
    }
    near->count = kept;
}

/* One for each first byte; the number of them. */
static unsigned gather_again(const struct tca_hunt *h, const struct tca_hunt_list *near,
                             const struct tca_hunt_list *far, struct again *again)
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
    const struct tca_mark *same = tca_hunt_find(d, side, mark);
    bool strict = false;
    return same && tca_twin_same(mark, same, &strict) && strict && same->ip_id == mark->ip_id ? same : NULL;
}

/* Near saw it sent again more often than far. Which copies are missing is not told: the first one is no mark. */
void tca_hunt_payload(const struct tca_hunt *h)
{
    enum { UNFIT = TCA_DAMAGE_OFFLOAD | TCA_DAMAGE_START_CUT | TCA_DAMAGE_REORDER };
    struct tca_hunt_list near = tca_hunt_list(h->near, TCA_MARK_DATA_RETX, h->side);
    struct tca_hunt_list far = tca_hunt_list(h->far, TCA_MARK_DATA_RETX, h->far_side);
    if (((h->near->m.damage | h->far->m.damage) & UNFIT) || h->far->m.side[h->far_side].capture_copies ||
        near.count != h->near->m.side[h->side].retx_pkts ||
        far.count != h->far->m.side[h->far_side].retx_pkts)
        return;
    leave_out(h, &near);
    struct again again[TCA_HUNT_LIST_MAX];
    unsigned count = gather_again(h, &near, &far, again);
    choose(again, count, largest(h));
    for (unsigned at = 0; at < count; at++) {
        if (!again[at].missing)
            continue;
        const struct tca_mark *arrived = find_very(h->far, h->far_side, again[at].mark);
        struct tca_lost *lost =
            tca_hunt_claim(h, TCA_LOST_DATA, again[at].mark, arrived, h->far->capture, true);
        if (!lost)
            continue;
        lost->copies = tca_hunt_small(again[at].copies);
        lost->count = tca_hunt_small(again[at].missing);
    }
}
