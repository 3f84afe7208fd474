/* SPDX-License-Identifier: MIT
 *
 * Packing: most live connections say something and then think for seconds, and of all that is known of one about half is
 * zero. So where memory is short, before anything is parked (relieve.c), a tuple that is quiet for a moment stays in memory
 * as fewer bytes: nothing is told, written to the spool or read back from there.
 *
 *      quiet for a moment: its flow, its stream, its copies and what their owner has of them, each without its zeros
 *      a segment, or an ICMP error: unpacked, as it was
 *      its turn has come (it is over, or is to be parked): unpacked, and the turn is taken
 *
 * Nothing is left out but pointers and the place in a list, so a tuple comes back bit by bit. A build with check_ways packs
 * everything now and then, and stops where what comes back is packed to other bytes.
 *
 * What has only one flow, and nothing on its way, can be packed; the rest is rare, and waits to be parked.
 */
#include "flow/table.h"

#include "base/pack.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

static const int64_t MOMENT_NS = 100000000; /* longer than most round trips */

enum {
    PACKED_MORE = 2,     /* packed tuples take as much as a flow as it is */
    PACKING_MAX = 16384, /* what needs more room stays */
};

static size_t stream_bytes(const struct tca_flow_table *table)
{
    return TCA_STREAM_HEAD + (table->set.stream_payload_size + 7) / 8 * 8;
}

static size_t room_for(const struct tca_flow_table *table, const struct tca_flow *flow)
{
    return 1 + TCA_PACKED_MAX(TCA_FLOW_HEAD) + TCA_PACKED_MAX(stream_bytes(table)) +
           TCA_PACKED_MAX(sizeof(struct tca_copies)) + table->set.pack_room(table->set.user, flow);
}

/* ---- put away ---- */

static bool can_pack(const struct tca_flow_table *table, const struct tca_tuple *tuple)
{
    const struct tca_flow *flow = tuple->newest;
    return table->set.pack && !flow->older && !tuple->met && !tuple->keyed && tuple->plain == tuple &&
           flow->stream == tuple->stream && (!flow->stream || flow->stream->users == 2) &&
           room_for(table, flow) <= PACKING_MAX;
}

static uint8_t *pack_flow(uint8_t *out, const struct tca_flow *flow)
{
    struct tca_flow bare;
    memcpy(&bare, flow, TCA_FLOW_HEAD);
    bare.tuple = NULL;
    bare.prev = bare.next = NULL;
    bare.stream = NULL;
    bare.listed_ns = 0; /* its place in a list is another one anyway */
    return tca_squeeze(out, &bare, TCA_FLOW_HEAD);
}

static uint8_t *pack_copies(uint8_t *out, struct tca_copies *copies)
{
    struct tca_doubled *all = copies->all;
    struct tca_beyond *beyond = copies->beyond;
    copies->all = NULL;
    copies->beyond = NULL;
    out = tca_squeeze(out, copies, sizeof *copies);
    copies->all = all;
    copies->beyond = beyond;
    return out;
}

static uint8_t *pack_tuple(const struct tca_flow_table *table, struct tca_tuple *tuple, uint8_t *out)
{
    *out++ = tuple->stream != NULL;
    out = pack_flow(out, tuple->newest);
    if (tuple->stream)
        out = tca_squeeze(out, tuple->stream, stream_bytes(table));
    out = pack_copies(out, &tuple->copies);
    return table->set.pack(table->set.user, tuple->newest, out);
}

int64_t tca_table_packed_ns(enum tca_flow_class age_class, unsigned level)
{
    int64_t quiet_ns = tca_table_quiet_ns(age_class, level), patience_ns = tca_flow_patience_ns[age_class];
    return quiet_ns < patience_ns ? quiet_ns : patience_ns;
}

/* When it would have to be parked. */
static int64_t due_ns(const struct tca_flow *flow)
{
    return flow->heard_ns + tca_table_packed_ns((enum tca_flow_class)flow->age_class, flow->list);
}

/* What was packed takes the tuple's place. */
static int replace(struct tca_flow_table *table, struct tca_tuple *tuple, const void *packed, size_t size)
{
    uint32_t what = tca_away_new(table, &tuple->key, tuple->tag, TCA_KIND_PACKED4);
    if (!what)
        return TCA_EMEMORY;
    struct away *away = tca_away_at(table, what);
    size_t room = size;
    void *block = tca_stash_take(&table->stash, &room);
    if (!block) {
        tca_away_give(table, what);
        return TCA_EMEMORY;
    }
    memcpy(block, packed, size);
    away->packed = block;
    away->size = (uint16_t)room;
    away->due_ns = due_ns(tuple->newest);
    away->age_class = tuple->newest->age_class;
    away->level = (uint8_t)(TCA_AWAY_PACKED + tuple->newest->list);
    tca_away_list(table, what);
    tca_table_slot(table, tuple->tag, tca_what(TCA_KIND_TUPLE, tuple->number))->what = what;
    table->set.forget(table->set.user, tuple->newest);
    tca_table_give(table, tuple);
    table->packed++;
    return TCA_OK;
}

/* false: it stays. */
static bool pack(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    if (!can_pack(table, tuple))
        return false;
    if (!table->packing && !(table->packing = tca_alloc(PACKING_MAX)))
        return false;
    size_t size = (size_t)(pack_tuple(table, tuple, table->packing) - table->packing);
    return size <= TCA_STASH_MAX && !replace(table, tuple, table->packing, size);
}

/* ---- back ---- */

static const uint8_t *unpack_flow(struct tca_flow_table *table, struct tca_tuple *tuple, const uint8_t *in)
{
    struct tca_flow *flow = tca_pool_take(&table->flows);
    if (!flow)
        return NULL;
    in = tca_spread(in, flow, TCA_FLOW_HEAD);
    flow->tuple = tuple;
    tuple->newest = flow;
    tuple->live = 1;
    tca_table_list(table, flow, (enum tca_flow_class)flow->age_class, flow->list, flow->heard_ns);
    return in;
}

static const uint8_t *unpack_stream(struct tca_flow_table *table, struct tca_tuple *tuple, const uint8_t *in)
{
    struct tca_stream *stream = tca_pool_take(&table->streams);
    if (!stream)
        return NULL;
    tuple->stream = tuple->newest->stream = stream;
    return tca_spread(in, stream, stream_bytes(table));
}

static const uint8_t *unpack_copies(struct tca_tuple *tuple, const uint8_t *in)
{
    struct tca_doubled *all = tuple->copies.all;
    struct tca_beyond *beyond = tuple->copies.beyond;
    tuple->copies.all = NULL;
    tuple->copies.beyond = NULL;
    in = tca_spread(in, &tuple->copies, sizeof tuple->copies);
    tuple->copies.all = all;
    tuple->copies.beyond = beyond;
    return in;
}

static int unpack_tuple(struct tca_flow_table *table, struct tca_tuple *tuple, const uint8_t *in)
{
    bool has_stream = *in++;
    in = unpack_flow(table, tuple, in);
    if (in && has_stream)
        in = unpack_stream(table, tuple, in);
    if (in)
        in = table->set.unpack(table->set.user, unpack_copies(tuple, in), tuple->newest->payload);
    return in ? TCA_OK : TCA_EMEMORY;
}

int tca_table_unpack(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple)
{
    const struct away *away = tca_away_at(table, what);
    uint8_t *packed = away->packed;
    size_t size = away->size;
    struct tca_tuple *tuple = tca_away_back(table, what, key);
    if (!tuple)
        return TCA_EMEMORY;
    *ret_tuple = tuple;
    table->packed--;
    int error = unpack_tuple(table, tuple, packed);
    tca_stash_give(&table->stash, packed, size);
    return error;
}

static int unpack(struct tca_flow_table *table, uint32_t what, struct tca_tuple **ret_tuple)
{
    struct tca_key key;
    tca_table_key(table, what, &key);
    return tca_table_unpack(table, what, &key, ret_tuple);
}

int tca_table_turn_packed(struct tca_flow_table *table, uint32_t what)
{
    struct tca_tuple *tuple;
    int error = unpack(table, what, &tuple);
    return error ? error : tca_table_take_turn(table, tuple->newest);
}

static struct away_list *packed_list(struct tca_flow_table *table, unsigned level)
{
    return &table->away[TCA_FLOW_LIVE][TCA_AWAY_PACKED + level];
}

int tca_table_end_packed(struct tca_flow_table *table)
{
    int first_error = TCA_OK;
    struct tca_tuple *tuple;
    for (unsigned level = 0; level < TCA_LEVELS; level++)
        while (packed_list(table, level)->oldest) {
            int error = unpack(table, packed_list(table, level)->oldest, &tuple);
            if (error)
                return first_error ? first_error : error;
            error = tca_table_end_flow(table, tuple->newest);
            first_error = first_error ? first_error : error;
        }
    return first_error;
}

/* ---- whose turn it is ---- */

enum { LINE = 64 };

static void fetch(const void *object, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch((const unsigned char *)object + at);
}

static bool is_quiet(const struct tca_flow_table *table, const struct tca_flow *flow)
{
    return tca_passage_since(&table->passage, flow->heard_ns, MOMENT_NS);
}

/* Nobody has touched them for a moment: what the next one needs comes from memory while this one is packed. */
static void fetch_next(const struct tca_flow_table *table, const struct tca_flow *flow)
{
    const struct tca_flow *next = flow->next;
    if (!next)
        return;
    if (next->next)
        fetch(next->next, TCA_FLOW_HEAD);
    if (!is_quiet(table, next))
        return;
    fetch(next->tuple, sizeof *next->tuple);
    fetch(next->payload, table->set.payload_size);
    if (next->stream)
        fetch(next->stream, stream_bytes(table));
}

void tca_table_fetch_packed(const struct tca_flow_table *table, uint32_t what)
{
    const struct away *away = tca_away_at(table, what);
    fetch(away->packed, away->size);
}

/* The oldest of its list. One that cannot be packed is looked at again later. */
static int look_at(struct tca_flow_table *table, struct tca_flow *flow)
{
    unsigned list = flow->list;
    bool quiet = is_quiet(table, flow);
    fetch_next(table, flow);
    if (tca_passage_since(&table->passage, flow->heard_ns, tca_table_quiet_ns(TCA_FLOW_LIVE, list)))
        return tca_table_take_turn(table, flow);
    if (quiet && pack(table, flow->tuple))
        return TCA_OK;
    tca_table_unlist(table, flow);
    tca_table_list(table, flow, TCA_FLOW_LIVE, list, quiet ? table->passage.now_ns : flow->heard_ns);
    return TCA_OK;
}

/* More are packed than there is memory for, beside those that are in it as they are: the oldest is parked. */
static int relieve(struct tca_flow_table *table, unsigned level)
{
    size_t most = table->set.most[TCA_FLOW_LIVE], whole = table->listed[TCA_FLOW_LIVE];
    size_t most_packed = most > whole ? PACKED_MORE * (most - whole) : 0;
    int error = TCA_OK;
    while (!error && packed_list(table, level)->oldest && table->packed > most_packed) {
        struct tca_tuple *tuple;
        bool parked;
        error = unpack(table, packed_list(table, level)->oldest, &tuple);
        if (!error)
            error = tca_table_park(table, tuple, 0, &parked);
    }
    return error;
}

int tca_table_pack(struct tca_flow_table *table)
{
    int error = TCA_OK;
    for (unsigned level = 0; level < TCA_LEVELS && !error; level++) {
        struct age_list *list = &table->age[TCA_FLOW_LIVE][level];
        while (!error && list->oldest && table->listed[TCA_FLOW_LIVE] > table->set.whole &&
               tca_passage_since(&table->passage, list->oldest->listed_ns, MOMENT_NS))
            error = look_at(table, list->oldest);
        if (!error && table->set.most[TCA_FLOW_LIVE])
            error = relieve(table, level);
    }
    return error;
}

#ifdef TCA_CHECK_WAYS
/* What comes back is packed to the same bytes. */
static int check(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    unsigned level = tuple->newest->list;
    if (!pack(table, tuple))
        return TCA_OK;
    uint8_t *was = tca_alloc(PACKING_MAX);
    if (!was)
        return TCA_EMEMORY;
    memcpy(was, table->packing, PACKING_MAX);
    int error = unpack(table, packed_list(table, level)->newest, &tuple);
    if (!error) {
        size_t size = (size_t)(pack_tuple(table, tuple, table->packing) - table->packing);
        if (memcmp(was, table->packing, size) != 0)
            abort();
        pack(table, tuple);
    }
    tca_free(was);
    return error;
}

int tca_table_pack_all(struct tca_flow_table *table)
{
    int error = TCA_OK;
    for (unsigned level = 0; level < TCA_LEVELS; level++)
        for (struct tca_flow *flow = table->age[TCA_FLOW_LIVE][level].oldest, *next; flow && !error;
             flow = next) {
            next = flow->next;
            error = can_pack(table, flow->tuple) ? check(table, flow->tuple) : TCA_OK;
        }
    return error;
}
#endif
