/* SPDX-License-Identifier: MIT
 *
 * The short ways of the flow table: a segment that goes on with the one open flow of its tuple is met and taken in one go. Two
 * tables see the same segments, one by the long ways only, and know the same after each of them.
 */
#include <string.h>

#include "flow/table.h"
#include "suite.h"

enum { PAYLOAD = 16, SEGMENTS = 4000 };
#define MS INT64_C(1000000)

/* What is in the file: each is one in so many; 0: none. */
static const struct mix {
    const char *why;
    unsigned syns, ends, copies, old, tags, quiet, classes;
    unsigned least, most; /* per cent of the segments that are taken */
} mixes[] = {
    {"a long transfer", 0, 0, 0, 0, 0, 0, 0, 99, 100},
    {"segments of before", 0, 0, 0, 5, 0, 0, 0, 95, 100},
    {"changing tags", 0, 0, 0, 0, 7, 0, 0, 99, 100},
    {"one copy, and the long way from then on", 0, 0, 900, 0, 0, 0, 0, 2, 60},
    {"resets and FINs", 0, 4, 0, 3, 0, 0, 0, 90, 100},
    {"tuples used again and again: older flows remain", 60, 0, 0, 0, 0, 0, 0, 0, 20},
    {"silences of hours, after which another one begins", 0, 0, 0, 0, 0, 200, 0, 95, 100},
    {"classes that change", 0, 0, 0, 0, 0, 0, 9, 50, 95},
    {"all of it", 70, 20, 300, 9, 50, 500, 60, 0, 60},
};

struct world {
    struct tca_flow_table *table;
    unsigned over, pieces, taken, met;
};

static int flow_over(void *user, struct tca_flow *flow)
{
    (void)flow;
    ((struct world *)user)->over++;
    return 0;
}

static int piece_over(void *user, const struct tca_key *key, const struct tca_piece *piece)
{
    (void)key, (void)piece;
    ((struct world *)user)->pieces++;
    return 0;
}

static void begin(struct world *w)
{
    const struct tca_flow_settings set = {.seed = 5,
                                          .payload_size = PAYLOAD,
                                          .stream_payload_size = PAYLOAD,
                                          .over = flow_over,
                                          .piece_over = piece_over,
                                          .user = w};
    memset(w, 0, sizeof *w);
    ck_assert_int_eq(tca_flow_table_new(&set, &w->table), 0);
}

static void join(struct world *w, struct tca_waiting *one, bool shortly)
{
    struct tca_flow_look look;
    struct tca_flow_met met;
    tca_flow_look_all(w->table, &one, 1, &look);
    if (shortly && tca_flow_meet_next(w->table, &look, one)) {
        w->met++;
        return;
    }
    ck_assert_int_eq(tca_flow_meet(w->table, &one->seg, &look, &met), 0);
    one->tuple = met.tuple;
    one->stream = met.stream;
    one->stream_frame = met.stream_frame;
    one->side = (uint8_t)met.side;
}

static void use(struct world *w, const struct tca_waiting *one, enum tca_flow_class age_class, bool shortly)
{
    const struct tca_segment *seg = &one->seg;
    struct tca_flow_found found;
    const struct tca_flow_met met = {.tuple = one->tuple,
                                     .stream = one->stream,
                                     .stream_frame = one->stream_frame,
                                     .side = one->side,
                                     .now_ns = seg->time_ns};
    struct tca_flow *taken = shortly ? tca_flow_take(w->table, one, seg->time_ns) : NULL;
    if (taken) {
        w->taken++;
        if (age_class != TCA_FLOW_LIVE)
            tca_flow_note(w->table, taken, seg, one->side, age_class);
        return;
    }
    ck_assert_int_eq(tca_flow_find(w->table, &met, seg, &found), 0);
    if (found.copy || found.newer)
        return;
    if (found.commits)
        ck_assert_int_eq(tca_flow_replace_older(w->table, found.flow), 0);
    tca_flow_note(w->table, found.flow, seg, found.side, age_class);
}

/* ---- the same file for both ---- */

struct file {
    uint64_t random;
    int64_t now_ns;
    uint32_t next[2];
    bool opened;
    struct tca_segment last;
};

static unsigned any(struct file *f, unsigned below)
{
    f->random = f->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(f->random >> 33) % below;
}

static bool one_in(struct file *f, unsigned many)
{
    return many && !any(f, many);
}

static struct tca_segment segment(struct file *f, uint64_t frame, int from, unsigned flags)
{
    struct tca_segment seg = {.family = 4,
                              .frame = frame,
                              .time_ns = f->now_ns,
                              .flags = (uint16_t)flags,
                              .ttl = 60,
                              .window = 1000,
                              .seq = f->next[from],
                              .ack = flags & TCA_ACK ? f->next[1 - from] : 0,
                              .has_ip_id = true,
                              .ip_id = (uint16_t)(1 + frame % 60000)};
    memset(seg.src + 10, 0xff, 2);
    memset(seg.dst + 10, 0xff, 2);
    seg.src[15] = (uint8_t)(1 + from);
    seg.dst[15] = (uint8_t)(2 - from);
    seg.sport = from ? 80 : 40000;
    seg.dport = from ? 40000 : 80;
    return seg;
}

static struct tca_segment next_segment(struct file *f, const struct mix *mix, uint64_t frame)
{
    bool quiet = one_in(f, mix->quiet);
    f->now_ns += quiet ? 5 * 3600 * 1000 * MS : (int64_t)any(f, 20) * MS / 4;
    if (frame > 3 && one_in(f, mix->copies)) {
        struct tca_segment copy = f->last;
        copy.frame = frame;
        copy.ttl--;
        return copy;
    }
    bool syn = frame == 1 || one_in(f, mix->syns), synack = !syn && !f->opened;
    int from = syn ? 0 : synack ? 1 : (int)any(f, 2);
    if (syn)
        f->next[0] += 100000 + any(f, 1000);
    struct tca_segment seg = segment(f, frame, from, syn ? TCA_SYN : synack ? TCA_SYN | TCA_ACK : TCA_ACK);
    if (!syn && !synack) {
        seg.len = any(f, 2) ? any(f, 1400) : 0;
        seg.seq -= one_in(f, mix->old) ? 700 : 0;
        seg.tags.vlan_count = one_in(f, mix->tags);
        seg.tags.vlan[0] = seg.tags.vlan_count ? 7 : 0;
        seg.flags |= one_in(f, mix->ends) ? (any(f, 2) ? TCA_FIN : TCA_RST) : 0;
    }
    f->opened = !syn;
    f->next[from] += seg.len + (syn || synack);
    f->last = seg;
    return seg;
}

/* ---- what a table knows ---- */

static void compare_copies(const struct tca_tuple *a, const struct tca_tuple *b)
{
    struct tca_copies one = a->copies, other = b->copies;
    one.all = other.all = NULL;
    one.beyond = other.beyond = NULL;
    ck_assert_mem_eq(&one, &other, sizeof one);
}

static void compare_flows(const struct tca_flow *a, const struct tca_flow *b)
{
    struct tca_flow one, other;
    memcpy(&one, a, TCA_FLOW_HEAD);
    memcpy(&other, b, TCA_FLOW_HEAD);
    one.tuple = other.tuple = NULL;
    one.prev = other.prev = one.next = other.next = one.older = other.older = NULL;
    ck_assert_msg(!one.stream == !other.stream, "began in a stream");
    one.stream = other.stream = NULL;
    ck_assert_mem_eq(&one, &other, TCA_FLOW_HEAD);
}

static void compare(const struct tca_waiting *a, const struct tca_waiting *b)
{
    const struct tca_tuple *one = a->tuple, *other = b->tuple;
    ck_assert(one->live == other->live && one->met == other->met && one->on_stream == other->on_stream &&
              one->over_ns == other->over_ns && one->lone == other->lone);
    ck_assert(a->stream_frame == b->stream_frame && a->side == b->side);
    ck_assert_mem_eq(one->stream, other->stream, TCA_STREAM_HEAD);
    compare_copies(one, other);
    const struct tca_flow *flow = one->newest, *same = other->newest;
    for (; flow && same; flow = flow->older, same = same->older)
        compare_flows(flow, same);
    ck_assert_ptr_eq(flow, same);
}

START_TEST(ways)
{
    const struct mix *mix = &mixes[_i];
    struct world by_long, by_short;
    struct file f = {.random = 3, .now_ns = 1000 * MS, .next = {0xffff0000u, 500}};
    begin(&by_long);
    begin(&by_short);
    for (unsigned at = 1; at <= SEGMENTS; at++) {
        static struct tca_waiting one, other; /* not on the stack, where sanitizers do not align them */
        memset(&one, 0, sizeof one);
        one.seg = next_segment(&f, mix, at);
        memcpy(&other, &one, sizeof other);
        bool opens = (one.seg.flags & (TCA_SYN | TCA_ACK)) == TCA_SYN;
        enum tca_flow_class age_class = opens                      ? TCA_FLOW_OPENING
                                        : one_in(&f, mix->classes) ? TCA_FLOW_OVER
                                                                   : TCA_FLOW_LIVE;
        join(&by_long, &one, false);
        join(&by_short, &other, true);
        use(&by_long, &one, age_class, false);
        use(&by_short, &other, age_class, true);
        compare(&one, &other);
        if (at % 16)
            continue;
        ck_assert_int_eq(tca_flow_expire(by_long.table, f.now_ns), 0);
        ck_assert_int_eq(tca_flow_expire(by_short.table, f.now_ns), 0);
    }
    ck_assert_mem_eq(by_long.table->doubled, by_short.table->doubled, sizeof by_long.table->doubled);
    ck_assert_int_eq(tca_flow_table_end(by_long.table), 0);
    ck_assert_int_eq(tca_flow_table_end(by_short.table), 0);
    ck_assert_msg(by_long.over == by_short.over && by_long.pieces == by_short.pieces, "%s: told", mix->why);
    ck_assert_msg(by_short.taken >= SEGMENTS / 100 * mix->least &&
                      by_short.taken <= SEGMENTS / 100 * mix->most && by_short.met >= by_short.taken / 2,
                  "%s: %u were met and %u taken in one go", mix->why, by_short.met, by_short.taken);
    tca_flow_table_free(by_long.table);
    tca_flow_table_free(by_short.table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("take");
    add_case(suite, "both ways", ways, ROWS(mixes));
    return run_suite(suite);
}
