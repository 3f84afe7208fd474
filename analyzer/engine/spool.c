/* SPDX-License-Identifier: MIT
 *
 * The spool: dossiers as bytes between the passes. Much of a dossier is zeros, some of what pass 1 kept nobody reads after it,
 * and nearly all of it stands in memory as it is: so a dossier is made area by area of what stands there. Areas that are mostly
 * filled are copied, which costs less than to look for their zeros; of the others only what is not zero is written (base/pack.h):
 *
 *      { how many areas and marks, areas that are kept, marks: whole and by frame }
 *
 * Times and frames are most of it, so packing the bytes of each word as well would make it less by a third, and take longer
 * than writing and reading that. Of a flow that is one SYN there is less (lone.c). The same items stand in a part (part.c), which is
 * read by programs of the same layout alone: the form of it changes with the structs.
 *
 * Sort key: start_ns, capture ordinal, first frame: the order of rows; then how often the flow was parked, the newest first,
 * which alone is read.
 *
 * A build with check_ways decodes each dossier when it was encoded and stops where what is kept differs; there, what is not
 * kept comes back as garbage, so that whoever reads it is found by the tests.
 */
#include "engine/spool.h"

#include "base/pack.h"
#include "engine/lone.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What a dossier is made of while its flow is in memory. */
enum origin { OF_FLOW, OF_PEER, OF_MIRROR, OF_TROUBLE, ORIGINS };
struct origins {
    const uint8_t *from[ORIGINS]; /* as it stands in the dossier */
};

#define AT(field) offsetof(struct tca_dossier, field)
/* Where what is of each origin begins in the dossier. */
enum { OF_FLOW_AT = 0, OF_PEER_AT = AT(peer), OF_MIRROR_AT = AT(m), OF_TROUBLE_AT = AT(trouble) };

enum form { DENSE, SPARSE }; /* as it is; without its zeros */
struct area {
    enum origin of;
    enum form form;
    size_t from, size, inside; /* from: in the dossier; inside: in what it is of */
};
#define AREA(of, form, from, to)                                                                             \
    {                                                                                                        \
        of, form, from, (to) - (from), (from)-of##_AT                                                        \
    }
#define PEER_AREA(form, from, to)   AREA(OF_PEER, form, AT(peer.from), AT(to))
#define MIRROR_AREA(form, from, to) AREA(OF_MIRROR, form, AT(m.from), AT(to))
#define SIDE_AREAS(role, next)                                                                               \
    MIRROR_AREA(DENSE, side[role], m.side[role].seen),                                                       \
        MIRROR_AREA(DENSE, side[role].recent, m.side[role].hole), MIRROR_AREA(SPARSE, side[role].hole, next)
/* What is kept. Pointers stand between. */
static const struct area kept[] = {
    AREA(OF_FLOW, DENSE, AT(addr), AT(port)), /* the first: see tca_spool_peek() */
    AREA(OF_FLOW, SPARSE, 0, AT(addr)),
    AREA(OF_FLOW, SPARSE, AT(port), AT(peer)),
    PEER_AREA(DENSE, begun, peer.zeek.end[0].letter_seq),
    PEER_AREA(DENSE, zeek.end[1], peer.zeek.end[1].letter_seq),
    PEER_AREA(DENSE, zeek.history, key_side),
    AREA(OF_FLOW, DENSE, AT(key_side), AT(m)),
    MIRROR_AREA(DENSE, start_ns, m.trouble),
    SIDE_AREAS(0, m.side[1]),
    SIDE_AREAS(1, m.marks),
    MIRROR_AREA(DENSE, mark_count, m.opener),
    MIRROR_AREA(SPARSE, opener, trouble),
    AREA(OF_TROUBLE, SPARSE, AT(trouble), AT(mark_count)), /* the last: only where there was some */
};
/* What is not: what Zeek's view needs for letters that are written, and what tells doubled segments, of which no more come. */
static const struct area left_out[] = {
    PEER_AREA(SPARSE, zeek.end[0].letter_seq, peer.zeek.end[1]),
    PEER_AREA(SPARSE, zeek.end[1].letter_seq, peer.zeek.history),
    MIRROR_AREA(SPARSE, side[0].seen, m.side[0].recent),
    MIRROR_AREA(SPARSE, side[1].seen, m.side[1].recent),
};
#undef SIDE_AREAS
#undef MIRROR_AREA
#undef PEER_AREA
#undef AREA
#define WORDS(field) _Static_assert(AT(field) % sizeof(uint64_t) == 0, "areas are packed by words")
WORDS(addr);
WORDS(port);
WORDS(peer);
WORDS(peer.zeek.end[0].letter_seq);
WORDS(key_side);
WORDS(m);
WORDS(m.side[0].seen);
WORDS(m.side[0].recent);
WORDS(m.side[0].hole);
WORDS(m.mark_count);
WORDS(m.opener);
WORDS(mark_count);
#undef WORDS
#undef AT

enum {
    KEPT = sizeof kept / sizeof *kept,
    LEFT_OUT = sizeof left_out / sizeof *left_out,
};

/* Of a key so many bytes name a dossier, and there its capture stands. */
enum { MEMORY = 8 << 20, NAMED = 20, OWNER = 8 };

/* Each area may end in a group that is not full. */
enum {
    ENCODED_MAX =
        sizeof(struct tca_spool_head) + TCA_PACKED_MAX(sizeof(struct tca_dossier)) + KEPT * TCA_PACKED_MAX(0)
};
_Static_assert(LEFT_OUT *TCA_PACKED_MAX(0) +
                       TCA_PACKED_MAX(sizeof(struct tca_peer) + sizeof(struct tca_mirror)) <=
                   TCA_SPOOL_REST_MAX,
               "room for the rest");

static uint8_t *pack_areas(uint8_t *out, const struct origins *origins, const struct area *area,
                           unsigned count)
{
    for (const struct area *end = area + count; area < end; area++) {
        const uint8_t *from = origins->from[area->of] + area->inside;
        if (area->form == SPARSE)
            out = tca_squeeze(out, from, area->size);
        else
            out = (uint8_t *)memcpy(out, from, area->size) + area->size;
    }
    return out;
}

static const uint8_t *unpack_areas(const uint8_t *in, struct tca_dossier *d, const struct area *area,
                                   unsigned count)
{
    for (const struct area *end = area + count; area < end; area++) {
        uint8_t *to = (uint8_t *)d + area->from;
        if (area->form == SPARSE) {
            memset(to, 0, area->size);
            in = tca_spread(in, to, area->size);
        } else {
            memcpy(to, in, area->size);
            in += area->size;
        }
    }
    return in;
}

/* By frame; of one frame the newest first. Nearly all come in that order, and they are few. True: all did. */
static bool sort_marks(struct tca_mark *mark, unsigned count)
{
    bool in_order = true;
    for (unsigned at = 1; at < count; at++) {
        unsigned to = at;
        while (to && mark[to - 1].frame >= mark[at].frame)
            to--;
        if (to == at)
            continue;
        struct tca_mark moved = mark[at];
        memmove(&mark[to + 1], &mark[to], (at - to) * sizeof *mark);
        mark[to] = moved;
        in_order = false;
    }
    return in_order;
}

static size_t room_for(const struct tca_spool_head *head)
{
    return ENCODED_MAX + head->number * sizeof(struct tca_mark);
}

/* Head and areas; the marks' place. Every size here is a multiple of 8, so that marks may be sorted where they stand. */
static struct tca_mark *begin_item(uint8_t *begin, const struct tca_spool_head *head,
                                   const struct origins *origins, size_t *ret_size)
{
    memcpy(begin, head, sizeof *head);
    uint8_t *marks = pack_areas(begin + sizeof *head, origins, kept, head->areas);
    *ret_size = (size_t)(marks - begin) + head->number * sizeof(struct tca_mark);
    return (void *)marks;
}

static int encode(struct tca_shard *shard, const struct origins *origins, const struct tca_mirror *m,
                  size_t aside, bool *ret_in_order)
{
    const struct tca_spool_head head = {.areas = m->trouble ? KEPT : KEPT - 1,
                                        .number = m->mark_count,
                                        .capture = shard->s->open->facts.ordinal};
    struct tca_encoded *encoded = &shard->encoded;
    int error = tca_sorter_room(shard->dossiers, room_for(&head) + aside, &encoded->bytes);
    if (error)
        return error;
    struct tca_mark *marks = begin_item(encoded->bytes, &head, origins, &encoded->size);
    encoded->aside = 0;
    struct tca_mark *place = marks + head.number;
    struct tca_mark_walk walk = tca_mark_walk(m); /* the newest first */
    const struct tca_mark *mark;
    while ((mark = tca_mark_next(&walk)))
        *--place = *mark;
    *ret_in_order = sort_marks(marks, head.number);
    return TCA_OK;
}

int tca_spool_encode_again(const struct tca_dossier *d, struct tca_buf *ret_item)
{
    const struct tca_spool_head head = {.areas = KEPT, .number = d->mark_count, .capture = d->capture};
    const uint8_t *from = (const void *)d;
    const struct origins origins = {.from = {[OF_FLOW] = from + OF_FLOW_AT,
                                             [OF_PEER] = from + OF_PEER_AT,
                                             [OF_MIRROR] = from + OF_MIRROR_AT,
                                             [OF_TROUBLE] = from + OF_TROUBLE_AT}};
    tca_buf_reset(ret_item);
    uint8_t *begin = tca_buf_room(ret_item, room_for(&head));
    if (!begin)
        return TCA_EMEMORY;
    struct tca_mark *marks = begin_item(begin, &head, &origins, &ret_item->used);
    if (head.number)
        memcpy(marks, d->mark, head.number * sizeof *marks);
    return TCA_OK;
}

/* Of a dossier what is the flow's own. */
static void fill(const struct tca_shard *shard, const struct tca_flow *flow, struct tca_dossier *d)
{
    memset(d, 0, (size_t)OF_PEER_AT);
    memset(d->key_side, 0, (size_t)OF_MIRROR_AT - offsetof(struct tca_dossier, key_side));
    d->capture = shard->s->open->facts.ordinal;
    if (flow->stream)
        d->stream_frame = flow->stream_frame;
    d->key_side[TCA_CLIENT] = flow->client;
    d->key_side[TCA_SERVER] = (uint8_t)(1 - flow->client);
    d->id_frame = flow->first_frame;
    d->attempt_of = flow->attempt_of;
    d->anew_ns = flow->anew_ns;
    for (int role = 0; role < 2; role++) {
        memcpy(d->addr[role], tca_flow_addr(flow, role), 16);
        d->port[role] = tca_flow_port(flow, role);
    }
    d->family = tca_flow_family(flow);
    d->role_basis = flow->role_basis;
    d->tags = flow->tags;
    d->cut_short = flow->cut_short;
    if (flow->cut_short)
        d->cut_ns = shard->ripe_ns > flow->last_ns ? shard->ripe_ns : flow->last_ns;
}

static struct origins origins_of(const struct tca_flow *flow, const struct tca_dossier *own)
{
    static const struct tca_peer no_peer;
    const struct tca_mirror *m = (const void *)flow->payload;
    struct tca_peers *peers = flow->stream ? (void *)flow->stream->payload : NULL;
    if (peers)
        tca_peers_settle(peers);
    return (struct origins){.from = {[OF_FLOW] = (const void *)own,
                                     [OF_PEER] = (const void *)(peers ? &peers->peer : &no_peer),
                                     [OF_MIRROR] = (const void *)m,
                                     [OF_TROUBLE] = (const void *)m->trouble}};
}

const uint8_t *tca_spool_decode(const uint8_t *in, struct tca_dossier *d, const struct tca_mark **ret_mark)
{
    struct tca_spool_head head;
    memcpy(&head, in, sizeof head);
    in = unpack_areas(in + sizeof head, d, kept, head.areas);
    if (head.areas < KEPT)
        memset(d->trouble, 0, sizeof d->trouble);
    d->capture = head.capture;
    if (d->m.prior.exists)
        d->m.prior.capture = head.capture;
    d->m.trouble = NULL;
    d->m.marks = NULL;
    d->mark_count = head.number;
    *ret_mark = (const void *)in;
    return in + head.number * sizeof(struct tca_mark);
}

void tca_spool_peek(const void *item, struct tca_spool_client *ret)
{
    const struct tca_spool_head *head = item;
    const uint8_t *addr = (const void *)(head + 1);
    ret->capture = head->capture;
    if (!tca_lone_client(item, ret->addr))
        memcpy(ret->addr, addr + TCA_CLIENT * sizeof ret->addr, sizeof ret->addr);
}

/* Where the areas end, of which at most `end` is readable; NULL: they do not. */
static const uint8_t *pass_areas(const uint8_t *in, const uint8_t *end, unsigned count)
{
    for (const struct area *area = kept; in && area < kept + count; area++) {
        if (area->form == SPARSE)
            in = tca_spread_end(in, end, area->size);
        else
            in = (size_t)(end - in) < area->size ? NULL : in + area->size;
    }
    return in;
}

size_t tca_spool_measure(const void *item, size_t size)
{
    struct tca_spool_head head;
    const uint8_t *begin = item, *end = begin + size;
    if (size < sizeof head)
        return 0;
    memcpy(&head, begin, sizeof head);
    if (!head.areas)
        return tca_lone_measure(item, size);
    if (head.areas < KEPT - 1 || head.areas > KEPT || head.number > TCA_MARKS_MAX)
        return 0;
    const uint8_t *in = pass_areas(begin + sizeof head, end, head.areas);
    size_t marks = head.number * sizeof(struct tca_mark);
    return in && (size_t)(end - in) >= marks ? (size_t)(in - begin) + marks : 0;
}

uint64_t tca_spool_form(void)
{
    const uint64_t sizes[] = {sizeof(struct tca_dossier),
                              sizeof(struct tca_mark),
                              sizeof(struct tca_mirror),
                              sizeof(struct tca_side),
                              sizeof(struct tca_peer),
                              sizeof(struct tca_trouble),
                              KEPT};
    return XXH3_64bits_withSeed(kept, sizeof kept, XXH3_64bits(sizes, sizeof sizes));
}

uint8_t *tca_spool_pack_rest(uint8_t *out, const struct tca_flow *flow)
{
    struct origins origins = origins_of(flow, NULL);
    return pack_areas(out, &origins, left_out, LEFT_OUT);
}

const uint8_t *tca_spool_unpack_rest(const uint8_t *in, struct tca_dossier *d)
{
    return unpack_areas(in, d, left_out, LEFT_OUT);
}

#ifdef TCA_CHECK_WAYS
/* What is kept comes back as it was; what is not, as garbage. */
static void check(struct tca_shard *shard, const struct origins *origins, const struct tca_mirror *m)
{
    struct tca_dossier back;
    const struct tca_mark *mark;
    tca_spool_decode(shard->encoded.bytes, &back, &mark);
    if (back.mark_count != m->mark_count)
        abort();
    for (unsigned at = 0; at < KEPT - !m->trouble; at++)
        if (memcmp(origins->from[kept[at].of] + kept[at].inside, (const uint8_t *)&back + kept[at].from,
                   kept[at].size))
            abort();
    for (unsigned at = 1; at < back.mark_count; at++)
        if (mark[at - 1].frame > mark[at].frame)
            abort();
}

static void spoil(struct tca_dossier *d)
{
    for (unsigned at = 0; at < LEFT_OUT; at++)
        memset((uint8_t *)d + left_out[at].from, 0xa5, left_out[at].size);
}
#else
static void check(struct tca_shard *shard, const struct origins *origins, const struct tca_mirror *m)
{
    (void)shard, (void)origins, (void)m;
}

static void spoil(struct tca_dossier *d)
{
    (void)d;
}
#endif

static int encode_flow(struct tca_shard *shard, const struct tca_flow *flow, size_t aside, bool *ret_in_order)
{
    struct tca_dossier d; /* but for what is the flow's own all stands elsewhere */
    const struct tca_mirror *m = (const void *)flow->payload;
    fill(shard, flow, &d);
    const struct origins origins = origins_of(flow, &d);
    int error = encode(shard, &origins, m, aside, ret_in_order);
    if (!error)
        check(shard, &origins, m);
    return error;
}

int tca_spool_encode(struct tca_shard *shard, struct tca_flow *flow, size_t aside, bool *ret_in_order)
{
    int error = tca_nat_add_flow(shard, (const void *)flow->payload, &flow->note);
    return error ? error : encode_flow(shard, flow, aside, ret_in_order);
}

int tca_spool_copy(struct tca_shard *shard, const struct tca_flow *flow, struct tca_dossier *d)
{
    bool in_order;
    int error = encode_flow(shard, flow, 0, &in_order);
    if (!error)
        tca_spool_decode(shard->encoded.bytes, d, &d->mark);
    return error;
}

static void make_key(const struct tca_spool_row *row, const void *item, uint8_t key[TCA_SORT_KEY])
{
    struct tca_spool_head head;
    memcpy(&head, item, sizeof head);
    memset(key, 0, TCA_SORT_KEY);
    tca_key_i64(key, row->start_ns);
    tca_key_u32(key + OWNER, head.capture);
    tca_key_u64(key + 12, row->frame);
    tca_key_u32(key + NAMED, UINT32_MAX - row->parked);
}

static int add_item(struct tca_sorter *sorter, const struct tca_spool_row *row, const void *item, size_t size)
{
    uint8_t key[TCA_SORT_KEY];
    make_key(row, item, key);
    return tca_sorter_add(sorter, key, item, size);
}

int tca_spool_add(struct tca_shard *shard, const struct tca_spool_row *row, const void *item, size_t size)
{
    return add_item(shard->dossiers, row, item, size);
}

int tca_spool_load(struct tca_session *s, unsigned list, const struct tca_spool_row *row, const void *item,
                   size_t size)
{
    return add_item(s->spool.list[list], row, item, size);
}

uint64_t tca_spool_send(struct tca_shard *shard, const struct tca_flow *flow)
{
    const struct tca_mirror *m = (const void *)flow->payload;
    const struct tca_spool_row row = {m->start_ns, m->first_frame, flow->parked};
    const struct tca_encoded *encoded = &shard->encoded;
    uint8_t key[TCA_SORT_KEY];
    make_key(&row, encoded->bytes, key);
    tca_sorter_put(shard->dossiers, key, encoded->size, encoded->aside);
    return tca_sorter_place(shard->dossiers);
}

int tca_spool_fetch(struct tca_shard *shard, uint64_t place)
{
    return tca_sorter_fetch(shard->dossiers, place, &shard->recalled);
}

/* ---- sorters ---- */

static int new_sorter(const struct tca_session *s, unsigned shards, struct tca_sorter **ret_sorter)
{
    int error = tca_sorter_new(MEMORY / shards, s->set.temp_dir, ret_sorter);
    if (error)
        return error;
    tca_sorter_replaceable(*ret_sorter, NAMED);
    tca_sorter_owned(*ret_sorter, OWNER);
    return TCA_OK;
}

int tca_spool_begin(struct tca_session *s, unsigned shards)
{
    struct tca_spool *spool = &s->spool;
    if (shards <= spool->count)
        return TCA_OK;
    struct tca_sorter **list = tca_grow(spool->list, shards, sizeof(struct tca_sorter *));
    if (!list)
        return TCA_EMEMORY;
    spool->list = list;
    int error = TCA_OK;
    while (!error && spool->count < shards) {
        error = new_sorter(s, shards, &spool->list[spool->count]);
        spool->count += !error;
    }
    return error;
}

int tca_spool_join(struct tca_session *s)
{
    int error = s->spool.count ? TCA_OK : tca_spool_begin(s, 1);
    for (unsigned at = 1; at < s->spool.count && !error; at++)
        error = tca_sorter_take(s->spool.list[0], s->spool.list[at]);
    if (error)
        return error;
    s->dossiers = s->spool.list[0];
    while (s->spool.count > 1)
        tca_sorter_free(s->spool.list[--s->spool.count]);
    return TCA_OK;
}

void tca_spool_done(struct tca_session *s)
{
    while (s->spool.count)
        tca_sorter_free(s->spool.list[--s->spool.count]);
    tca_free(s->spool.list);
    tca_lone_done(s);
}

/* ---- dossiers ---- */

int tca_spool_put(struct tca_shard *shard, struct tca_flow *flow)
{
    bool in_order;
    int error = tca_spool_encode(shard, flow, 0, &in_order);
    if (!error)
        tca_spool_send(shard, flow);
    return error;
}

void tca_spool_get(const struct tca_session *s, struct tca_reading *reading, const void *item,
                   struct tca_dossier *d)
{
    bool lone = tca_lone_get(s, item, &reading->syn, d);
    if (!lone)
        tca_spool_decode(item, d, &d->mark);
    spoil(d);
    tca_streams_tell(s->streams, &reading->stream, d);
    if (!lone)
        tca_dossier_index(d);
}
