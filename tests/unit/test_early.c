/* SPDX-License-Identifier: MIT
 *
 * Tuples that are finished early: so many of a partition are remembered, and which ones go follows from the segments alone, not
 * from the form in which a tuple waits, from the seed, nor from what else the table holds.
 */
#include <string.h>

#include "flow/table.h"
#include "suite.h"

enum { MOST = 40, SLACK = MOST / 4, CHUNK = 50, PLACES_MAX = 30000, FLOWS_MAX = 10000 };
#define SECOND_NS INT64_C(1000000000)
#define STEP_NS   INT64_C(3000000)

/* An owner that keeps no payloads, and notes what was finished early, and in which chunk. */
struct owner {
    struct tca_flow_table *table;
    struct parcel {
        uint8_t bytes[TCA_PARCEL_MAX];
        size_t size;
    } * parcel;
    unsigned places, chunk;
    uint16_t told[FLOWS_MAX];  /* by first frame: so often */
    uint16_t early[FLOWS_MAX]; /* by first frame: the chunk in which it was; 0: it was not */
    unsigned earlies, parked, unpacked, forgotten;
};

static int flow_over(void *user, struct tca_flow *flow)
{
    struct owner *o = user;
    o->told[flow->first_frame]++;
    if (flow->cut_short) {
        ck_assert_uint_eq(o->early[flow->first_frame], 0);
        o->early[flow->first_frame] = (uint16_t)(o->chunk + 1);
        o->earlies++;
    }
    return 0;
}

static bool may_park(void *user, struct tca_flow *flow)
{
    (void)user, (void)flow;
    return true;
}

static int park(void *user, struct tca_flow *flow, const void *parcel, size_t size, uint64_t *ret_place)
{
    struct owner *o = user;
    ck_assert_uint_lt(o->places, PLACES_MAX);
    (void)flow;
    memcpy(o->parcel[o->places].bytes, parcel, size);
    o->parcel[o->places].size = size;
    *ret_place = o->places++;
    o->parked++;
    return 0;
}

static int recall(void *user, uint64_t place, void *payload, void *stream_payload, void *ret_parcel,
                  uint32_t *ret_note)
{
    struct owner *o = user;
    (void)payload, (void)stream_payload;
    memcpy(ret_parcel, o->parcel[place].bytes, o->parcel[place].size);
    *ret_note = 0;
    return 0;
}

static void forget(void *user, struct tca_flow *flow)
{
    (void)flow;
    ((struct owner *)user)->forgotten++;
}

static int again(void *user, struct tca_flow *flow, const struct tca_segment *syn, int side)
{
    (void)user, (void)flow, (void)syn, (void)side;
    return 0;
}

static size_t pack_room(void *user, const struct tca_flow *flow)
{
    (void)user, (void)flow;
    return 8;
}

static uint8_t *pack(void *user, struct tca_flow *flow, uint8_t *out)
{
    (void)user, (void)flow;
    return out;
}

static const uint8_t *unpack(void *user, const uint8_t *in, void *payload)
{
    (void)payload;
    ((struct owner *)user)->unpacked++;
    return in;
}

/* In which forms tuples wait. */
struct form {
    const char *name;
    uint64_t seed;
    bool parks, embryos, packs;
    size_t most;
};
static const struct form forms[] = {
    {.name = "all as they are", .seed = 1},
    {.name = "parked when quiet", .seed = 2, .parks = true},
    {.name = "parked at once", .seed = 3, .parks = true, .most = 1},
    {.name = "embryos", .seed = 4, .parks = true, .embryos = true},
    {.name = "embryos at once, the rest packed",
     .seed = 5,
     .parks = true,
     .embryos = true,
     .packs = true,
     .most = 30},
    {.name = "packed", .seed = 6, .parks = true, .embryos = true, .packs = true},
};

static struct owner *begin(const struct form *form)
{
    struct owner *o = calloc(1, sizeof *o);
    ck_assert_ptr_nonnull(o);
    o->parcel = calloc(PLACES_MAX, sizeof *o->parcel);
    ck_assert_ptr_nonnull(o->parcel);
    const struct tca_flow_settings set = {.seed = form->seed,
                                          .remembered = MOST,
                                          .most = {form->most, form->most, form->most},
                                          .payload_size = 16,
                                          .stream_payload_size = 16,
                                          .over = flow_over,
                                          .may_park = may_park,
                                          .park = form->parks ? park : NULL,
                                          .recall = recall,
                                          .forget = form->embryos ? forget : NULL,
                                          .again = again,
                                          .pack_room = pack_room,
                                          .pack = form->packs ? pack : NULL,
                                          .unpack = unpack,
                                          .user = o};
    ck_assert_int_eq(tca_flow_table_new(&set, &o->table), 0);
    return o;
}

static void end(struct owner *o)
{
    tca_flow_table_free(o->table);
    free(o->parcel);
    free(o);
}

/* Of client number `from_client`; frame and time are its place in the file. */
static struct tca_segment segment(uint32_t client, bool answer, uint64_t frame, unsigned flags)
{
    struct tca_segment seg = {.family = client % 7 ? 4 : 6,
                              .time_ns = SECOND_NS + (int64_t)frame * STEP_NS,
                              .frame = frame,
                              .flags = (uint16_t)flags,
                              .ttl = 60,
                              .window = 1000,
                              .seq = 1000 + (uint32_t)frame,
                              .ack = flags & TCA_ACK ? 77 : 0};
    uint8_t *addr[2] = {answer ? seg.dst : seg.src, answer ? seg.src : seg.dst};
    for (int at = 0; at < 2; at++) {
        memset(addr[at] + 10, 0xff, 2);
        addr[at][0] = seg.family == 4 ? 0 : 0xfd;
    }
    memcpy(addr[0] + 12, &client, sizeof client);
    addr[1][15] = 1;
    seg.sport = answer ? 80 : 40000;
    seg.dport = answer ? 40000 : 80;
    return seg;
}

static void feed(struct owner *o, const struct tca_segment *seg, enum tca_flow_class age_class)
{
    struct tca_flow_met met;
    struct tca_flow_found found;
    struct tca_flow_look look;
    tca_flow_look(o->table, seg, &look);
    ck_assert_int_eq(tca_flow_meet(o->table, seg, &look, &met), 0);
    ck_assert_int_eq(tca_flow_find(o->table, &met, seg, &found), 0);
    if (!found.copy)
        tca_flow_note(o->table, found.flow, seg, found.side, age_class);
}

/* The chunk is over. */
static void turn(struct owner *o, uint64_t frame)
{
    o->chunk++;
    ck_assert_int_eq(tca_flow_expire(o->table, SECOND_NS + (int64_t)frame * STEP_NS), 0);
}

static unsigned part_of(const struct tca_segment *seg)
{
    return tca_partition_of_segment(seg);
}

static unsigned in_part(const struct tca_flow_table *table, unsigned part)
{
    unsigned count = 0;
    for (size_t at = 0; at < table->slot_count; at++)
        count += table->slot[at].what && (table->slot[at].tag & TCA_TAG_PARTITION) == part;
    return count;
}

/* SYNs, open and closed connections; some say something again, one in eleven of those that were finished, too. */
static void flow_of_traffic(struct owner *o, uint64_t frames)
{
    static const enum tca_flow_class classes[] = {TCA_FLOW_OPENING, TCA_FLOW_LIVE, TCA_FLOW_OVER,
                                                  TCA_FLOW_OPENING, TCA_FLOW_OPENING};
    for (uint64_t frame = 1; frame <= frames; frame++) {
        bool back = frame % 11 == 0;
        uint32_t client = (uint32_t)(back ? frame * 5 / 7 : frame);
        enum tca_flow_class age_class = back ? TCA_FLOW_LIVE : classes[client % 5];
        struct tca_segment seg =
            segment(client, false, frame, age_class == TCA_FLOW_OPENING ? TCA_SYN : TCA_ACK);
        feed(o, &seg, age_class);
        if (frame % CHUNK == 0)
            turn(o, frame);
    }
}

enum { FRAMES = 9000 };

START_TEST(test_forms)
{
    struct owner *plain = begin(&forms[0]), *o = begin(&forms[_i]);
    flow_of_traffic(plain, FRAMES);
    flow_of_traffic(o, FRAMES);
    ck_assert_uint_gt(plain->earlies, FRAMES / 2);
    ck_assert_uint_eq(plain->earlies, o->earlies);
    for (unsigned frame = 0; frame < FLOWS_MAX; frame++)
        ck_assert_msg(plain->early[frame] == o->early[frame], "%s: frame %u: chunk %u, not %u",
                      forms[_i].name, frame, o->early[frame], plain->early[frame]);
    ck_assert_msg(!forms[_i].embryos || o->forgotten, "some were embryos");
    ck_assert_msg(!forms[_i].packs || o->unpacked, "some were packed");
    ck_assert_msg(!forms[_i].most || !forms[_i].parks || o->parked, "some were parked");
    end(plain);
    end(o);
}
END_TEST

/* What a partition remembers does not depend on the others: those that are not fed here are another table's. */
START_TEST(test_shards)
{
    struct owner *all = begin(&forms[3]), *odd = begin(&forms[2]);
    for (uint64_t frame = 1; frame <= FRAMES; frame++) {
        struct tca_segment seg = segment((uint32_t)frame, false, frame, TCA_SYN);
        feed(all, &seg, TCA_FLOW_OPENING);
        if (part_of(&seg) % 2)
            feed(odd, &seg, TCA_FLOW_OPENING);
        if (frame % CHUNK)
            continue;
        turn(all, frame);
        turn(odd, frame);
    }
    unsigned odds = 0;
    for (unsigned frame = 1; frame <= FRAMES; frame++) {
        struct tca_segment seg = segment(frame, false, frame, TCA_SYN);
        if (part_of(&seg) % 2) {
            ck_assert_uint_eq(all->early[frame], odd->early[frame]);
            odds += odd->early[frame] != 0;
        }
    }
    ck_assert_uint_gt(odds, FRAMES / 4);
    ck_assert_uint_eq(odds, odd->earlies);
    end(all);
    end(odd);
}
END_TEST

START_TEST(test_bound)
{
    struct owner *o = begin(&forms[_i]);
    for (uint64_t frame = 1; frame <= FRAMES; frame++) {
        struct tca_segment seg = segment((uint32_t)frame, false, frame, TCA_SYN);
        feed(o, &seg, TCA_FLOW_OPENING);
        if (frame % CHUNK)
            continue;
        turn(o, frame);
        if (frame % 1000)
            continue;
        for (unsigned part = 0; part < TCA_PARTITIONS; part++)
            ck_assert_uint_le(in_part(o->table, part), MOST + SLACK + CHUNK);
    }
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        ck_assert_uint_ge(in_part(o->table, part), MOST);
    ck_assert_int_eq(tca_flow_table_end(o->table), 0);
    for (unsigned frame = 1; frame <= FRAMES; frame++)
        ck_assert_msg(o->told[frame] || forms[_i].parks, "frame %u is not told", frame);
    end(o);
}
END_TEST

/* Whoever fills one partition harms that one, and there first SYNs, then what is over, live ones last. */
START_TEST(test_attack)
{
    enum { VICTIM = 5, OF_EACH = 12, ATTACK = 2000 };
    static const enum tca_flow_class order[] = {TCA_FLOW_LIVE, TCA_FLOW_OVER};
    struct owner *o = begin(&forms[_i]);
    uint64_t frame = 0, first_attack;
    uint32_t client = 0;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned count = 0; count < OF_EACH; client++) {
            struct tca_segment seg = segment(client, false, frame + 1, TCA_ACK);
            if (part_of(&seg) != VICTIM)
                continue;
            feed(o, &seg, order[kind]);
            frame++, count++;
        }
    uint64_t others = frame;
    for (unsigned count = 0; count < OF_EACH; count++, client++) {
        struct tca_segment seg = segment(client, false, ++frame, TCA_SYN);
        while (part_of(&seg) == VICTIM)
            seg = segment(++client, false, frame, TCA_SYN);
        feed(o, &seg, TCA_FLOW_OPENING);
    }
    first_attack = frame + 1;
    for (unsigned count = 0; count < ATTACK; client++) {
        struct tca_segment seg = segment(client, false, frame + 1, TCA_SYN);
        if (part_of(&seg) != VICTIM)
            continue;
        feed(o, &seg, TCA_FLOW_OPENING);
        count++;
        if (++frame % CHUNK == 0)
            turn(o, frame);
    }
    turn(o, frame);
    ck_assert_uint_le(in_part(o->table, VICTIM), MOST + SLACK);
    for (uint64_t at = 1; at < first_attack; at++)
        ck_assert_msg(!o->early[at], "frame %u of %u stays", (unsigned)at, (unsigned)others);
    ck_assert_uint_ge(o->earlies, ATTACK - MOST - SLACK);
    uint64_t newest = 0, oldest_left = UINT64_MAX;
    for (uint64_t at = first_attack; at <= frame; at++) {
        newest = o->early[at] ? at : newest;
        oldest_left = !o->early[at] && at < oldest_left ? at : oldest_left;
    }
    ck_assert_msg(newest < oldest_left, "the oldest went first");
    /* Of live ones alone: what is over went, and the oldest of them. */
    uint64_t live = frame + 1;
    for (unsigned count = 0; count < ATTACK; client++) {
        struct tca_segment seg = segment(client, false, frame + 1, TCA_ACK);
        if (part_of(&seg) != VICTIM)
            continue;
        feed(o, &seg, TCA_FLOW_LIVE);
        count++;
        if (++frame % CHUNK == 0)
            turn(o, frame);
    }
    for (uint64_t at = 1; at <= 2 * OF_EACH; at++)
        ck_assert_msg(o->early[at], "frame %u had to go at last", (unsigned)at);
    for (uint64_t at = 1; at <= OF_EACH; at++)
        ck_assert_uint_ge(o->early[at], o->early[OF_EACH + 1]);
    ck_assert_uint_ge(o->early[live], o->early[OF_EACH]);
    end(o);
}
END_TEST

/* What waits for its use stays, and what comes for one that was finished begins another flow. */
START_TEST(test_held)
{
    struct owner *o = begin(&forms[_i]);
    struct tca_segment held = segment(1, false, 1, TCA_SYN), late = held;
    struct tca_flow_look look;
    struct tca_flow_met met;
    tca_flow_look(o->table, &held, &look);
    ck_assert_int_eq(tca_flow_meet(o->table, &held, &look, &met), 0);
    uint64_t frame = 1, second = 0;
    for (uint32_t client = 2; frame < 3000; client++) {
        struct tca_segment seg = segment(client, false, frame + 1, TCA_SYN);
        if (part_of(&seg) != part_of(&held))
            continue;
        feed(o, &seg, TCA_FLOW_OPENING);
        second = second ? second : client;
        if (++frame % CHUNK == 0)
            turn(o, frame);
    }
    ck_assert_msg(met.tuple->number && met.tuple->met == 1, "it is there");
    struct tca_flow_found found;
    ck_assert_int_eq(tca_flow_find(o->table, &met, &held, &found), 0);
    ck_assert_msg(found.is_new && found.flow->first_frame == 1, "and begins its flow");
    tca_flow_note(o->table, found.flow, &held, found.side, TCA_FLOW_OPENING);
    ck_assert_uint_ne(o->early[2], 0);
    late = segment((uint32_t)second, true, ++frame, TCA_SYN | TCA_ACK);
    tca_flow_look(o->table, &late, &look);
    ck_assert_int_eq(tca_flow_meet(o->table, &late, &look, &met), 0);
    ck_assert_int_eq(tca_flow_find(o->table, &met, &late, &found), 0);
    ck_assert_msg(found.is_new && !found.prior && !found.flow->cut_short, "nothing was there before it");
    tca_flow_note(o->table, found.flow, &late, found.side, TCA_FLOW_LIVE);
    end(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("early");
    tcase_set_timeout(add_case(suite, "forms", test_forms, ROWS(forms)), 120);
    tcase_set_timeout(add_case(suite, "shards", test_shards, 1), 120);
    tcase_set_timeout(add_case(suite, "bound", test_bound, ROWS(forms)), 120);
    tcase_set_timeout(add_case(suite, "attack", test_attack, ROWS(forms)), 120);
    tcase_set_timeout(add_case(suite, "held", test_held, ROWS(forms)), 120);
    return run_suite(suite);
}
