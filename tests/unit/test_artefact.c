/* SPDX-License-Identifier: MIT
 *
 * What the capture did and TCP did not: time disorder mended as a naive stable sort of one connection would, within the
 * bounds; copies told from what a stack really sends twice, where each row is a small script of segments; what all of a capture
 * tells of a lone one, and what its first segments do.
 */
#include "artefact/ahead.h"
#include "artefact/beyond.h"
#include "artefact/comment.h"
#include "artefact/copy.h"
#include "artefact/moved.h"
#include "artefact/order.h"
#include "suite.h"

#include <string.h>

/* ---- order ---- */

enum { LANES = 3, RECORDS = 3000, MS = 1000000 };

struct placed {
    uint64_t frame;
    int64_t time_ns;
    bool mended; /* of those that came out */
};

struct plan {
    struct placed record[RECORDS]; /* frame = place in the file, from 1 */
    uint8_t lane[RECORDS];
    struct placed out[LANES][RECORDS];
    unsigned outs[LANES];
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Lanes that know nothing of each other: with one part all, with LANES each for itself. */
struct part {
    uint64_t number[TCA_ORDER_SLOTS + TCA_ORDER_ROOM];
    unsigned joined, waits;
    uint64_t last_frame; /* used */
};

static void use(struct plan *plan, unsigned lane, const struct tca_waiting *w, struct part *part)
{
    ck_assert_msg(w->seg.frame > part->last_frame, "frame %llu is used behind frame %llu",
                  (unsigned long long)w->seg.frame, (unsigned long long)part->last_frame);
    part->last_frame = w->seg.frame;
    plan->out[lane][plan->outs[lane]++] = (struct placed){w->record, w->seg.time_ns, w->seg.mended};
}

static void work(struct plan *plan, struct tca_order *order, struct tca_lane *lanes, struct part *part,
                 const struct tca_chunk *chunk)
{
    for (; part->joined < part->waits; part->joined++) {
        struct tca_waiting *w = tca_order_at(order, part->number[part->joined]);
        tca_order_join(order, w, &lanes[plan->lane[w->record - 1]]);
    }
    unsigned used = 0;
    for (; used < part->waits && part->number[used] < chunk->ripe; used++) {
        const struct tca_waiting *w = tca_order_at(order, part->number[used]);
        use(plan, plan->lane[w->record - 1], w, part);
    }
    part->waits = part->joined -= used;
    memmove(part->number, part->number + used, part->waits * sizeof *part->number);
}

static void run_plan_as(struct plan *plan, unsigned records, unsigned parts)
{
    static struct part part[LANES];
    struct tca_order order;
    struct tca_lane lanes[LANES] = {{0}};
    memset(part, 0, sizeof part);
    ck_assert_int_eq(tca_order_init(&order), 0);
    for (unsigned at = 0; at <= records; at++) {
        if (at == records || tca_order_is_full(&order)) {
            struct tca_chunk chunk = tca_order_turn(&order, at == records);
            for (unsigned one = parts; one--;)
                work(plan, &order, lanes, &part[one], &chunk);
        }
        if (at == records)
            break;
        struct tca_waiting *w = tca_order_slot(&order);
        struct part *its = &part[plan->lane[at] % parts];
        w->seg = (struct tca_segment){.frame = plan->record[at].frame, .time_ns = plan->record[at].time_ns};
        tca_order_enter(&order, TCA_WAITING_SEGMENT, false);
        its->number[its->waits++] = w->number;
    }
    tca_order_done(&order);
}

static void run_plan(struct plan *plan, unsigned records)
{
    run_plan_as(plan, records, 1);
}

/* One lane's records, stably sorted by time: insertion, as naive as can be. */
static unsigned sorted_lane(const struct plan *plan, unsigned records, unsigned lane, struct placed *ret)
{
    unsigned count = 0;
    for (unsigned at = 0; at < records; at++) {
        if (plan->lane[at] != lane)
            continue;
        unsigned place = count++;
        for (; place && ret[place - 1].time_ns > plan->record[at].time_ns; place--)
            ret[place] = ret[place - 1];
        ret[place] = plan->record[at];
    }
    return count;
}

static struct plan plan;
static struct placed wanted[RECORDS];

/* Records up to 8 ms late, one in 0.5 ms: none passes more than 16 of its own, and all of them still wait. */
START_TEST(random_disorder)
{
    uint32_t random = (uint32_t)_i * 7919 + 1;
    memset(&plan, 0, sizeof plan);
    for (unsigned at = 0; at < RECORDS; at++) {
        int64_t late = next_random(&random) % 3 ? 0 : next_random(&random) % (8 * MS);
        plan.record[at] = (struct placed){at + 1, 1000 * MS + (int64_t)at * MS / 2 - late};
        plan.lane[at] = (uint8_t)(next_random(&random) % LANES);
    }
    run_plan(&plan, RECORDS);
    for (unsigned lane = 0; lane < LANES; lane++) {
        unsigned count = sorted_lane(&plan, RECORDS, lane, wanted);
        ck_assert_uint_eq(plan.outs[lane], count);
        for (unsigned at = 0; at < count; at++)
            ck_assert_uint_eq(plan.out[lane][at].frame, wanted[at].frame);
    }
}
END_TEST

/* Records up to 80 ms late, some beyond the window; close together as many wait as may, far apart few do. */
START_TEST(parts_change_nothing)
{
    static const int64_t step_ns[] = {10000, 100000, 300000, 2 * MS};
    static struct plan apart;
    uint32_t random = 1;
    memset(&plan, 0, sizeof plan);
    for (unsigned at = 0; at < RECORDS; at++) {
        int64_t late = next_random(&random) % 4 ? 0 : next_random(&random) % (80 * MS);
        plan.record[at] = (struct placed){at + 1, 1000 * MS + (int64_t)at * step_ns[_i] - late};
        uint32_t pick =
            next_random(&random) % 64; /* few of the first lanes: a late one may pass all of them */
        plan.lane[at] = pick < 1 ? 0 : pick < 3 ? 1 : 2;
    }
    apart = plan;
    run_plan(&plan, RECORDS);
    run_plan_as(&apart, RECORDS, LANES);
    for (unsigned lane = 0; lane < LANES; lane++) {
        ck_assert_uint_eq(plan.outs[lane], apart.outs[lane]);
        for (unsigned at = 0; at < plan.outs[lane]; at++)
            ck_assert_uint_eq(plan.out[lane][at].frame, apart.out[lane][at].frame);
    }
}
END_TEST

struct disorder_row {
    const char *why;
    unsigned before; /* records of that lane, 1 us apart, before the late one */
    int64_t late_ns; /* how much older than the newest it is */
    unsigned place;  /* where it comes out, from 0 */
};

static const struct disorder_row disorder_rows[] = {
    {"equal times stay in order", 4, 0, 4},
    {"behind the newest alone", 4, 500, 3},
    {"behind what has the same time", 4, 1000, 3},
    {"before all that wait", 4, 1 * MS, 0},
    {"exactly the window", 1, 50 * MS, 0},
    {"a nanosecond beyond the window: as it stands", 1, 50 * MS + 1, 1},
    {"as many as it may pass", 32, 10 * MS, 0},
    {"one more: it passes so many and no more", 33, 10 * MS, 1},
    {"a ring that was full has let the oldest go", 1500, 10 * MS, 1500 - 32},
};

START_TEST(one_late)
{
    const struct disorder_row *row = &disorder_rows[_i];
    int64_t base = 1000 * (int64_t)MS;
    memset(&plan, 0, sizeof plan);
    for (unsigned at = 0; at < row->before; at++)
        plan.record[at] = (struct placed){at + 1, base + (int64_t)at * 1000};
    int64_t newest = base + ((int64_t)row->before - 1) * 1000;
    plan.record[row->before] = (struct placed){row->before + 1, newest - row->late_ns};
    run_plan(&plan, row->before + 1);
    ck_assert_uint_eq(plan.outs[0], row->before + 1);
    ck_assert_msg(plan.out[0][row->place].frame == row->before + 1, "%s: frame %llu stands there", row->why,
                  (unsigned long long)plan.out[0][row->place].frame);
    for (unsigned at = 0; at <= row->before; at++) /* only what was moved is marked */
        ck_assert_msg(plan.out[0][at].mended == (at == row->place && at < row->before), "%s: place %u",
                      row->why, at);
}
END_TEST

/* What is late among others' records is not moved: its own connection is in order. */
START_TEST(lanes_are_apart)
{
    memset(&plan, 0, sizeof plan);
    for (unsigned at = 0; at < 6; at++) {
        plan.record[at] = (struct placed){at + 1, at % 2 ? 1000 + at : 500000 + at};
        plan.lane[at] = at % 2;
    }
    run_plan(&plan, 6);
    for (unsigned at = 0; at < 3; at++) {
        ck_assert(!plan.out[0][at].mended && !plan.out[1][at].mended);
        ck_assert_uint_eq(plan.out[0][at].frame, 2 * at + 1);
        ck_assert_uint_eq(plan.out[1][at].frame, 2 * at + 2);
    }
}
END_TEST

/* One time far ahead, first or in the midst: what follows it is mended as if it were not there. */
START_TEST(far_ahead)
{
    unsigned ahead = _i ? 4 : 0;
    memset(&plan, 0, sizeof plan);
    for (unsigned at = 0; at < RECORDS; at++)
        plan.record[at] = (struct placed){at + 1, (int64_t)(at ^ 1) * MS};
    plan.record[ahead] = (struct placed){ahead + 1, INT64_C(1) << 60};
    plan.lane[ahead] = 1;
    run_plan(&plan, RECORDS);
    unsigned count = sorted_lane(&plan, RECORDS, 0, wanted);
    ck_assert_uint_eq(count, RECORDS - 1);
    for (unsigned at = 0; at < count; at++)
        ck_assert_uint_eq(plan.out[0][at].frame, wanted[at].frame);
}
END_TEST

START_TEST(moved_frames)
{
    struct tca_moved moved = {0};
    ck_assert_uint_eq(tca_moved_record(NULL, 1, 7), 7);
    ck_assert_uint_eq(tca_moved_record(&moved, 1, 7), 7);
    ck_assert_int_eq(tca_moved_add(&moved, 1, 11, 10), 0);
    ck_assert_int_eq(tca_moved_add(&moved, 1, 10, 11), 0); /* not in their order */
    ck_assert_int_eq(tca_moved_add(&moved, 2, 10, 12), 0);
    ck_assert_int_eq(tca_moved_add(&moved, 2, 3, 4), 0);
    ck_assert_int_eq(tca_moved_add(&moved, 2, 4, 3), 0);
    ck_assert_int_eq(tca_moved_add(&moved, 2, 5, UINT64_C(1) << 40), 0); /* too far: not kept */
    tca_moved_sort(&moved);
    ck_assert_uint_eq(tca_moved_record(&moved, 1, 10), 11);
    ck_assert_uint_eq(tca_moved_record(&moved, 1, 11), 10);
    ck_assert_uint_eq(tca_moved_record(&moved, 1, 12), 12);
    ck_assert_uint_eq(tca_moved_record(&moved, 2, 10), 12);
    ck_assert_uint_eq(tca_moved_record(&moved, 2, 3), 4);
    ck_assert_uint_eq(tca_moved_record(&moved, 2, 5), 5);
    ck_assert_uint_eq(tca_moved_record(&moved, 3, 10), 10);
    int failed = 0;
    for (uint64_t frame = 20; !failed && moved.count < TCA_MOVED_MAX; frame++)
        failed = tca_moved_add(&moved, 3, frame, frame + 1);
    ck_assert_int_eq(failed, 0);
    ck_assert_int_eq(tca_moved_add(&moved, 4, 1, 2), 0);
    ck_assert_uint_eq(tca_moved_record(&moved, 4, 1), 1);
    tca_moved_done(&moved);
}
END_TEST

START_TEST(comments_of_records)
{
    static const struct {
        uint32_t capture;
        uint64_t record;
        const char *text;
    } kept[] = {{1, 10, "a"}, {1, 11, "b"}, {2, 3, "c"}, {2, 4, "d"}, {2, 11, "e"}};
    struct tca_comments all = {0};

    ck_assert_ptr_null(tca_comment_of(NULL, 1, 10));
    ck_assert_ptr_null(tca_comment_of(&all, 1, 10));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        ck_assert_int_eq(tca_comments_add(&all, kept[i].capture, kept[i].record, 0, kept[i].text, 1), 1);
    ck_assert_int_eq(tca_comments_add(&all, 2, 12, TCA_COMMENTS_MAX, "f", 1), 0);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        ck_assert_str_eq(tca_comment_of(&all, kept[i].capture, kept[i].record), kept[i].text);
    ck_assert_ptr_null(tca_comment_of(&all, 1, 4));
    ck_assert_ptr_null(tca_comment_of(&all, 2, 10));
    ck_assert_ptr_null(tca_comment_of(&all, 2, 12));
    ck_assert_ptr_null(tca_comment_of(&all, 3, 1));
    tca_comments_done(&all);
}
END_TEST

/* ---- copies ---- */

/* One segment a line: microseconds, side, flags, seq, ack, len, IP ID (-1: IPv6), tsval (0: no option), TTL; and is it a copy? */
struct shown {
    int us, side, flags, seq, ack, len, id, tsval, ttl;
    bool copy;
};

enum {
    S = TCA_SYN,
    SA = TCA_SYN | TCA_ACK,
    A = TCA_ACK,
    R = TCA_RST,
    FA = TCA_FIN | TCA_ACK,
    SHOWN_MAX = 14
};

struct copy_row {
    const char *why;
    struct shown segment[SHOWN_MAX]; /* ttl 0: the end */
};

/* clang-format off */
static const struct copy_row copy_rows[] = {
    {"a mirror port: the same identification",
     {{0, 0, A, 1, 1, 100, 7, 5, 64, false}, {3, 0, A, 1, 1, 100, 7, 5, 64, true}}},
    {"the same again, however often",
     {{0, 0, A, 1, 1, 0, 7, 5, 64, false}, {3, 0, A, 1, 1, 0, 7, 5, 64, true}, {6, 0, A, 1, 1, 0, 7, 5, 64, true}}},
    {"20 ms later it is the network's",
     {{0, 0, A, 1, 1, 100, 7, 5, 64, false}, {20000, 0, A, 1, 1, 100, 7, 5, 64, false}}},
    {"behind a router", {{0, 0, A, 1, 1, 100, 7, 5, 64, false}, {30, 0, A, 1, 1, 100, 7, 5, 63, true}}},
    {"behind a router, and it stands first", {{0, 0, A, 1, 1, 100, 7, 5, 63, false}, {30, 0, A, 1, 1, 100, 7, 5, 64, true}}},
    {"another TTL by far: another device speaks in its name",
     {{0, 0, R, 1, 0, 0, 7, 0, 64, false}, {30, 0, R, 1, 0, 0, 7, 0, 50, false}}},
    {"sent again: another identification",
     {{0, 0, A, 1, 1, 100, 7, 5, 64, false}, {300, 0, A, 1, 1, 100, 8, 5, 64, false}}},
    {"sent again: a newer time stamp",
     {{0, 0, A, 1, 1, 100, -1, 5, 64, false}, {1000, 0, A, 1, 1, 100, -1, 6, 64, false}}},
    {"a stack that numbers nothing: equal identifications tell nothing",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {50, 0, A, 11, 1, 10, 7, 0, 64, false}, {99, 0, A, 21, 1, 0, 7, 0, 64, false},
      {150, 0, A, 21, 1, 0, 7, 0, 64, false}}},
    {"IPv6: payload with its time stamp", {{0, 0, A, 1, 1, 100, -1, 5, 64, false}, {99, 0, A, 1, 1, 100, -1, 5, 64, true}}},
    {"IPv6: payload without, which may be sent again at once",
     {{0, 0, A, 1, 1, 100, -1, 0, 64, false}, {99, 0, A, 1, 1, 100, -1, 0, 64, false}}},
    {"IPv6: payload that the other side asked for by a second equal ACK",
     {{0, 1, A, 1, 1, 0, -1, 5, 64, false}, {10, 0, A, 1, 1, 100, -1, 5, 64, false}, {99, 1, A, 1, 1, 0, -1, 5, 64, false},
      {120, 0, A, 1, 1, 100, -1, 5, 64, false}}},
    {"the SYN+ACK of a request", {{0, 0, S, 0, 0, 0, 7, 5, 64, false}, {40, 1, SA, 0, 1, 0, 0, 9, 64, false},
                                  {90, 1, SA, 0, 1, 0, 0, 9, 64, true}}},
    {"a SYN+ACK for each SYN: the second answers what came between",
     {{0, 0, S, 0, 0, 0, 7, 5, 64, false}, {40, 1, SA, 0, 1, 0, 0, 9, 64, false}, {50, 0, S, 0, 0, 0, 8, 5, 64, false},
      {90, 1, SA, 0, 1, 0, 0, 9, 64, false}}},
    {"a SYN+ACK for each of two SYNs that were held together",
     {{0, 0, S, 0, 0, 0, 7, 5, 64, false}, {10, 0, S, 0, 0, 0, 8, 5, 64, false}, {40, 1, SA, 0, 1, 0, 0, 9, 64, false},
      {50, 1, SA, 0, 1, 0, 0, 9, 64, false}}},
    {"a reset for each segment, where nothing is doubled",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {10, 0, A, 11, 1, 10, 8, 0, 64, false}, {40, 1, R, 1, 0, 0, 0, 0, 64, false},
      {50, 1, R, 1, 0, 0, 0, 0, 64, false}}},
    {"the same reset, where its question had a copy",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {3, 0, A, 1, 1, 10, 7, 0, 64, true}, {40, 1, R, 1, 0, 0, 0, 0, 64, false},
      {43, 1, R, 1, 0, 0, 0, 0, 64, true}}},
    {"two resets, and a copy of each",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {3, 0, A, 1, 1, 10, 7, 0, 64, true}, {40, 1, R, 1, 0, 0, 0, 0, 64, false},
      {43, 1, R, 1, 0, 0, 0, 0, 64, true}, {60, 1, R, 1, 0, 0, 0, 0, 64, false}, {63, 1, R, 1, 0, 0, 0, 0, 64, true}}},
    {"only the one direction is doubled",
     {{0, 1, A, 1, 1, 10, 9, 0, 64, false}, {5, 0, A, 1, 1, 10, 7, 0, 64, false}, {8, 0, A, 1, 1, 10, 7, 0, 64, true},
      {40, 1, R, 1, 0, 0, 0, 0, 64, false}, {43, 1, R, 1, 0, 0, 0, 0, 64, false}}},
    {"no longer doubled: the newest segment that tells had no copy",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {3, 0, A, 1, 1, 10, 7, 0, 64, true}, {30, 0, A, 11, 1, 10, 8, 0, 64, false},
      {40, 1, R, 1, 0, 0, 0, 0, 64, false}, {43, 1, R, 1, 0, 0, 0, 0, 64, false}}},
    {"much farther behind than other copies are",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {3, 0, A, 1, 1, 10, 7, 0, 64, true}, {40, 1, R, 1, 0, 0, 0, 0, 64, false},
      {2000, 1, R, 1, 0, 0, 0, 0, 64, false}}},
    {"routed like the other copies: TIME_WAIT's ACK",
     {{0, 0, FA, 1, 1, 0, 7, 5, 64, false}, {3, 0, FA, 1, 1, 0, 7, 5, 63, true}, {40, 1, A, 1, 2, 0, 0, 9, 64, false},
      {43, 1, A, 1, 2, 0, 0, 9, 63, true}}},
    {"through another number of routers than other copies: TIME_WAIT's two ACKs",
     {{0, 0, FA, 1, 1, 0, 7, 5, 64, false}, {3, 0, FA, 1, 1, 0, 7, 5, 63, true}, {40, 1, A, 1, 2, 0, 0, 9, 64, false},
      {43, 1, A, 1, 2, 0, 0, 9, 64, false}}},
    {"three of each: the interface, its bridge, and behind the router",
     {{0, 0, FA, 1, 1, 0, 7, 5, 64, false}, {1, 0, FA, 1, 1, 0, 7, 5, 64, true}, {3, 0, FA, 1, 1, 0, 7, 5, 63, true},
      {40, 1, A, 1, 2, 0, 0, 9, 64, false}, {41, 1, A, 1, 2, 0, 0, 9, 64, true}, {43, 1, A, 1, 2, 0, 0, 9, 63, true},
      {50, 1, A, 1, 2, 0, 0, 9, 64, false}}},
    {"copies that come later than what follows",
     {{0, 0, S, 0, 0, 0, -1, 5, 64, false}, {40, 1, SA, 0, 1, 0, -1, 9, 64, false}, {60, 0, A, 1, 1, 0, -1, 5, 64, false},
      {200, 0, S, 0, 0, 0, -1, 5, 64, true}, {240, 1, SA, 0, 1, 0, -1, 9, 64, true}, {260, 0, A, 1, 1, 0, -1, 5, 64, true}}},
    {"no identification: not after 5 ms",
     {{0, 0, S, 0, 0, 0, 7, 5, 64, false}, {40, 1, SA, 0, 1, 0, 0, 9, 64, false}, {5040, 1, SA, 0, 1, 0, 0, 9, 64, false}}},
    {"a SYN came between, though a copy would come as late",
     {{0, 0, S, 0, 0, 0, 7, 5, 64, false}, {200, 0, S, 0, 0, 0, 7, 5, 64, true}, {240, 1, SA, 0, 1, 0, 0, 9, 64, false},
      {300, 0, S, 0, 0, 0, 8, 5, 64, false}, {450, 1, SA, 0, 1, 0, 0, 9, 64, false}}},
    {"much sooner than other copies: sent for another segment",
     {{0, 0, A, 1, 1, 10, 7, 0, 64, false}, {200, 0, A, 1, 1, 10, 7, 0, 64, true}, {300, 0, A, 11, 1, 10, 8, 0, 64, false},
      {500, 0, A, 11, 1, 10, 8, 0, 64, true}, {600, 1, R, 1, 0, 0, 0, 0, 64, false}, {660, 1, R, 1, 0, 0, 0, 0, 64, false},
      {800, 1, R, 1, 0, 0, 0, 0, 64, true}, {860, 1, R, 1, 0, 0, 0, 0, 64, true}}},
    {"three of each, while the next segment has two so far",
     {{0, 0, FA, 1, 1, 0, 7, 5, 64, false}, {2, 0, FA, 1, 1, 0, 7, 5, 64, true}, {4, 0, FA, 1, 1, 0, 7, 5, 64, true},
      {40, 1, A, 1, 2, 0, 0, 9, 64, false}, {41, 0, A, 2, 1, 0, 8, 5, 64, false}, {42, 1, A, 1, 2, 0, 0, 9, 64, true},
      {43, 0, A, 2, 1, 0, 8, 5, 64, true}, {44, 1, A, 1, 2, 0, 0, 9, 64, true}, {45, 0, A, 2, 1, 0, 8, 5, 64, true}}},
    {"the path's own duplicates come later than copies, and do not tell how soon a copy may come",
     {{0, 0, S, 0, 0, 0, -1, 5, 64, false}, {0, 0, S, 0, 0, 0, -1, 5, 64, true}, {40, 1, SA, 0, 1, 0, -1, 9, 64, false},
      {40, 1, SA, 0, 1, 0, -1, 9, 64, true}, {3340, 1, SA, 0, 1, 0, -1, 9, 64, true}, {3340, 1, SA, 0, 1, 0, -1, 9, 64, true},
      {3400, 0, A, 1, 1, 0, -1, 6, 64, false}, {3400, 0, A, 1, 1, 0, -1, 6, 64, true}}},
    {"a lone one without identification: no evidence",
     {{0, 0, A, 1, 1, 0, 0, 5, 64, false}, {3, 0, A, 1, 1, 0, 0, 5, 64, false}}},
};
/* clang-format on */

static struct tca_segment segment_of(const struct shown *one)
{
    return (struct tca_segment){.time_ns = 1000000000 + (int64_t)one->us * 1000,
                                .frame = 1 + (uint64_t)one->us,
                                .flags = (uint16_t)one->flags,
                                .seq = (uint32_t)one->seq,
                                .ack = (uint32_t)one->ack,
                                .len = (uint32_t)one->len,
                                .has_ip_id = one->id >= 0,
                                .ip_id = one->id > 0 ? (uint16_t)one->id : 0,
                                .ttl = (uint8_t)one->ttl,
                                .window = 500,
                                .opt = {.has_ts = one->tsval != 0, .tsval = (uint32_t)one->tsval}};
}

START_TEST(copies)
{
    const struct copy_row *row = &copy_rows[_i];
    struct tca_copies state = {0};
    for (int at = 0; at < SHOWN_MAX && row->segment[at].ttl; at++) {
        const struct shown *one = &row->segment[at];
        struct tca_segment seg = segment_of(one);
        bool copy = tca_copies_find(&state, &seg, one->side) != NULL;
        ck_assert_msg(copy == one->copy, "%s: segment %d is%s taken for a copy", row->why, at + 1,
                      copy ? "" : " not");
    }
}
END_TEST

/* Whose fragments came again is a copy without an identification of its own too, as IPv6 has none. */
START_TEST(fragments_again)
{
    struct tca_copies state = {0};
    struct shown one = {0, 0, A, 1, 1, 10, -1, 0, 64, false},
                 after = {19999, 0, A, 1, 1, 10, -1, 0, 64, false};
    struct tca_segment first = segment_of(&one), second = segment_of(&after);
    ck_assert_ptr_null(tca_copies_find(&state, &first, 0));
    second.again = true;
    ck_assert_ptr_nonnull(tca_copies_find(&state, &second, 0));
    second.again = false;
    ck_assert_ptr_null(tca_copies_find(&state, &second, 0));
    ck_assert_uint_eq(state.side[0].copied, 0); /* and no evidence of what others are */
}
END_TEST

/* A busy side's segments, 2 us apart, each copied so many segments later. With room beyond the ring every copy is told. */
static void busy(struct tca_copies *state, int behind, int segments, int *ret_copies)
{
    *ret_copies = 0;
    for (int at = 0; at < segments + behind; at++) {
        struct shown one = {2 * at, 0, A, 1 + 10 * at, 1, 10, 1 + at, 5, 64, false},
                     again = {2 * at + 1, 0, A, 1 + 10 * (at - behind), 1, 10, 1 + at - behind, 5, 64, true};
        struct tca_segment first = segment_of(&one), second = segment_of(&again);
        if (at < segments)
            ck_assert_ptr_null(tca_copies_find(state, &first, 0));
        if (at >= behind)
            *ret_copies += tca_copies_find(state, &second, 0) != NULL;
    }
}

START_TEST(far_behind)
{
    struct tca_beyond beyond = {0};
    struct tca_copies state = {.beyond = &beyond}, without = {0}, other = {.beyond = &beyond};
    int told;
    busy(&without, 8, 50, &told); /* near enough: now it is known */
    ck_assert_int_eq(told, 50);
    ck_assert(!without.beyond_of);
    busy(&state, 8, 50, &told);
    busy(&state, 150, 1000, &told);
    ck_assert_int_eq(told, 1000);
    busy(&other, 150, 1000, &told); /* of this tuple nothing is known */
    ck_assert_int_eq(told, 0);
    ck_assert(!other.beyond_of);
    tca_beyond_done(&beyond);
}
END_TEST

START_TEST(full_set)
{
    struct tca_beyond beyond = {0};
    for (int at = 0; at < TCA_BEYOND_WAYS + 2; at++)
        tca_beyond_put(&beyond, &(struct tca_beyond_one){
                                    .of = 1, .print = 5, .noted = {.time_ns = at, .owner = (uint64_t)at}});
    uint64_t owners = 0;
    for (unsigned way = 0; way < TCA_BEYOND_WAYS; way++)
        owners |= UINT64_C(1) << tca_beyond_set(&beyond, 5)[way].noted.owner;
    ck_assert_uint_eq(owners,
                      ((UINT64_C(1) << (TCA_BEYOND_WAYS + 2)) - 1) & ~UINT64_C(3)); /* the oldest two went */
    tca_beyond_done(&beyond);
}
END_TEST

/* The connection of a copy is that of its original, whatever came between. */
START_TEST(owner_is_kept)
{
    struct tca_copies state = {0};
    struct shown one = {0, 0, A, 1, 1, 10, 7, 0, 64, false}, other = {5, 0, S, 9, 0, 0, 8, 0, 64, false};
    struct tca_segment first = segment_of(&one), second = segment_of(&other);
    ck_assert_ptr_null(tca_copies_find(&state, &first, 0));
    tca_copies_own(&state, 41);
    ck_assert_ptr_null(tca_copies_find(&state, &second, 0));
    tca_copies_own(&state, 42);
    const struct tca_noted *found = tca_copies_find(&state, &first, 0);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->owner, 41);
}
END_TEST

/* ---- what the capture tells ---- */

/* So many segments, each of another connection, 1 ms apart; the first of them have no copy, the others one. */
static void show(struct tca_doubled *all, int count, int without, int apart_us, int ttl)
{
    for (int at = 0; at < count; at++) {
        struct tca_copies state = {.all = all};
        struct shown one = {1000 * at, 0, A, 1, 1, 10, 7, 5, 64, false}, again = one;
        again.us += apart_us;
        again.ttl = ttl;
        struct tca_segment first = segment_of(&one), second = segment_of(&again);
        ck_assert_ptr_null(tca_copies_find(&state, &first, 0));
        if (at >= without)
            ck_assert_ptr_nonnull(tca_copies_find(&state, &second, 0));
    }
}

/* Then a lone reset, twice. */
static const struct lone_row {
    const char *why;
    int count, without, apart_us, ttl; /* of the others, the last of which are without a copy: after */
    int after;
    int again_us, again_ttl;
    bool copy;
} lone_rows[] = {
    {"nothing is known", 0, 0, 3, 64, 0, 3, 64, false},
    {"thirty with a copy", 30, 0, 3, 64, 0, 3, 64, true},
    {"twenty-nine", 29, 0, 3, 64, 0, 3, 64, false},
    {"one in twenty without", 40, 2, 3, 64, 0, 3, 64, true},
    {"more without", 40, 3, 3, 64, 0, 3, 64, false},
    {"none with", 400, 400, 3, 64, 0, 3, 64, false},
    {"half of them", 400, 200, 3, 64, 0, 3, 64, false},
    {"the newest without", 100, 0, 3, 64, 1, 3, 64, false},
    {"at once, all", 30, 0, 0, 64, 0, 0, 64, true},
    {"much sooner than the others", 30, 0, 200, 64, 0, 60, 64, false},
    {"much later", 30, 0, 3, 64, 0, 1000, 64, false},
    {"a little later", 30, 0, 200, 64, 0, 500, 64, true},
    {"behind a router, as the others", 30, 0, 20, 63, 0, 20, 63, true},
    {"behind a router, the others are not", 30, 0, 20, 64, 0, 20, 63, false},
    {"the others are behind a router", 30, 0, 20, 63, 0, 20, 64, false},
};

START_TEST(lone)
{
    const struct lone_row *row = &lone_rows[_i];
    struct tca_doubled all = {0};
    show(&all, row->count, row->without, row->apart_us, row->ttl);
    show(&all, row->after, row->after, row->apart_us, row->ttl);
    struct tca_copies state = {.all = &all};
    struct shown one = {9000000, 1, R, 1, 0, 0, 0, 0, 64, false}, again = one;
    again.us += row->again_us;
    again.ttl = row->again_ttl;
    struct tca_segment first = segment_of(&one), second = segment_of(&again);
    ck_assert_ptr_null(tca_copies_find(&state, &first, 1));
    bool copy = tca_copies_find(&state, &second, 1) != NULL;
    ck_assert_msg(copy == row->copy, "%s: is%s taken for a copy", row->why, copy ? "" : " not");
    ck_assert_msg(!copy || !tca_copies_find(&state, &second, 1), "%s: there are two of each", row->why);
}
END_TEST

/* What its own connection shows counts more. */
START_TEST(its_own_has_none)
{
    struct tca_doubled all = {0};
    struct tca_copies state = {.all = &all};
    struct shown data = {0, 0, A, 1, 1, 10, 7, 5, 64, false},
                 reset = {9000000, 1, R, 1, 0, 0, 0, 0, 64, false};
    struct tca_segment first = segment_of(&data), second = segment_of(&reset), third = second;
    ck_assert_ptr_null(tca_copies_find(&state, &first, 0));
    show(&all, 100, 0, 0, 64);
    ck_assert_ptr_null(tca_copies_find(&state, &second, 1));
    ck_assert_ptr_null(tca_copies_find(&state, &third, 1));
}
END_TEST

/* A second copy of some does not make up for those that have none. */
START_TEST(each_counts_once)
{
    struct tca_doubled all = {0};
    struct shown one = {0, 0, A, 1, 1, 10, 7, 5, 64, false};
    struct tca_segment first = segment_of(&one);
    for (int at = 0; at < 100; at++) {
        struct tca_copies state = {.all = &all};
        for (int times = 0; times < (at % 2 ? 3 : 1); times++)
            tca_copies_find(&state, &first, 0);
    }
    ck_assert_uint_eq(all.copied, 100);
    ck_assert_uint_eq(all.had, 50);
}
END_TEST

/* How the newest are doubled, not how older ones were. */
START_TEST(as_the_newest)
{
    struct tca_doubled all = {0};
    show(&all, 50, 0, 20, 63);
    show(&all, 50, 0, 20, 64);
    struct tca_copies state = {.all = &all};
    struct shown one = {9000000, 1, R, 1, 0, 0, 0, 0, 64, false},
                 behind = {9000020, 1, R, 1, 0, 0, 0, 0, 63, false};
    struct tca_segment first = segment_of(&one), second = segment_of(&behind);
    ck_assert_ptr_null(tca_copies_find(&state, &first, 1));
    ck_assert_ptr_null(tca_copies_find(&state, &second, 1));
}
END_TEST

/* The numbers that are kept of a capture's segments are short: they go round. */
START_TEST(numbers_go_round)
{
    for (uint64_t before = 0; before < 40; before += 13) {
        struct tca_doubled all = {.sure = (UINT64_C(7) << TCA_NUMBER_BITS) - before};
        all.copied = all.had = all.sure;
        show(&all, 40, 0, 3, 64);
        ck_assert_uint_eq(all.sure, (UINT64_C(7) << TCA_NUMBER_BITS) - before + 40);
        ck_assert_uint_eq(all.copied, all.sure);
        ck_assert_uint_eq(all.had, all.sure);
    }
}
END_TEST

static struct tca_waiting held_of(const struct shown *one, uint16_t port, enum tca_waiting_kind kind)
{
    struct tca_waiting held = {.seg = segment_of(one), .kind = (uint8_t)kind};
    held.seg.sport = port;
    held.seg.dport = 80;
    held.seg.src[15] = 1;
    held.seg.dst[15] = 2;
    return held;
}

static void turn_round(struct tca_segment *seg)
{
    const struct tca_segment was = *seg;
    seg->sport = was.dport;
    seg->dport = was.sport;
    memcpy(seg->src, was.dst, sizeof seg->src);
    memcpy(seg->dst, was.src, sizeof seg->dst);
}

/* What stands at a capture's beginning. */
static struct tca_waiting first[TCA_AHEAD_MAX + 1];
static unsigned firsts;

static void learn(struct tca_doubled *ret_doubled)
{
    ck_assert_int_eq(tca_ahead_learn(first, firsts, ret_doubled), 0);
}

/* Of so many segments each is there again, and of one the copy would come behind what is looked at. */
START_TEST(looks_ahead)
{
    struct tca_doubled doubled;
    struct shown one = {0, 0, A, 1, 1, 10, 7, 5, 64, false};
    firsts = 0;
    for (int at = 0; at < 35; at++) {
        one.us = 10 * at;
        struct tca_waiting held = held_of(&one, (uint16_t)(1000 + at), TCA_WAITING_SEGMENT);
        first[firsts++] = held;
        held.seg.time_ns += 3000;
        if (at < 34)
            first[firsts++] = held;
    }
    learn(&doubled);
    ck_assert_uint_eq(doubled.copied, 34);
    ck_assert_uint_eq(doubled.had, 34);
    ck_assert_uint_eq(doubled.sure, 34);
}
END_TEST

/* Equal ones of other connections, or of the other side, are no copies, nor is what is no segment; what is too far behind is
 * not looked at. */
START_TEST(looks_at_each_apart)
{
    struct tca_doubled doubled;
    struct shown one = {0, 0, A, 1, 1, 10, 7, 5, 64, false};
    struct tca_waiting held = held_of(&one, 1000, TCA_WAITING_SEGMENT),
                       other = held_of(&one, 1001, TCA_WAITING_SEGMENT), elsewhere = held, back = held,
                       none = held_of(&one, 1000, TCA_WAITING_NUMBER);
    turn_round(&back.seg);
    elsewhere.seg.dst[15] = 3;
    const struct tca_waiting all[] = {held, other, elsewhere, none, back};
    for (firsts = 0; firsts <= TCA_AHEAD_MAX; firsts++)
        first[firsts] = firsts < ROWS(all) ? all[firsts] : none;
    first[TCA_AHEAD_MAX] = back;
    learn(&doubled);
    ck_assert_uint_eq(doubled.had, 0);
    first[5] = back; /* and once more: of that side */
    learn(&doubled);
    ck_assert_uint_eq(doubled.had, 1);
    ck_assert_uint_eq(doubled.copied, 4);
}
END_TEST

static void hold(const struct shown *one, bool answers)
{
    struct tca_waiting held = held_of(one, 1000, TCA_WAITING_SEGMENT);
    if (answers)
        turn_round(&held.seg);
    first[firsts++] = held;
}

/* Two SYNs may draw two equal SYN+ACKs: whoever sees both sides together knows. */
START_TEST(looks_at_both_sides)
{
    static const struct shown all[] = {{0, 0, S, 1, 0, 0, -1, 5, 64, false},
                                       {1, 0, S, 1, 0, 0, -1, 6, 64, false},
                                       {2, 0, SA, 1, 2, 0, -1, 9, 64, false},
                                       {3, 0, SA, 1, 2, 0, -1, 9, 64, false}};
    struct tca_doubled doubled;
    firsts = 0;
    for (unsigned at = 0; at < ROWS(all); at++)
        hold(&all[at], at >= 2);
    learn(&doubled);
    ck_assert_uint_eq(doubled.had, 0);
}
END_TEST

/* A busy connection: the copies come behind many others of its segments. */
START_TEST(looks_beyond)
{
    struct tca_doubled doubled;
    firsts = 0;
    for (int at = 0; at < 140; at++) {
        struct shown one = {at, 0, A, 1 + at, 1, 1, 1 + at, 5, 64, false},
                     again = {at, 0, A, at - 39, 1, 1, at - 39, 5, 64, false};
        if (at < 100)
            hold(&one, false);
        if (at < 1)
            hold(&one, false);
        if (at >= 40)
            hold(&again, false);
    }
    learn(&doubled);
    ck_assert_uint_eq(doubled.had, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("artefact");
    add_case(suite, "random disorder", random_disorder, 20);
    add_case(suite, "parts change nothing", parts_change_nothing, 4);
    add_case(suite, "one late", one_late, ROWS(disorder_rows));
    add_case(suite, "lanes", lanes_are_apart, 1);
    add_case(suite, "far ahead", far_ahead, 2);
    add_case(suite, "moved frames", moved_frames, 1);
    add_case(suite, "comments of records", comments_of_records, 1);
    add_case(suite, "copies", copies, ROWS(copy_rows));
    add_case(suite, "fragments again", fragments_again, 1);
    add_case(suite, "far behind", far_behind, 1);
    add_case(suite, "full set", full_set, 1);
    add_case(suite, "owner", owner_is_kept, 1);
    add_case(suite, "lone", lone, ROWS(lone_rows));
    add_case(suite, "its own has none", its_own_has_none, 1);
    add_case(suite, "numbers go round", numbers_go_round, 1);
    add_case(suite, "looks ahead", looks_ahead, 1);
    add_case(suite, "looks at each apart", looks_at_each_apart, 1);
    add_case(suite, "looks at both sides", looks_at_both_sides, 1);
    add_case(suite, "looks beyond", looks_beyond, 1);
    add_case(suite, "each counts once", each_counts_once, 1);
    add_case(suite, "as the newest", as_the_newest, 1);
    return run_suite(suite);
}
