/* SPDX-License-Identifier: MIT
 *
 * A ring of the newest genuine segments of both sides, found by a 64-bit print of what no router and no mirror changes: not
 * the TTL, the tags, nor the maximum segment size, which some routers lower.
 *
 * Copies come in the order of what they are copies of. So when the copy of a bare ACK is here, that of the segment before it
 * has come too; and where equal ACKs are sent one after another, each copy is that of the oldest which has none yet. Which of
 * two equal segments is called the copy matters little, how many are matters.
 *
 * What Linux repeats at once, and what it never does: tcp_v4_send_reset(), tcp_timewait_state_process(),
 * tcp_check_req() (a SYN+ACK for each SYN, an ACK for each segment out of the window); no timer is shorter than 2 ms, and
 * none of a SYN or a FIN shorter than 200 ms but the tail loss probe.
 */
#include "artefact/copy.h"

#include "artefact/beyond.h"
#include "base/apart.h"
#include "base/seq32.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* How far behind the segment a copy may be. An identification comes again after 65536 others at the earliest; without
 * one a retransmission could look equal. */
static const int64_t WITH_ID_NS = 20000000, WITHOUT_ID_NS = 5000000;
/* Copies of one making are about as far behind as others; queues and interrupts make the difference. */
static const int64_t SOONER_NS = 20000, LATER_NS = 500000;
enum { HOPS_MAX = 4 }; /* routers between two capture points */
/* A capture that holds two of each: so many segments of which a copy is told by itself were seen, and all but one in
 * twenty had one. */
enum { ENOUGH = 30, ONE_IN = 20 };

/* ---- what copies have in common ---- */

static uint64_t pair(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

/* Two words to one, so that neither can change alone and leave the result as it was. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    const uint64_t odd_a = 0x9e3779b97f4a7c15, odd_b = 0xc2b2ae3d27d4eb4f; /* bits without a pattern */
    a = (a ^ odd_b) * odd_a;
    return ((a ^ a >> 32) + b) * odd_b;
}

/* SACK blocks; that it is quoted, in which error, and who sent that. */
TCA_APART static uint64_t print_more(const struct tca_segment *seg, uint64_t print)
{
    uint32_t icmp = (uint32_t)seg->icmp_code << 8 | seg->icmp_type;
    uint32_t kind = icmp << 16 | (uint32_t)seg->opt.sack_count << 1 | seg->quoted;
    print = mix(print, kind);
    if (seg->opt.sack_count)
        print = XXH3_64bits_withSeed(seg->opt.sack, seg->opt.sack_count * sizeof seg->opt.sack[0], print);
    if (seg->quoted)
        print = XXH3_64bits_withSeed(seg->icmp_from, sizeof seg->icmp_from, print);
    return print;
}

/* Every segment has one: it stays in registers, which a hash of bytes in memory would not. Fields are paired as they stand in
 * the segment, the first one low, so that two can be loaded at once. */
static inline uint64_t print_of(const struct tca_segment *seg, int side)
{
    uint64_t numbers = mix(pair(seg->ack, seg->seq), pair(seg->opt.tsecr, seg->opt.tsval));
    uint64_t others =
        mix(pair(seg->len, (uint32_t)seg->window << 16 | seg->flags), pair(seg->ip_id, (uint32_t)side));
    uint64_t print = mix(numbers, others);
    print ^= print >> 32;
    if (seg->opt.sack_count || seg->quoted)
        print = print_more(seg, print);
    return print ? print : 1;
}

/* ---- what no stack sends twice ---- */

static bool is_pure_ack(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK | TCA_RST | TCA_FIN)) == TCA_ACK && !seg->len;
}

static bool tells_by_id(const struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    return seg->again || (seg->ip_id && !copies->side[side].same_id);
}

/* A copy of such a segment is told by itself. A SYN+ACK that answers each of several SYNs is none, nor is payload that the
 * other side asked for again. */
static inline bool is_sure(const struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    if (tells_by_id(copies, seg, side))
        return true;
    if ((seg->flags & TCA_SYN) && (seg->flags & TCA_ACK))
        return !copies->side[side].syns;
    bool slow = seg->flags & (TCA_SYN | TCA_FIN);
    return slow || ((seg->len || (seg->flags & TCA_RST)) && seg->opt.has_ts);
}

/* However soon it comes: a SYN came between. */
static bool answers_newer_syn(const struct tca_copies *copies, const struct tca_noted *one,
                              const struct tca_segment *seg)
{
    const struct tca_doubling *peer = &copies->side[1 - one->side];
    bool synack = (seg->flags & (TCA_SYN | TCA_ACK)) == (TCA_SYN | TCA_ACK);
    return synack && !seg->quoted && peer->has_syn && peer->syn_ns > one->time_ns;
}

static bool asked_again(const struct tca_copies *copies, const struct tca_noted *one)
{
    const struct tca_doubling *peer = &copies->side[1 - one->side];
    return peer->has_ack && peer->asked_ns > one->time_ns;
}

/* ---- what this capture does ---- */

/* What became of the segment before this one that tells: its side's, else the other's. NULL: no evidence. */
static const struct tca_doubling *doubling_of(const struct tca_copies *copies, const struct tca_noted *one)
{
    int side = one->before[one->side] ? one->side : 1 - one->side;
    const struct tca_doubling *doubling = &copies->side[side];
    return one->before[side] && doubling->copied >= one->before[side] ? doubling : NULL;
}

static unsigned hops_bit(const struct tca_noted *one, const struct tca_segment *seg)
{
    return 1u << (one->ttl - seg->ttl + HOPS_MAX);
}

static bool is_of(const struct tca_manner *manner, const struct tca_noted *one, const struct tca_segment *seg)
{
    return one->copies < manner->times && (seg->quoted || (manner->hops & hops_bit(one, seg)));
}

/* The newest segment that has copies may still wait for more of them. */
static bool fits(const struct tca_manners *manners, const struct tca_apart *apart,
                 const struct tca_noted *one, const struct tca_segment *seg)
{
    int64_t apart_ns = llabs(seg->time_ns - one->time_ns);
    return apart_ns >= apart->least_ns - SOONER_NS && apart_ns <= apart->most_ns + LATER_NS &&
           (is_of(&manners->now, one, seg) || is_of(&manners->before, one, seg));
}

/* How many segments of which a copy is told by itself the capture showed before this one. */
static uint64_t number_of(const struct tca_doubled *all, const struct tca_noted *one)
{
    return all->sure - ((all->sure - one->number) & ((1u << TCA_NUMBER_BITS) - 1));
}

/* Those behind the newest that had a copy may still wait for theirs. */
static bool holds_two_of_each(const struct tca_doubled *all, const struct tca_noted *one)
{
    return all->copied >= ENOUGH && (all->copied - all->had) * ONE_IN <= all->copied &&
           all->copied >= number_of(all, one);
}

static bool fits_doubling(const struct tca_copies *copies, const struct tca_noted *one,
                          const struct tca_segment *seg)
{
    const struct tca_doubling *doubling = doubling_of(copies, one);
    const struct tca_doubled *all = copies->all;
    if (doubling)
        return fits(&doubling->manners, &copies->apart, one, seg);
    bool told_nothing = !one->before[0] && !one->before[1];
    return told_nothing && all && holds_two_of_each(all, one) && fits(&all->manners, &all->apart, one, seg);
}

static bool is_copy(const struct tca_copies *copies, const struct tca_noted *one,
                    const struct tca_segment *seg)
{
    int hops = one->ttl - seg->ttl;
    int64_t most_ns = tells_by_id(copies, seg, one->side) ? WITH_ID_NS : WITHOUT_ID_NS;
    if (llabs(seg->time_ns - one->time_ns) >= most_ns || hops > HOPS_MAX || hops < -HOPS_MAX ||
        answers_newer_syn(copies, one, seg))
        return false;
    bool sure = (one->is_sure || seg->quoted || seg->again) && is_sure(copies, seg, one->side) &&
                (tells_by_id(copies, seg, one->side) || !seg->len || !asked_again(copies, one));
    return sure || fits_doubling(copies, one, seg);
}

/* A range that the distances seen narrow slowly, and widen at once. The least is that of first copies: a further one may be
 * the path's, and comes later. */
static void note_distance(struct tca_apart *apart, int64_t apart_ns, bool is_first)
{
    bool none = !apart->most_ns;
    int64_t least = none ? apart_ns / 2 : apart->least_ns, most = none ? 2 * apart_ns + 1 : apart->most_ns;
    if (is_first || none)
        apart->least_ns = apart_ns < least ? apart_ns : least + (apart_ns - least) / 4;
    apart->most_ns = apart_ns > most ? apart_ns : most - (most - apart_ns) / 4;
}

static void note_manner(struct tca_manners *manners, bool is_newer, const struct tca_noted *one,
                        const struct tca_segment *seg)
{
    if (is_newer) {
        manners->before = manners->now;
        manners->now.hops = 0;
    }
    manners->now.hops = (uint16_t)(manners->now.hops | hops_bit(one, seg));
    manners->now.times = one->copies;
}

static void tell_capture(struct tca_doubled *all, const struct tca_noted *one, const struct tca_segment *seg)
{
    uint64_t number = number_of(all, one) + 1;
    bool is_first = one->copies == 1;
    note_distance(&all->apart, llabs(seg->time_ns - one->time_ns), is_first);
    all->had += is_first;
    if (number < all->copied)
        return;
    note_manner(&all->manners, number > all->copied, one, seg);
    all->copied = number;
}

/* Only the newest segment that has copies tells what the capture does now. */
static void count_copy(struct tca_copies *copies, struct tca_noted *one, const struct tca_segment *seg)
{
    struct tca_doubling *doubling = &copies->side[one->side];
    uint32_t number = one->before[one->side] + 1;
    if (one->copies < UINT8_MAX)
        one->copies++;
    if (!one->is_sure)
        return;
    if (copies->all)
        tell_capture(copies->all, one, seg);
    note_distance(&copies->apart, llabs(seg->time_ns - one->time_ns), one->copies == 1);
    if (number < doubling->copied)
        return;
    note_manner(&doubling->manners, number > doubling->copied, one, seg);
    doubling->copied = number;
}

/* ---- genuine ones ---- */

TCA_APART static void note_syn(struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    struct tca_doubling *own = &copies->side[side], *peer = &copies->side[1 - side];
    if (tca_is_bare_syn(seg)) {
        if (peer->syns < UINT8_MAX)
            peer->syns++;
        own->syn_ns = seg->time_ns;
        own->has_syn = true;
    } else if (own->syns) {
        own->syns--;
    }
}

static inline void note_side(struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    struct tca_doubling *own = &copies->side[side];
    own->same_id = seg->ip_id && seg->ip_id == own->last_id;
    own->last_id = seg->ip_id;
    if (seg->flags & TCA_SYN)
        note_syn(copies, seg, side);
    if (!is_pure_ack(seg))
        return;
    if (seg->opt.sack_count || (own->has_ack && own->last_ack == seg->ack))
        own->asked_ns = seg->time_ns;
    own->has_ack = true;
    own->last_ack = seg->ack;
}

/* The capture still owes it a copy. */
static bool is_due(const struct tca_copies *copies, const struct tca_noted *one, int64_t now_ns)
{
    const struct tca_doubling *side = copies->side;
    return (one->copies < side[0].manners.now.times || one->copies < side[1].manners.now.times) &&
           llabs(now_ns - one->time_ns) <= copies->apart.most_ns + LATER_NS;
}

/* Make room for the newest. */
TCA_APART static void push_out(struct tca_copies *copies, unsigned at, const struct tca_segment *newest)
{
    uint64_t print = (uint64_t)copies->noted[at].high << 32 | copies->low[at];
    if (!copies->beyond || !print || !is_due(copies, &copies->noted[at], newest->time_ns))
        return;
    uint64_t of = copies->beyond_of ? copies->beyond_of : newest->frame;
    const struct tca_beyond_one one = {.of = of, .print = print, .noted = copies->noted[at]};
    if (!tca_beyond_put(copies->beyond, &one))
        return;
    copies->beyond_ns = one.noted.time_ns;
    copies->beyond_of = of;
}

/* Counted for its side and for the capture; whether a copy of it is told by itself. */
static inline bool count_genuine(struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    note_side(copies, seg, side);
    bool sure = is_sure(copies, seg, side);
    copies->side[side].sure += sure;
    if (copies->all)
        copies->all->sure += sure;
    return sure;
}

/* Written once and whole: what is written in parts has to be read back for it. */
static inline void note(struct tca_copies *copies, const struct tca_segment *seg, int side, uint64_t print,
                        uint64_t owner)
{
    unsigned at = copies->count++ % TCA_NOTED_MAX;
    uint32_t before[2] = {copies->side[0].sure, copies->side[1].sure};
    uint64_t number = copies->all ? copies->all->sure : 0;
    bool sure = !seg->quoted && count_genuine(copies, seg, side);
    copies->low[at] = (uint32_t)print;
    copies->noted[at] = (struct tca_noted){.time_ns = seg->time_ns,
                                           .owner = owner & ((UINT64_C(1) << TCA_OWNER_BITS) - 1),
                                           .number = number & ((1u << TCA_NUMBER_BITS) - 1),
                                           .before = {before[0], before[1]},
                                           .ttl = seg->ttl,
                                           .side = (uint8_t)side,
                                           .is_sure = sure,
                                           .high = (uint32_t)(print >> 32)};
}

static bool is_print(const struct tca_copies *copies, unsigned at, uint64_t print)
{
    return copies->low[at] == (uint32_t)print && copies->noted[at].high == (uint32_t)(print >> 32);
}

/* Nearly always false: without a branch and by half of the print, so that all are compared at once. */
static inline bool may_be_known(const struct tca_copies *copies, uint64_t print)
{
    uint32_t low = (uint32_t)print, known = 0;
    for (unsigned at = 0; at < TCA_NOTED_MAX; at++)
        known |= copies->low[at] == low ? UINT32_MAX : 0;
    return known;
}

/* One of those that left the ring that this is a copy of. */
static struct tca_noted *original_beyond(struct tca_copies *copies, const struct tca_segment *seg,
                                         uint64_t print)
{
    if (!copies->beyond_of || seg->time_ns - copies->beyond_ns >= WITH_ID_NS)
        return NULL;
    struct tca_beyond_one *set = tca_beyond_set(copies->beyond, print);
    for (unsigned way = 0; way < TCA_BEYOND_WAYS; way++)
        if (set[way].of == copies->beyond_of && set[way].print == print &&
            is_copy(copies, &set[way].noted, seg))
            return &set[way].noted;
    return NULL;
}

/* The oldest one that this is a copy of. */
static struct tca_noted *original_of(struct tca_copies *copies, const struct tca_segment *seg, uint64_t print)
{
    for (unsigned age = 0; age < TCA_NOTED_MAX; age++) {
        unsigned at = (copies->count + age) % TCA_NOTED_MAX;
        if (is_print(copies, at, print) && is_copy(copies, &copies->noted[at], seg))
            return &copies->noted[at];
    }
    return NULL;
}

/* Something may be equal: what it is a copy of, counted, or NULL. */
static struct tca_noted *find_original(struct tca_copies *copies, const struct tca_segment *seg,
                                       uint64_t print)
{
    struct tca_noted *original = original_beyond(copies, seg, print);
    if (!original && may_be_known(copies, print))
        original = original_of(copies, seg, print);
    if (original)
        count_copy(copies, original, seg);
    return original;
}

TCA_APART static const struct tca_noted *find_whole(struct tca_copies *copies, const struct tca_segment *seg,
                                                    int side)
{
    uint64_t print = print_of(seg, side);
    const struct tca_noted *original = find_original(copies, seg, print);
    if (original)
        return original;
    if (copies->apart.most_ns)
        push_out(copies, copies->count % TCA_NOTED_MAX, seg);
    note(copies, seg, side, print, 0);
    return NULL;
}

const struct tca_noted *tca_copies_find(struct tca_copies *copies, const struct tca_segment *seg, int side)
{
    bool taken = !seg->quoted && tca_copies_take(copies, seg, side, 0);
    return taken ? NULL : find_whole(copies, seg, side);
}

/* What no copies were seen of has none beyond the ring. */
bool tca_copies_take(struct tca_copies *copies, const struct tca_segment *seg, int side, uint64_t owner)
{
    uint64_t print = print_of(seg, side);
    if (copies->apart.most_ns || may_be_known(copies, print))
        return false;
    note(copies, seg, side, print, owner);
    return true;
}

void tca_copies_own(struct tca_copies *copies, uint64_t owner)
{
    copies->noted[(copies->count - 1) % TCA_NOTED_MAX].owner = owner & ((UINT64_C(1) << TCA_OWNER_BITS) - 1);
}
