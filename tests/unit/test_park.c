/* SPDX-License-Identifier: MIT
 *
 * Tuples that are put away: what comes back is what was there, bit by bit, but for what nobody needs any more.
 */
#include <string.h>

#include "flow/table.h"
#include "suite.h"

enum { PAYLOAD = 64, STREAM_PAYLOAD = 32, KEPT_MAX = 8 };
#define SECOND_NS INT64_C(1000000000)

/* An owner that keeps what it is given. */
struct owner {
    struct tca_flow_table *table;
    struct kept {
        uint8_t payload[PAYLOAD], stream[STREAM_PAYLOAD], parcel[TCA_PARCEL_MAX];
        size_t size;
    } kept[KEPT_MAX];
    unsigned count, recalled, over, pieces, forgotten, unpacked, rejoined;
    struct tca_segment again;
};

static int flow_over(void *user, struct tca_flow *flow)
{
    (void)flow;
    ((struct owner *)user)->over++;
    return 0;
}

static int piece_over(void *user, const struct tca_key *key, const struct tca_piece *piece)
{
    (void)key, (void)piece;
    ((struct owner *)user)->pieces++;
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
    ck_assert_uint_lt(o->count, KEPT_MAX);
    ck_assert_uint_le(size, TCA_PARCEL_MAX);
    struct kept *kept = &o->kept[o->count];
    memcpy(kept->payload, flow->payload, PAYLOAD);
    if (flow->stream)
        memcpy(kept->stream, flow->stream->payload, STREAM_PAYLOAD);
    memcpy(kept->parcel, parcel, size);
    kept->size = size;
    *ret_place = o->count++;
    return 0;
}

static int recall(void *user, uint64_t place, void *payload, void *stream_payload, void *ret_parcel,
                  uint32_t *ret_note)
{
    struct owner *o = user;
    const struct kept *kept = &o->kept[place];
    memcpy(payload, kept->payload, PAYLOAD);
    memcpy(stream_payload, kept->stream, STREAM_PAYLOAD);
    memcpy(ret_parcel, kept->parcel, kept->size);
    *ret_note = 77;
    o->recalled++;
    return 0;
}

static void forget(void *user, struct tca_flow *flow)
{
    (void)flow;
    ((struct owner *)user)->forgotten++;
}

static int again(void *user, struct tca_flow *flow, const struct tca_segment *syn, int side)
{
    struct owner *o = user;
    ck_assert_int_eq(side, flow->client);
    memcpy(&o->again, syn, sizeof o->again);
    return 0;
}

static void rejoin(void *user, struct tca_waiting *syn, struct tca_lane *lane)
{
    struct owner *o = user;
    ck_assert_ptr_eq(lane, &((struct tca_tuple *)syn->tuple)->lane);
    o->rejoined++;
}

static size_t pack_room(void *user, const struct tca_flow *flow)
{
    (void)user, (void)flow;
    return PAYLOAD;
}

static uint8_t *pack(void *user, struct tca_flow *flow, uint8_t *out)
{
    (void)user;
    memcpy(out, flow->payload, PAYLOAD);
    return out + PAYLOAD;
}

static const uint8_t *unpack(void *user, const uint8_t *in, void *payload)
{
    ((struct owner *)user)->unpacked++;
    memcpy(payload, in, PAYLOAD);
    return in + PAYLOAD;
}

static void begin(struct owner *o)
{
    memset(o, 0, sizeof *o);
    const struct tca_flow_settings set = {.seed = 3,
                                          .payload_size = PAYLOAD,
                                          .stream_payload_size = STREAM_PAYLOAD,
                                          .over = flow_over,
                                          .piece_over = piece_over,
                                          .may_park = may_park,
                                          .park = park,
                                          .recall = recall,
                                          .forget = forget,
                                          .again = again,
                                          .rejoin = rejoin,
                                          .pack_room = pack_room,
                                          .pack = pack,
                                          .unpack = unpack,
                                          .user = o};
    ck_assert_int_eq(tca_flow_table_new(&set, &o->table), 0);
}

/* From the client (0) or the server, over IPv4 or IPv6. */
static struct tca_segment segment(int family, int from, int64_t time_ns, uint64_t frame, unsigned flags)
{
    struct tca_segment seg = {.family = (uint8_t)family,
                              .time_ns = time_ns,
                              .frame = frame,
                              .flags = (uint16_t)flags,
                              .ttl = 60,
                              .window = 1000,
                              .has_ip_id = family == 4,
                              .ip_id = (uint16_t)(family == 4 ? frame : 0)};
    for (int end = 0; end < 2; end++) {
        uint8_t *addr = end ? seg.dst : seg.src;
        memset(addr + 10, 0xff, 2);
        addr[0] = family == 4 ? 0 : 0xfd;
        addr[15] = (uint8_t)(1 + (end != from));
    }
    seg.sport = from ? 80 : 40000;
    seg.dport = from ? 40000 : 80;
    return seg;
}

static struct tca_flow *feed(struct owner *o, const struct tca_segment *seg, enum tca_flow_class age_class)
{
    struct tca_flow_met met;
    struct tca_flow_found found;
    struct tca_flow_look look;
    tca_flow_look(o->table, seg, &look);
    ck_assert_int_eq(tca_flow_meet(o->table, seg, &look, &met), 0);
    ck_assert_int_eq(tca_flow_find(o->table, &met, seg, &found), 0);
    if (found.copy)
        return found.flow;
    memset(found.flow->payload, (int)seg->frame, PAYLOAD);
    memset(met.stream->payload, (int)seg->frame + 100, STREAM_PAYLOAD);
    if (found.commits)
        ck_assert_int_eq(tca_flow_replace_older(o->table, found.flow), 0);
    tca_flow_note(o->table, found.flow, seg, found.side, age_class);
    return found.flow;
}

/* A connection that is doubled, closed, and followed by another one on the same ports. */
static struct tca_flow *converse(struct owner *o, int family)
{
    static const struct {
        int from;
        unsigned flags;
        uint32_t seq, ack;
    } step[] = {
        {0, TCA_SYN, 100, 0},
        {1, TCA_SYN | TCA_ACK, 500, 101},
        {0, TCA_ACK, 101, 501},
        {0, TCA_FIN | TCA_ACK, 101, 501},
        {1, TCA_FIN | TCA_ACK, 501, 102},
        {0, TCA_ACK, 102, 502},
        {0, TCA_SYN, 90000, 0},
        {1, TCA_SYN | TCA_ACK, 70000, 90001},
        {0, TCA_ACK, 90001, 70001},
    };
    struct tca_flow *flow = NULL;
    for (unsigned at = 0; at < sizeof step / sizeof *step; at++)
        for (unsigned copy = 0; copy < 2; copy++) {
            int64_t time_ns = (at + 1) * SECOND_NS / 10 + copy * 100000;
            struct tca_segment seg =
                segment(family, step[at].from, time_ns, 2 * at + copy + 1, step[at].flags);
            seg.seq = step[at].seq;
            seg.ack = step[at].ack;
            seg.ip_id = family == 4 ? (uint16_t)(at + 1) : 0;
            flow = feed(o, &seg, TCA_FLOW_OVER);
        }
    return flow;
}

static uint32_t only_one(const struct tca_flow_table *table)
{
    ck_assert_uint_eq(table->used, 1);
    for (size_t at = 0; at < table->slot_count; at++)
        if (table->slot[at].what)
            return table->slot[at].what;
    return 0;
}

static void pass(struct owner *o, int64_t now_ns)
{
    for (int twice = 0; twice < 2; twice++) /* two records must agree */
        ck_assert_int_eq(tca_flow_expire(o->table, now_ns), 0);
}

/* What it is, without where it is and what is counted on the way. */
static struct tca_flow *bare(struct tca_flow *flow)
{
    flow->tuple = NULL;
    flow->older = flow->prev = flow->next = NULL;
    flow->stream = NULL;
    flow->list = 0;
    flow->parked = flow->note = 0;
    return flow;
}

static const int families[] = {4, 6};

START_TEST(test_back)
{
    enum { HEAD = offsetof(struct tca_flow, payload) };
    struct owner o;
    begin(&o);
    struct tca_flow *newest = converse(&o, families[_i]), *older = newest->older;
    ck_assert_ptr_nonnull(older);
    ck_assert(newest->stream != older->stream);
    struct tca_key key = newest->tuple->key;
    struct tca_copies copies = newest->tuple->copies;
    struct tca_bases bases = newest->stream->bases;
    uint8_t was[2][HEAD], payload[2][PAYLOAD], stream[2][STREAM_PAYLOAD];
    ck_assert_uint_gt(copies.side[0].copied + copies.side[1].copied, 0);
    memcpy(payload[0], newest->payload, PAYLOAD);
    memcpy(payload[1], older->payload, PAYLOAD);
    memcpy(stream[0], newest->stream->payload, STREAM_PAYLOAD);
    memcpy(stream[1], older->stream->payload, STREAM_PAYLOAD);

    struct tca_flow *flow[2] = {newest, older};
    for (int at = 0; at < 2; at++) {
        struct tca_stream *of = flow[at]->stream;
        struct tca_flow *links = flow[at]->older, *prev = flow[at]->prev, *next = flow[at]->next;
        struct tca_tuple *tuple = flow[at]->tuple;
        uint8_t list = flow[at]->list;
        memcpy(was[at], bare(flow[at]), HEAD);
        flow[at]->stream = of;
        flow[at]->older = links;
        flow[at]->prev = prev;
        flow[at]->next = next;
        flow[at]->tuple = tuple;
        flow[at]->list = list;
    }
    pass(&o, 100 * SECOND_NS);
    ck_assert_msg(o.count == 2 && o.over == 0, "each of its flows was parked");
    uint32_t what = only_one(o.table);
    ck_assert_int_eq(tca_kind_of(what), families[_i] == 4 ? TCA_KIND_PARKED4 : TCA_KIND_PARKED6);
    ck_assert(tca_table_has_key(o.table, what, &key));
    struct tca_key same;
    tca_table_key(o.table, what, &same);
    ck_assert_mem_eq(&same, &key, sizeof key);
    unsigned pieces = o.pieces;

    struct tca_tuple *tuple;
    ck_assert_int_eq(tca_table_recall(o.table, what, &key, &tuple), 0);
    ck_assert_uint_eq(o.recalled, 2);
    ck_assert_int_eq(tca_kind_of(only_one(o.table)), TCA_KIND_TUPLE);
    ck_assert_mem_eq(&tuple->copies, &copies, sizeof copies);
    ck_assert_mem_eq(&tuple->stream->bases, &bases, sizeof bases);
    ck_assert_msg(tuple->stream->users == 2 && tuple->newest->stream == tuple->stream,
                  "it is the tuple's stream");
    ck_assert_msg(tuple->live == 2 && tuple->newest->note == 77 && tuple->newest->parked == 1, "counts");
    struct tca_flow *back[2] = {tuple->newest, tuple->newest->older};
    for (int at = 0; at < 2; at++) {
        ck_assert_mem_eq(back[at]->payload, payload[at], PAYLOAD);
        ck_assert_mem_eq(back[at]->stream->payload, stream[at], STREAM_PAYLOAD);
        struct tca_flow copy;
        memcpy(&copy, back[at], HEAD);
        ck_assert_mem_eq(bare(&copy), was[at], HEAD);
    }
    /* It goes on: the piece that was told is followed by another one. */
    struct tca_segment seg = segment(families[_i], 1, 101 * SECOND_NS, 50, TCA_ACK);
    seg.seq = 70001;
    seg.ack = 90001;
    ck_assert_ptr_eq(feed(&o, &seg, TCA_FLOW_OVER), tuple->newest);
    ck_assert_uint_eq(tuple->stream->piece.frame, 50);
    ck_assert_uint_eq(o.pieces, pieces);
    ck_assert_int_eq(tca_flow_table_end(o.table), 0);
    ck_assert_msg(o.over == 2 && o.pieces == pieces + 1, "told anew");
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_forgotten)
{
    struct owner o;
    begin(&o);
    converse(&o, families[_i]);
    pass(&o, 10 * SECOND_NS);
    unsigned pieces = o.pieces;
    pass(&o, 250 * SECOND_NS);
    ck_assert_uint_eq(o.table->used, 1);
    pass(&o, 252 * SECOND_NS);
    ck_assert_uint_eq(o.table->used, 0);
    ck_assert_msg(!o.over && !o.recalled && o.pieces == pieces, "all was told before");
    tca_flow_table_free(o.table);
}
END_TEST

/* A connection that goes on: at 1 s, 1.1 s, ... */
static struct tca_flow *open_one(struct owner *o, int family)
{
    static const unsigned flags[] = {TCA_SYN, TCA_SYN | TCA_ACK, TCA_ACK};
    static const uint32_t seq[] = {100, 500, 101}, ack[] = {0, 101, 501};
    struct tca_flow *flow = NULL;
    for (unsigned at = 0; at < 3; at++) {
        struct tca_segment seg = segment(family, at % 2, SECOND_NS + at * SECOND_NS / 10, 1 + at, flags[at]);
        seg.seq = seq[at];
        seg.ack = ack[at];
        flow = feed(o, &seg, TCA_FLOW_LIVE);
    }
    return flow;
}

START_TEST(test_packed)
{
    enum { HEAD = offsetof(struct tca_flow, payload) };
    struct owner o;
    begin(&o);
    struct tca_flow *flow = open_one(&o, families[_i]);
    struct tca_key key = flow->tuple->key;
    struct tca_copies copies = flow->tuple->copies;
    struct tca_stream stream = *flow->stream;
    uint8_t payload[PAYLOAD], stream_payload[STREAM_PAYLOAD];
    struct tca_flow was;
    memcpy(payload, flow->payload, PAYLOAD);
    memcpy(stream_payload, flow->stream->payload, STREAM_PAYLOAD);
    memcpy(&was, flow, HEAD);

    pass(&o, 2 * SECOND_NS);
    uint32_t what = only_one(o.table);
    ck_assert_int_eq(tca_kind_of(what), families[_i] == 4 ? TCA_KIND_PACKED4 : TCA_KIND_PACKED6);
    ck_assert_msg(o.forgotten && !o.over && !o.count && !o.pieces, "nothing was told");
    unsigned unpacked = o.unpacked;
    ck_assert_uint_eq(o.table->listed[TCA_FLOW_LIVE], 0);

    struct tca_segment seg = segment(families[_i], 1, 3 * SECOND_NS, 50, TCA_ACK);
    seg.seq = 501;
    seg.ack = 101;
    struct tca_flow_look look;
    struct tca_flow_met met;
    tca_flow_look(o.table, &seg, &look);
    ck_assert_int_eq(tca_flow_meet(o.table, &seg, &look, &met), 0);
    flow = met.tuple->newest;
    ck_assert_uint_eq(o.unpacked, unpacked + 1);
    ck_assert_mem_eq(&met.tuple->key, &key, sizeof key);
    ck_assert_mem_eq(&met.tuple->copies, &copies, sizeof copies);
    ck_assert_mem_eq(flow->payload, payload, PAYLOAD);
    ck_assert_mem_eq(flow->stream->payload, stream_payload, STREAM_PAYLOAD);
    ck_assert_msg(flow->stream == met.tuple->stream && flow->stream->piece.frame == stream.piece.frame &&
                      !flow->stream->told,
                  "its stream goes on");
    struct tca_flow is, *both[] = {&is, &was};
    memcpy(&is, flow, HEAD);
    for (int at = 0; at < 2; at++) {
        bare(both[at]);
        both[at]->listed_ns = 0;
    }
    ck_assert_mem_eq(&is, &was, HEAD);
    struct tca_flow_found found;
    ck_assert_int_eq(tca_flow_find(o.table, &met, &seg, &found), 0);
    ck_assert_ptr_eq(found.flow, flow);
    ck_assert_int_eq(tca_flow_table_end(o.table), 0);
    ck_assert_msg(o.over == 1 && o.pieces == 1, "told once");
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_packed_turn)
{
    struct owner o;
    begin(&o);
    open_one(&o, families[_i]);
    pass(&o, 2 * SECOND_NS);
    unsigned unpacked = o.unpacked;
    pass(&o, 50 * SECOND_NS);
    ck_assert_msg(o.unpacked == unpacked && !o.count, "it is not its turn yet");
    pass(&o, 70 * SECOND_NS);
    ck_assert_msg(o.unpacked == unpacked + 1 && o.count == 1 && !o.over, "quiet for a minute: parked");
    ck_assert_int_eq(tca_kind_of(only_one(o.table)), families[_i] == 4 ? TCA_KIND_PARKED4 : TCA_KIND_PARKED6);
    ck_assert_uint_eq(o.table->packed, 0);
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_packed_end)
{
    struct owner o;
    begin(&o);
    open_one(&o, families[_i]);
    pass(&o, 2 * SECOND_NS);
    unsigned unpacked = o.unpacked;
    ck_assert_int_eq(tca_flow_table_end(o.table), 0);
    ck_assert_msg(o.unpacked == unpacked + 1 && o.over == 1 && o.pieces == 1,
                  "what is packed at the end is over, too");
    ck_assert_uint_eq(o.table->used, 0);
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_embryo)
{
    struct owner o;
    begin(&o);
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        o.table->doubled[part].sure = 5;
    struct tca_segment syn = segment(families[_i], 0, SECOND_NS, 9, TCA_SYN);
    syn.seq = 4000000000;
    syn.opt.has_ts = syn.opt.has_mss = true;
    syn.opt.mss = 1460;
    syn.opt.tsval = 123456789;
    struct tca_flow *flow = feed(&o, &syn, TCA_FLOW_OPENING);
    struct tca_key key = flow->tuple->key;
    struct tca_copies copies = flow->tuple->copies;
    struct tca_space space = flow->space[flow->client];
    pass(&o, 7 * SECOND_NS);
    uint32_t what = only_one(o.table);
    ck_assert_int_eq(tca_kind_of(what), families[_i] == 4 ? TCA_KIND_EMBRYO4 : TCA_KIND_EMBRYO6);
    ck_assert_msg(o.forgotten == 1 && !o.over && !o.pieces && !o.count, "nothing was told");
    struct tca_tuple *tuple;
    ck_assert_int_eq(tca_table_unfold(o.table, what, &key, &tuple), 0);
    ck_assert_mem_eq(&o.again, &syn, sizeof syn);
    ck_assert_mem_eq(&tuple->copies, &copies, sizeof copies);
    ck_assert_mem_eq(&tuple->newest->space[tuple->newest->client], &space, sizeof space);
    ck_assert_msg(tuple->newest->first_frame == 9 && tuple->newest->last_ns == SECOND_NS &&
                      tuple->newest->opened_by_syn && !tuple->newest->committed,
                  "the flow is the SYN's");
    ck_assert_msg(tuple->stream->users == 2 && tuple->newest->stream_frame == 9, "and so is its stream");
    ck_assert_int_eq(tca_flow_table_end(o.table), 0);
    ck_assert_msg(o.over == 1 && o.pieces == 1, "told once");
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_embryo_over)
{
    struct owner o;
    begin(&o);
    for (unsigned at = 0; at < 3000; at++) {
        struct tca_segment syn = segment(families[_i], 0, SECOND_NS + at, 1 + at, TCA_SYN);
        syn.sport = (uint16_t)(10000 + at);
        syn.seq = at * 77777;
        feed(&o, &syn, TCA_FLOW_OPENING);
        if (at % 100 == 99)
            pass(&o, SECOND_NS + at);
    }
    ck_assert_msg(o.forgotten >= 2400, "too many wait: %u became embryos", o.forgotten);
    ck_assert_uint_eq(o.table->shapes, 1);
    ck_assert_uint_eq(o.over, 0);
    pass(&o, 302 * SECOND_NS);
    ck_assert_msg(o.over == 3000 && o.pieces == 3000, "each is told once");
    ck_assert_uint_eq(o.table->used, 0);
    tca_flow_table_free(o.table);
}
END_TEST

/* The SYN of that client port. */
static struct tca_segment syn_from(int family, uint16_t port, uint64_t frame)
{
    struct tca_segment syn = segment(family, 0, SECOND_NS + (int64_t)frame, frame, TCA_SYN);
    syn.sport = port;
    syn.seq = (uint32_t)frame * 77777;
    syn.opt.tsval = (uint32_t)frame * 99;
    return syn;
}

static struct tca_segment synack_to(const struct tca_segment *syn, uint64_t frame)
{
    struct tca_segment seg = segment(syn->family, 1, SECOND_NS + (int64_t)frame, frame, TCA_SYN | TCA_ACK);
    seg.dport = syn->sport;
    seg.seq = 4242;
    seg.ack = syn->seq + 1;
    return seg;
}

/* One that the table knows all about, so that it knows those like it. */
static void feed_first(struct owner *o, int family)
{
    begin(o);
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        o->table->doubled[part].sure = 5;
    const struct tca_segment syn = syn_from(family, 40000, 1);
    feed(o, &syn, TCA_FLOW_OPENING);
    ck_assert_uint_eq(o->table->shapes, 1);
}

/* The only one; not on the stack, where sanitizers do not align it. */
static struct tca_waiting *waiting(struct tca_segment seg)
{
    static struct tca_waiting w;
    memset(&w, 0, sizeof w);
    w.seg = seg;
    return &w;
}

static bool meet_alone(struct owner *o, struct tca_waiting *w)
{
    struct tca_flow_look look;
    bool alone;
    tca_flow_look(o->table, &w->seg, &look);
    ck_assert_int_eq(tca_flow_meet_alone(o->table, w, &look, &alone), 0);
    return alone;
}

static struct tca_flow_met meet(struct owner *o, const struct tca_segment *seg)
{
    struct tca_flow_met met;
    struct tca_flow_look look;
    tca_flow_look(o->table, seg, &look);
    ck_assert_int_eq(tca_flow_meet(o->table, seg, &look, &met), 0);
    return met;
}

static struct tca_flow *find(struct owner *o, const struct tca_flow_met *met, const struct tca_segment *seg)
{
    struct tca_flow_found found;
    ck_assert_int_eq(tca_flow_find(o->table, met, seg, &found), 0);
    tca_flow_note(o->table, found.flow, seg, found.side, TCA_FLOW_OPENING);
    return found.flow;
}

/* Both tables know the same of the tuple. */
static void same_tuple(const struct tca_flow *one, const struct tca_flow *other)
{
    struct tca_copies copies[2] = {one->tuple->copies, other->tuple->copies};
    for (int at = 0; at < 2; at++) {
        copies[at].all = NULL;
        copies[at].beyond = NULL;
    }
    ck_assert_mem_eq(&copies[0], &copies[1], sizeof copies[0]);
    ck_assert_mem_eq(one->space, other->space, sizeof one->space);
    ck_assert_uint_eq(one->first_frame, other->first_frame);
    ck_assert_uint_eq(one->stream_frame, other->stream_frame);
    ck_assert_int_eq(one->last_ns, other->last_ns);
    ck_assert_int_eq(one->client, other->client);
    ck_assert_uint_eq(one->stream->users, other->stream->users);
    ck_assert_mem_eq(&one->stream->piece, &other->stream->piece, sizeof one->stream->piece);
    ck_assert_uint_eq(one->tuple->met, other->tuple->met);
    ck_assert_uint_eq(one->tuple->on_stream, other->tuple->on_stream);
}

START_TEST(test_alone)
{
    struct owner o, plain;
    bool alone;
    struct tca_waiting *w = waiting(syn_from(families[_i], 50000, 7));
    const struct tca_segment synack = synack_to(&w->seg, 20);
    feed_first(&o, families[_i]);
    feed_first(&plain, families[_i]);
    size_t flows = o.table->flows.live;
    ck_assert(meet_alone(&o, w));
    ck_assert_ptr_null(w->tuple);
    ck_assert_int_eq(tca_flow_use_alone(o.table, w, &alone), 0);
    ck_assert_msg(alone && o.table->flows.live == flows, "without a flow");
    feed(&plain, &w->seg, TCA_FLOW_OPENING);
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        ck_assert_uint_eq(o.table->doubled[part].sure, plain.table->doubled[part].sure);
    same_tuple(feed(&o, &synack, TCA_FLOW_OPENING), feed(&plain, &synack, TCA_FLOW_OPENING));
    ck_assert_mem_eq(&o.again, &w->seg, sizeof w->seg);
    ck_assert_uint_eq(o.rejoined, 0);
    tca_flow_table_free(o.table);
    tca_flow_table_free(plain.table);
}
END_TEST

START_TEST(test_alone_no_more)
{
    struct owner o, plain;
    struct tca_waiting *w = waiting(syn_from(families[_i], 50000, 7));
    const struct tca_segment synack = synack_to(&w->seg, 20);
    feed_first(&o, families[_i]);
    feed_first(&plain, families[_i]);
    ck_assert(meet_alone(&o, w));
    struct tca_flow_met behind = meet(&o, &synack);
    ck_assert_msg(o.rejoined == 1 && w->tuple == behind.tuple, "it waits with the other one");
    const struct tca_flow_met met = {.tuple = w->tuple,
                                     .stream = w->stream,
                                     .stream_frame = w->stream_frame,
                                     .side = w->side,
                                     .now_ns = w->seg.time_ns};
    find(&o, &met, &w->seg);
    struct tca_flow_met plainly = meet(&plain, &w->seg), plain_behind = meet(&plain, &synack);
    find(&plain, &plainly, &w->seg);
    same_tuple(find(&o, &behind, &synack), find(&plain, &plain_behind, &synack));
    tca_flow_table_free(o.table);
    tca_flow_table_free(plain.table);
}
END_TEST

START_TEST(test_not_alone)
{
    struct owner o;
    feed_first(&o, families[_i]);
    struct tca_waiting *w = waiting(syn_from(families[_i], 40000, 9));
    ck_assert_msg(!meet_alone(&o, w), "something of its tuple is there");
    w->seg = syn_from(families[_i], 50000, 9);
    w->seg.opt.has_mss = true;
    ck_assert_msg(!meet_alone(&o, w), "none like it came before");
    w->seg = syn_from(families[_i], 50000, 9);
    w->seg.flags |= TCA_ACK;
    ck_assert_msg(!meet_alone(&o, w), "no SYN");
    ck_assert_uint_eq(o.table->used, 1);
    w->seg = syn_from(families[_i], 50000, 9);
    ck_assert(meet_alone(&o, w));
    tca_flow_table_free(o.table);
}
END_TEST

START_TEST(test_alone_over)
{
    struct owner o;
    bool alone;
    feed_first(&o, families[_i]);
    for (uint64_t at = 0; at < 3000; at++) {
        struct tca_waiting *w = waiting(syn_from(families[_i], (uint16_t)(10000 + at), 2 + at));
        ck_assert(meet_alone(&o, w));
        ck_assert_int_eq(tca_flow_use_alone(o.table, w, &alone), 0);
        ck_assert(alone);
    }
    ck_assert_uint_eq(o.table->used, 3001);
    pass(&o, 300 * SECOND_NS);
    ck_assert_uint_eq(o.over, 0);
    pass(&o, 302 * SECOND_NS);
    ck_assert_msg(o.over == 3001 && o.pieces == 3001, "each is told once");
    ck_assert_uint_eq(o.table->used, 0);
    tca_flow_table_free(o.table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("park");
    add_case(suite, "back", test_back, 2);
    add_case(suite, "forgotten", test_forgotten, 2);
    add_case(suite, "packed", test_packed, 2);
    add_case(suite, "packed_turn", test_packed_turn, 2);
    add_case(suite, "packed_end", test_packed_end, 2);
    add_case(suite, "embryo", test_embryo, 2);
    add_case(suite, "embryos", test_embryo_over, 2);
    add_case(suite, "alone", test_alone, 2);
    add_case(suite, "alone_no_more", test_alone_no_more, 2);
    add_case(suite, "not_alone", test_not_alone, 2);
    add_case(suite, "alone_over", test_alone_over, 2);
    return run_suite(suite);
}
