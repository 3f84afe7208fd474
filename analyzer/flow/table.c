/* SPDX-License-Identifier: MIT
 *
 * Open addressing with linear probing over tuples, deletion by shifting back; pools for tuples and flows; a few
 * age lists per class, oldest first, so that expiry looks at list heads only. The hash is seeded, because
 * whoever sent the packets chose the tuples; order of results never comes from the table.
 */
#include "flow/table.h"

#include "base/apart.h"
#include "flow/incarnation.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Slots are doubled where five of eight are used. */
enum { FULL = 5, FULL_PARTS = 8 };

enum { FIRST_BITS = 10, LIVE_INCARNATIONS = 4, WELL_KNOWN = 1024, EPHEMERAL = 32768 };

/* Lists are looked at when the turn of their heads comes, and so often at least. */
static const int64_t TURN_NS = 1000000000;

/* A connection that is over waits for RFC 9293's 2MSL and a little; an opening one for the longest ladder
 * (131 s) and a request's life; a live one for twice the default keepalive time. */
const int64_t tca_flow_patience_ns[TCA_FLOW_CLASSES] = {
    [TCA_FLOW_LIVE] = INT64_C(4) * 3600 * 1000000000,
    [TCA_FLOW_OPENING] = INT64_C(300) * 1000000000,
    [TCA_FLOW_OVER] = INT64_C(250) * 1000000000,
};

int tca_flow_table_new(const struct tca_flow_settings *set, struct tca_flow_table **ret_table)
{
    struct tca_flow_table *table = tca_alloc(sizeof *table);
    if (!table)
        return TCA_EMEMORY;
    table->set = *set;
    for (size_t at = 0; at < sizeof table->secret / sizeof *table->secret; at++)
        table->secret[at] = XXH3_64bits_withSeed(&at, sizeof at, set->seed);
    table->slot_bits = FIRST_BITS;
    table->slot_count = (size_t)1 << FIRST_BITS;
    table->slot = tca_alloc(table->slot_count * sizeof *table->slot);
    tca_table_init_away(table);
    for (unsigned part = 0; part < TCA_PARTITIONS && set->remembered; part++)
        tca_table_allow(table, part, 0);
    tca_pool_init(&table->flows, sizeof(struct tca_flow) + set->payload_size);
    tca_pool_init(&table->streams, sizeof(struct tca_stream) + set->stream_payload_size);
    if (!table->slot) {
        tca_flow_table_free(table);
        return TCA_EMEMORY;
    }
    *ret_table = table;
    return TCA_OK;
}

void tca_flow_turn_file(struct tca_flow_table *table, uint64_t frame)
{
    table->file_frame = frame;
}

void tca_flow_doubled(struct tca_flow_table *table, const struct tca_doubled *known)
{
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        table->doubled[part] = *known;
}

void tca_flow_table_free(struct tca_flow_table *table)
{
    if (!table)
        return;
    for (int kind = 0; kind < TCA_KINDS; kind++)
        tca_numbered_done(&table->pool[kind]);
    tca_stash_done(&table->stash);
    tca_free(table->packing);
    tca_free(table->shape);
    tca_pool_done(&table->flows);
    tca_pool_done(&table->streams);
    tca_free(table->slot);
    for (unsigned part = 0; part < TCA_PARTITIONS; part++)
        tca_beyond_done(&table->beyond[part]);
    tca_free(table);
}

/* ---- keys ---- */

/* Bytes as a number that is greater where they come later. */
static uint64_t rank_of(const uint8_t bytes[8])
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return be64toh(word);
}

/* The sender's side of the key: addresses as memcmp() sees them, then ports. */
static int side_of(const struct tca_segment *seg)
{
    uint64_t from = rank_of(seg->src), to = rank_of(seg->dst); /* nearly always that of IPv4 */
    if (from == to) {
        from = rank_of(seg->src + 8);
        to = rank_of(seg->dst + 8);
    }
    return from == to ? seg->sport > seg->dport : from > to;
}

/* The key of a segment; returns the sender's key side. */
static int make_key(const struct tca_flow_table *table, const struct tca_segment *seg,
                    struct tca_key *ret_key)
{
    memset(ret_key, 0, sizeof *ret_key);
    int side = side_of(seg);
    memcpy(ret_key->addr[side], seg->src, 16);
    memcpy(ret_key->addr[1 - side], seg->dst, 16);
    ret_key->port[side] = seg->sport;
    ret_key->port[1 - side] = seg->dport;
    ret_key->family = seg->family;
    if (table->set.key_vlan)
        memcpy(ret_key->vlan, seg->tags.vlan, seg->tags.vlan_count * sizeof(uint16_t));
    if (table->set.key_tunnel) {
        ret_key->encap = seg->tags.encap;
        ret_key->encap_id = seg->tags.encap_id;
    }
    return side;
}

static uint64_t word_of(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static bool has_other_keys(const struct tca_flow_table *table)
{
    return table->set.key_vlan || table->set.key_tunnel;
}

/* Products of secret words: it is nobody's to choose. In registers, since a key that was just written cannot be read back in
 * other pieces without waiting for it. */
static uint32_t tag_of(const struct tca_flow_table *table, const struct tca_key *key)
{
    const uint64_t *secret = table->secret;
    uint64_t high = XXH3_mul128_fold64(word_of(key->addr[0]) ^ secret[0], word_of(key->addr[1]) ^ secret[1]);
    uint64_t low =
        XXH3_mul128_fold64(word_of(key->addr[0] + 8) ^ secret[2], word_of(key->addr[1] + 8) ^ secret[3]);
    uint64_t rest =
        (uint64_t)key->port[0] << 48 | (uint64_t)key->port[1] << 32 | key->family << 8 | key->plain;
    if (has_other_keys(table))
        rest += XXH3_mul128_fold64(word_of(key->vlan) ^ secret[4],
                                   ((uint64_t)key->encap_id << 8 | key->encap) ^ secret[5]);
    return (uint32_t)(XXH3_mul128_fold64(high + low, rest ^ secret[6]) >> 32);
}

/* The hash alone has a say in it: of more slots than it tells apart only some are anybody's home. */
static size_t home(const struct tca_flow_table *table, uint32_t tag)
{
    enum { HASH_BITS = 32 - TCA_TAG_PARTITION_BITS };
    uint64_t hash = tag >> TCA_TAG_PARTITION_BITS;
    return (size_t)(hash << table->slot_bits >> HASH_BITS);
}

static bool is_tag(uint32_t tag, uint32_t other)
{
    return (tag ^ other) <= TCA_TAG_PARTITION;
}

static size_t after(const struct tca_flow_table *table, size_t at)
{
    return (at + 1) & (table->slot_count - 1);
}

static bool is_tuple(uint32_t what)
{
    return tca_kind_of(what) == TCA_KIND_TUPLE;
}

static struct tca_tuple *tuple_at(const struct tca_flow_table *table, uint32_t what)
{
    return tca_numbered_at(&table->pool[TCA_KIND_TUPLE], what >> TCA_KIND_BITS);
}

/* Without a branch: nearly all keys that are compared are equal. */
static bool is_key(const struct tca_key *one, const struct tca_key *other)
{
    _Static_assert(sizeof *one == 6 * sizeof(uint64_t) + sizeof(uint32_t), "words of a key");
    const unsigned char *a = (const void *)one, *b = (const void *)other;
    uint32_t last[2];
    memcpy(&last[0], a + sizeof *one - sizeof last[0], sizeof last[0]);
    memcpy(&last[1], b + sizeof *one - sizeof last[1], sizeof last[1]);
    uint64_t differs = last[0] ^ last[1];
    for (int word = 0; word < 6; word++)
        differs |= word_of(a + 8 * word) ^ word_of(b + 8 * word);
    return !differs;
}

static bool has_key(const struct tca_flow_table *table, uint32_t what, const struct tca_key *key)
{
    return is_tuple(what) ? is_key(&tuple_at(table, what)->key, key) : tca_table_has_key(table, what, key);
}

uint32_t tca_table_lookup(const struct tca_flow_table *table, const struct tca_key *key, uint32_t tag)
{
    for (size_t at = home(table, tag); table->slot[at].what; at = after(table, at))
        if (is_tag(table->slot[at].tag, tag) && has_key(table, table->slot[at].what, key))
            return table->slot[at].what;
    return 0;
}

struct slot *tca_table_slot(const struct tca_flow_table *table, uint32_t tag, uint32_t what)
{
    size_t at = home(table, tag);
    while (table->slot[at].what != what)
        at = after(table, at);
    return &table->slot[at];
}

void tca_table_fetch_slot(const struct tca_flow_table *table, uint32_t tag)
{
    __builtin_prefetch(&table->slot[home(table, tag)], 1);
}

void tca_table_replace(struct tca_flow_table *table, uint32_t tag, uint32_t what, uint32_t by)
{
    if (table->slot)
        tca_table_slot(table, tag, what)->what = by;
}

static void place(struct tca_flow_table *table, struct slot slot)
{
    size_t at = home(table, slot.tag);
    while (table->slot[at].what)
        at = after(table, at);
    table->slot[at] = slot;
}

static int grow(struct tca_flow_table *table)
{
    struct slot *old = table->slot;
    size_t old_count = table->slot_count;
    struct slot *bigger = table->slot_bits < 31 ? tca_alloc(2 * old_count * sizeof *bigger) : NULL;
    if (!bigger)
        return TCA_EMEMORY;
    table->slot = bigger;
    table->slot_count = 2 * old_count;
    table->slot_bits++;
    for (size_t at = 0; at < old_count; at++)
        if (old[at].what)
            place(table, old[at]);
    tca_free(old);
    return TCA_OK;
}

static unsigned part_of(const struct tca_key *key)
{
    return tca_partition_of(key->addr[0], key->port[0], key->addr[1], key->port[1]);
}

struct tca_tuple *tca_table_new_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag)
{
    uint32_t number = tca_numbered_take(&table->pool[TCA_KIND_TUPLE]);
    if (!number)
        return NULL;
    struct tca_tuple *tuple = tca_numbered_at(&table->pool[TCA_KIND_TUPLE], number);
    tuple->key = *key;
    tuple->over_ns = INT64_MAX;
    tuple->tag = tag;
    tuple->number = number;
    unsigned part = tag & TCA_TAG_PARTITION;
    tuple->copies.beyond = &table->beyond[part];
    tuple->copies.all = &table->doubled[part];
    return tuple;
}

/* So many tuples began that their partition is to be looked at. */
static void count_tuple(struct tca_flow_table *table, unsigned part)
{
    if (table->allowed[part] && --table->allowed[part] == 0)
        table->crowded = true;
}

int tca_table_room(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag, uint32_t *ret_tag)
{
    if (table->used * FULL_PARTS >= table->slot_count * FULL && grow(table))
        return TCA_EMEMORY;
    *ret_tag = (tag & ~(uint32_t)TCA_TAG_PARTITION) | part_of(key);
    return TCA_OK;
}

void tca_table_enter(struct tca_flow_table *table, uint32_t tag, uint32_t what)
{
    place(table, (struct slot){tag, what});
    table->used++;
    count_tuple(table, tag & TCA_TAG_PARTITION);
}

static int add_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                     struct tca_tuple **ret_tuple)
{
    int error = tca_table_room(table, key, tag, &tag);
    if (error)
        return error;
    struct tca_tuple *tuple = tca_table_new_tuple(table, key, tag);
    if (!tuple)
        return TCA_EMEMORY;
    tca_table_enter(table, tag, tca_what(TCA_KIND_TUPLE, tuple->number));
    *ret_tuple = tuple;
    return TCA_OK;
}

/* The tuple of this key, if there is one; away no longer. One that is away and over is none: whether its memory was taken back
 * before must not matter. */
static int find_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                      struct tca_tuple **ret_tuple)
{
    uint32_t what = tca_table_lookup(table, key, tag);
    *ret_tuple = NULL;
    if (!what)
        return TCA_OK;
    int error = TCA_OK;
    if (is_tuple(what))
        *ret_tuple = tuple_at(table, what);
    else if (tca_kind_of(what) >= TCA_KIND_PACKED4)
        error = tca_table_unpack(table, what, key, ret_tuple);
    else if (tca_table_is_over(table, what))
        return tca_table_end_away(table, what);
    else if (tca_kind_of(what) >= TCA_KIND_EMBRYO4)
        error = tca_table_unfold(table, what, key, ret_tuple);
    else
        error = tca_table_recall(table, what, key, ret_tuple);
    if (!error)
        (*ret_tuple)->lone = false; /* something is about to come */
    return error;
}

/* The tuple of this key, new where needed. */
static int get_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                     struct tca_tuple **ret_tuple)
{
    int error = find_tuple(table, key, tag, ret_tuple);
    return error || *ret_tuple ? error : add_tuple(table, key, tag, ret_tuple);
}

/* ---- streams ---- */

void tca_table_leave_stream(struct tca_flow_table *table, struct tca_stream *stream)
{
    if (stream && --stream->users == 0)
        tca_pool_give(&table->streams, stream);
}

/* The newest piece of this tuple has all its segments. */
int tca_table_end_piece(struct tca_flow_table *table, const struct tca_tuple *plain)
{
    if (!plain->stream || plain->stream->told || !table->set.piece_over)
        return TCA_OK;
    return table->set.piece_over(table->set.user, &plain->key, &plain->stream->piece);
}

static int new_stream(struct tca_flow_table *table, struct tca_tuple *plain, const struct tca_segment *seg,
                      int side)
{
    struct tca_stream *old = plain->stream, *stream = tca_pool_take(&table->streams);
    if (!stream)
        return TCA_EMEMORY;
    stream->users = 1;
    /* What is certain of all files together need not be so of one alone: a SYN between two that are alike may be another file's. */
    bool same_file = old && old->piece.frame >= table->file_frame;
    tca_stream_begin_piece(stream, seg, side, same_file && tca_stream_ends_surely(old, side));
    if (old)
        old->users += plain->on_stream;
    plain->on_stream = 0;
    tca_table_leave_stream(table, old);
    plain->stream = stream;
    return TCA_OK;
}

/* It is the first one, or perhaps that of the next stream or piece. */
TCA_APART static int turn_stream(struct tca_flow_table *table, struct tca_tuple *plain,
                                 const struct tca_segment *seg, int side)
{
    enum tca_stream_step step = plain->stream ? tca_stream_takes(plain->stream, seg, side) : TCA_STREAM_ENDS;
    if (step == TCA_STREAM_GOES_ON && plain->stream->piece.frame < table->file_frame)
        step = TCA_STREAM_TURNS; /* no piece goes over the end of a file */
    int error = step == TCA_STREAM_GOES_ON ? TCA_OK : tca_table_end_piece(table, plain);
    if (!error && step == TCA_STREAM_ENDS)
        error = new_stream(table, plain, seg, side);
    if (error)
        return error;
    if (step == TCA_STREAM_TURNS || plain->stream->told) {
        tca_stream_begin_piece(plain->stream, seg, side, false);
        plain->stream->earlier = true;
    }
    plain->stream->told = false;
    tca_stream_note(plain->stream, seg, side);
    return TCA_OK;
}

/* The stream of the next segment of this plain tuple. */
static int meet_stream(struct tca_flow_table *table, struct tca_tuple *plain, const struct tca_segment *seg,
                       int side)
{
    struct tca_stream *stream = plain->stream;
    if (!stream || stream->told || tca_stream_may_turn(seg) || stream->piece.frame < table->file_frame)
        return turn_stream(table, plain, seg, side);
    tca_stream_note(stream, seg, side);
    return TCA_OK;
}

/* The tuple of a key, with the plain one whose streams it shares. */
TCA_APART static int get_linked(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                                struct tca_tuple **ret_tuple)
{
    struct tca_tuple *tuple, *plain;
    int error = get_tuple(table, key, tag, &tuple);
    if (error || tuple->plain) {
        *ret_tuple = tuple;
        return error;
    }
    plain = tuple;
    if (has_other_keys(table)) {
        struct tca_key four = {.family = key->family, .plain = 1};
        memcpy(four.addr, key->addr, sizeof four.addr);
        memcpy(four.port, key->port, sizeof four.port);
        error = get_tuple(table, &four, tag_of(table, &four), &plain);
        if (error)
            return error;
        plain->plain = plain;
        plain->keyed++;
    }
    tuple->plain = plain;
    *ret_tuple = tuple;
    return TCA_OK;
}

/* Nearly always it is where it seemed to be. */
static int get_keyed(struct tca_flow_table *table, const struct tca_flow_look *look,
                     struct tca_tuple **ret_tuple)
{
    struct tca_tuple *tuple = look->near;
    if (!tuple || !tuple->number || !tuple->plain || !is_key(&tuple->key, &look->key))
        return get_linked(table, &look->key, look->tag, ret_tuple);
    tuple->lone = false; /* something is about to come */
    *ret_tuple = tuple;
    return TCA_OK;
}

/* Linear probing without tombstones: entries behind the gap move up if that brings them no farther than home.
 */
void tca_table_empty_slot(struct tca_flow_table *table, struct slot *slot)
{
    size_t mask = table->slot_count - 1, gap = (size_t)(slot - table->slot);
    for (size_t at = after(table, gap); table->slot[at].what; at = after(table, at))
        if (((at - home(table, table->slot[at].tag)) & mask) >= ((at - gap) & mask)) {
            table->slot[gap] = table->slot[at];
            gap = at;
        }
    table->slot[gap] = (struct slot){0};
    table->used--;
}

void tca_table_give_tuple(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    uint32_t number = tuple->number;
    tuple->number = 0; /* who has looked for it sees that it is none any more */
    tca_numbered_give(&table->pool[TCA_KIND_TUPLE], number);
}

static void drop_tuple(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    uint32_t what = tca_what(TCA_KIND_TUPLE, tuple->number);
    if (table->slot)
        tca_table_empty_slot(table, tca_table_slot(table, tuple->tag, what));
    tca_table_give_tuple(table, tuple);
}

/* Nothing of it is left, and nothing will come: what still waits holds it. */
static int drop_if_unused(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    struct tca_tuple *plain = tuple->plain;
    if (tuple->newest || tuple->met || tuple->keyed)
        return TCA_OK;
    int error = tca_table_end_piece(table, tuple);
    tca_table_leave_stream(table, tuple->stream);
    drop_tuple(table, tuple);
    if (plain == tuple)
        return error;
    plain->keyed--;
    int more = drop_if_unused(table, plain);
    return error ? error : more;
}

/* ---- age lists ---- */

void tca_table_unlist(struct tca_flow_table *table, struct tca_flow *flow)
{
    table->lone -= flow->list == TCA_LONE;
    struct age_list *list = &table->age[flow->age_class][flow->list];
    *(flow->prev ? &flow->prev->next : &list->oldest) = flow->next;
    *(flow->next ? &flow->next->prev : &list->newest) = flow->prev;
    table->listed[flow->age_class]--;
}

/* In this list a flow waits for so long before something is done about it. */
static int64_t wait_ns(const struct tca_flow_table *table, enum tca_flow_class age_class, unsigned list)
{
    int64_t patience_ns = tca_flow_patience_ns[age_class];
    if (list == TCA_STAY || !tca_table_parks(table))
        return patience_ns;
    int64_t quiet_ns = tca_table_quiet_ns(age_class, list == TCA_LONE ? 0 : list);
    return quiet_ns < patience_ns ? quiet_ns : patience_ns;
}

/* Something will have to be done then. */
void tca_table_turn(struct tca_flow_table *table, int64_t turn_ns)
{
    if (turn_ns < table->turn_ns)
        table->turn_ns = turn_ns;
}

/* The tuple has a flow that is over then, at the earliest. */
static void bound(struct tca_tuple *tuple, const struct tca_flow *flow)
{
    int64_t over_ns = flow->heard_ns + tca_flow_patience_ns[flow->age_class];
    if (over_ns < tuple->over_ns)
        tuple->over_ns = over_ns;
}

void tca_table_list(struct tca_flow_table *table, struct tca_flow *flow, enum tca_flow_class age_class,
                    unsigned list_number, int64_t now_ns)
{
    struct age_list *list = &table->age[age_class][list_number];
    table->listed[age_class]++;
    flow->age_class = (uint8_t)age_class;
    bound(flow->tuple, flow);
    flow->list = (uint8_t)list_number;
    table->lone += list_number == TCA_LONE;
    flow->listed_ns = now_ns;
    flow->next = NULL;
    flow->prev = list->newest;
    if (!list->oldest)
        tca_table_turn(table, now_ns + wait_ns(table, age_class, list_number) + 1);
    *(list->newest ? &list->newest->next : &list->oldest) = flow;
    list->newest = flow;
}

/* In the list in which it waits to be parked, or to be over. */
static void append_age(struct tca_flow_table *table, struct tca_flow *flow, enum tca_flow_class age_class,
                       int64_t now_ns)
{
    unsigned level = flow->parked < TCA_LEVELS ? flow->parked : TCA_LEVELS - 1;
    tca_table_list(table, flow, age_class, level, now_ns);
}

static int take_out(struct tca_flow_table *table, struct tca_flow **link)
{
    struct tca_flow *flow = *link;
    int error = table->set.over(table->set.user, flow);
    *link = flow->older;
    flow->tuple->live--;
    tca_table_unlist(table, flow);
    tca_table_leave_stream(table, flow->stream);
    tca_pool_give(&table->flows, flow);
    return error;
}

/* Of a tuple without flows nothing is left to be the original of a copy, also where something of it is on its way. */
static void forget_copies(struct tca_copies *copies)
{
    *copies = (struct tca_copies){.all = copies->all, .beyond = copies->beyond};
}

/* What it had replaced goes with it. */
int tca_table_end_flow(struct tca_flow_table *table, struct tca_flow *flow)
{
    struct tca_tuple *tuple = flow->tuple;
    struct tca_flow **link = &tuple->newest;
    while (*link != flow)
        link = &(*link)->older;
    int error = take_out(table, link);
    while (tuple->newest && tuple->newest->replaced) {
        int late = take_out(table, &tuple->newest);
        error = error ? error : late;
    }
    if (!tuple->newest && tuple->met)
        forget_copies(&tuple->copies);
    int dropped = drop_if_unused(table, tuple);
    return error ? error : dropped;
}

/* ---- expiry ---- */

/* By the passage of the file: its memory may be taken back at any time from then on. */
static bool is_over(const struct tca_flow_table *table, const struct tca_flow *flow)
{
    return tca_passage_since(&table->passage, flow->heard_ns, tca_flow_patience_ns[flow->age_class]);
}

/* Or by the times of its own tuple: the passage comes behind by a chunk. */
static bool due(const struct tca_flow_table *table, const struct tca_flow *flow, int64_t now_ns)
{
    return now_ns - flow->last_ns > tca_flow_patience_ns[flow->age_class] || is_over(table, flow);
}

/* Before a segment of the tuple is used: whether another tuple's record gave the occasion to take a flow out of memory before
 * must not matter. */
static int expire_tuple(struct tca_flow_table *table, struct tca_tuple *tuple, int64_t now_ns)
{
    struct tca_flow *flow = tuple->newest;
    while (flow) {
        if (!due(table, flow, now_ns)) {
            flow = flow->older;
            continue;
        }
        int error = tca_table_end_flow(table, flow);
        if (error)
            return error;
        flow = tuple->newest; /* from the beginning: it may have taken another with it */
    }
    return TCA_OK;
}

TCA_APART static int take_out_over(struct tca_flow_table *table, struct tca_tuple **tuple_at)
{
    struct tca_tuple *tuple = *tuple_at;
    int error = TCA_OK;
    tuple->met++; /* it stays until its last flow is told */
    for (struct tca_flow *flow = tuple->newest; flow && !error;) {
        bool over = is_over(table, flow);
        error = over ? tca_table_end_flow(table, flow) : TCA_OK;
        flow = over ? tuple->newest : flow->older; /* from the beginning: it may have taken another with it */
    }
    tuple->met--;
    tuple->over_ns = INT64_MAX;
    for (struct tca_flow *flow = tuple->newest; flow; flow = flow->older)
        bound(tuple, flow);
    if (!tuple->newest && !tuple->met && !tuple->keyed)
        *tuple_at = NULL;
    int dropped = drop_if_unused(table, tuple);
    return error ? error : dropped;
}

/* Before a segment of it joins: the tuple without what is over, as if that had been taken out at once. What is told of a flow then
 * knows nothing of this segment. NULL: nothing is left. */
static int refresh(struct tca_flow_table *table, struct tca_tuple **tuple_at)
{
    bool any = tca_passage_since(&table->passage, (*tuple_at)->over_ns, 0);
    return any ? take_out_over(table, tuple_at) : TCA_OK;
}

int tca_table_end_tuple_early(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    int error = refresh(table, &tuple);
    if (error || !tuple)
        return error;
    tuple->met++; /* it stays until its last flow is told */
    for (struct tca_flow *flow = tuple->newest; flow; flow = flow->older)
        flow->cut_short = true;
    while (tuple->newest && !error)
        error = tca_table_end_flow(table, tuple->newest);
    tuple->met--;
    int dropped = drop_if_unused(table, tuple);
    return error ? error : dropped;
}

/* ---- roles ---- */

static bool hinted(const struct tca_flow_table *table, const uint8_t addr[16], uint16_t port)
{
    for (size_t at = 0; at < table->set.server_count; at++)
        if (table->set.server[at].port == port && !memcmp(table->set.server[at].addr, addr, 16))
            return true;
    return false;
}

/* The lower classes of ports serve: well-known against others, registered against ephemeral. */
static int port_rank(uint16_t port)
{
    return port < WELL_KNOWN ? 0 : port < EPHEMERAL ? 1 : 2;
}

static void decide_roles(const struct tca_flow_table *table, struct tca_flow *flow,
                         const struct tca_segment *seg, int side)
{
    bool from_server = false;
    if (tca_is_bare_syn(seg)) {
        flow->role_basis = TCA_BASIS_SYN;
    } else if ((seg->flags & TCA_SYN) && (seg->flags & TCA_ACK)) {
        flow->role_basis = TCA_BASIS_SYNACK;
        from_server = true;
    } else if (hinted(table, seg->src, seg->sport) != hinted(table, seg->dst, seg->dport)) {
        flow->role_basis = TCA_BASIS_USER;
        from_server = hinted(table, seg->src, seg->sport);
    } else if (port_rank(seg->sport) != port_rank(seg->dport)) {
        flow->role_basis = TCA_BASIS_PORT;
        from_server = port_rank(seg->sport) < port_rank(seg->dport);
    } else {
        flow->role_basis = TCA_BASIS_ORDER;
    }
    flow->client = (uint8_t)(from_server ? 1 - side : side);
}

static int new_flow(struct tca_flow_table *table, struct tca_tuple *tuple, const struct tca_segment *seg,
                    int side, int64_t heard_ns, struct tca_flow **ret_flow)
{
    struct tca_flow *flow = tca_pool_take(&table->flows);
    if (!flow)
        return TCA_EMEMORY;
    flow->heard_ns = heard_ns;
    flow->tuple = tuple;
    flow->older = tuple->newest;
    tuple->newest = flow;
    tuple->live++;
    flow->first_frame = seg->frame;
    flow->last_ns = seg->time_ns;
    flow->tags = seg->tags;
    flow->opened_by_syn = tca_is_bare_syn(seg);
    /* A SYN+ACK out of the blue does not end a connection that lives. */
    flow->committed = !flow->opened_by_syn && (!flow->older || tca_incarnation_over(flow->older));
    decide_roles(table, flow, seg, side);
    append_age(table, flow, TCA_FLOW_OPENING, heard_ns);
    *ret_flow = flow;
    return TCA_OK;
}

/* At most so many live incarnations of one tuple: a walk of ISNs must not cost more. What was replaced goes first, then the
 * oldest that nobody answered: SYNs that somebody throws at a live connection must not end it. */
static int limit_incarnations(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    if (tuple->live <= LIVE_INCARNATIONS)
        return TCA_OK;
    struct tca_flow *oldest = tuple->newest, *unanswered = NULL;
    for (; oldest->older; oldest = oldest->older)
        if (!oldest->older->committed)
            unanswered = oldest->older;
    return tca_table_end_flow(table, unanswered && !oldest->replaced ? unanswered : oldest);
}

/* So few tuples are in the cache nearest but one, all of them. */
enum { LINE = 64, AT_HAND = 128 };

/* Straight on, since nearly every segment comes here. */
static void fetch(const void *object, size_t from, size_t to)
{
    const unsigned char *bytes = (const unsigned char *)object + from;
    size_t lines = (to - from + LINE - 1) / LINE;
    for (; lines > 4; lines -= 4, bytes += 4 * LINE) {
        __builtin_prefetch(bytes, 1);
        __builtin_prefetch(bytes + LINE, 1);
        __builtin_prefetch(bytes + 2 * LINE, 1);
        __builtin_prefetch(bytes + 3 * LINE, 1);
    }
    for (; lines; lines--, bytes += LINE)
        __builtin_prefetch(bytes, 1);
}

static void look(const struct tca_flow_table *table, const struct tca_segment *seg,
                 struct tca_flow_look *look)
{
    look->near = NULL;
    look->side = make_key(table, seg, &look->key);
    look->tag = tag_of(table, &look->key);
}

void tca_flow_look(const struct tca_flow_table *table, const struct tca_segment *seg,
                   struct tca_flow_look *ret_look)
{
    look(table, seg, ret_look);
}

/* As far as a segment that joins touches it: up to the segments that are kept for copies. */
static void look_on(const struct tca_flow_table *table, struct tca_flow_look *look)
{
    for (size_t at = home(table, look->tag); table->slot[at].what; at = after(table, at))
        if (is_tag(table->slot[at].tag, look->tag)) {
            uint32_t what = table->slot[at].what;
            look->near = is_tuple(what) ? tuple_at(table, what) : NULL;
            if (look->near)
                fetch(look->near, 0, offsetof(struct tca_tuple, copies));
            else if (tca_kind_of(what) >= TCA_KIND_PACKED4)
                tca_table_fetch_packed(table, what);
            return;
        }
}

static void look_far(const struct tca_flow_table *table, const struct tca_flow_look *look)
{
    if (look->near && look->near->stream)
        fetch(look->near->stream, 0, sizeof *look->near->stream + table->set.stream_touched);
}

/* Each step of all of them before the next one, which needs what the step before begins to fetch. */
void tca_flow_look_all(const struct tca_flow_table *table, struct tca_waiting *const *one, unsigned count,
                       struct tca_flow_look *ret_look)
{
    for (unsigned at = 0; at < count; at++) {
        look(table, &one[at]->seg, &ret_look[at]);
        __builtin_prefetch(&table->slot[home(table, ret_look[at].tag)]);
    }
    for (unsigned at = 0; at < count; at++)
        look_on(table, &ret_look[at]);
    for (unsigned at = 0; at < count && table->used > AT_HAND; at++)
        look_far(table, &ret_look[at]);
}

int tca_table_rejoin(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple)
{
    struct tca_waiting *w = tca_away_at(table, what)->waiting;
    struct tca_tuple *tuple = tca_away_back(table, what, key);
    if (!tuple)
        return TCA_EMEMORY;
    tuple->met++;
    int error = meet_stream(table, tuple, &w->seg, w->side);
    if (error)
        return error;
    tuple->on_stream++;
    w->tuple = tuple;
    w->stream = tuple->stream;
    w->stream_frame = tuple->stream->piece.frame;
    table->set.rejoin(table->set.user, w, &tuple->lane);
    *ret_tuple = tuple;
    return TCA_OK;
}

int tca_flow_meet(struct tca_flow_table *table, const struct tca_segment *seg,
                  const struct tca_flow_look *look, struct tca_flow_met *ret_met)
{
    struct tca_tuple *tuple;
    int side = look->side;
    int error = get_keyed(table, look, &tuple);
    if (!error)
        error = refresh(table, &tuple);
    if (!error && !tuple)
        error = get_keyed(table, look, &tuple);
    if (error)
        return error;
    *ret_met =
        (struct tca_flow_met){.tuple = tuple, .lane = &tuple->lane, .side = side, .now_ns = seg->time_ns};
    if (tca_stream_sees(seg)) {
        error = meet_stream(table, tuple->plain, seg, side);
        if (error)
            return error;
        ret_met->stream = tuple->plain->stream;
        ret_met->stream_frame = ret_met->stream->piece.frame;
        tuple->plain->on_stream++;
    }
    tuple->met++;
    return TCA_OK;
}

static bool meet_next(struct tca_flow_table *table, const struct tca_flow_look *look, struct tca_waiting *w)
{
    struct tca_tuple *tuple = look->near;
    const struct tca_segment *seg = &w->seg;
    if (!tuple || !tuple->number || tuple->plain != tuple || !is_key(&tuple->key, &look->key) ||
        tca_passage_since(&table->passage, tuple->over_ns, 0) || seg->quoted || seg->partial)
        return false;
    struct tca_stream *stream = tuple->stream;
    if (!stream || stream->told || stream->piece.frame < table->file_frame ||
        !tca_stream_note_next(stream, seg))
        return false;
    tuple->lone = false; /* something has come */
    tuple->on_stream++;
    tuple->met++;
    w->tuple = tuple;
    w->stream = stream;
    w->stream_frame = stream->piece.frame;
    w->side = (uint8_t)look->side;
    return true;
}

#ifdef TCA_CHECK_WAYS
/* What meeting a segment changes. */
struct meeting {
    struct tca_tuple tuple;
    unsigned char stream[TCA_STREAM_HEAD];
};

static void copy_meeting(struct meeting *meeting, const struct tca_tuple *tuple,
                         const struct tca_stream *stream)
{
    memcpy(&meeting->tuple, tuple, sizeof *tuple);
    memcpy(meeting->stream, stream, sizeof meeting->stream);
}

/* Both ways must lead to the same. */
static bool meet_both_ways(struct tca_flow_table *table, const struct tca_flow_look *look,
                           struct tca_waiting *w)
{
    struct tca_tuple *tuple = look->near;
    struct tca_stream *stream = tuple && tuple->number ? tuple->stream : NULL;
    struct meeting before, quick, whole;
    struct tca_flow_met met;
    if (!stream)
        return false;
    copy_meeting(&before, tuple, stream);
    if (!meet_next(table, look, w))
        return false;
    copy_meeting(&quick, tuple, stream);
    memcpy(tuple, &before.tuple, sizeof *tuple);
    memcpy(stream, before.stream, sizeof before.stream);
    bool same = tca_flow_meet(table, &w->seg, look, &met) == TCA_OK && met.tuple == w->tuple &&
                met.lane == &tuple->lane && met.stream == w->stream && met.stream_frame == w->stream_frame &&
                met.side == w->side;
    copy_meeting(&whole, tuple, stream);
    if (!same || memcmp(&quick, &whole, sizeof quick) != 0)
        abort();
    return true;
}
#else
static bool meet_both_ways(struct tca_flow_table *table, const struct tca_flow_look *look,
                           struct tca_waiting *w)
{
    return meet_next(table, look, w);
}
#endif

struct tca_lane *tca_flow_meet_next(struct tca_flow_table *table, const struct tca_flow_look *look,
                                    struct tca_waiting *w)
{
    return meet_both_ways(table, look, w) ? &look->near->lane : NULL;
}

int tca_flow_meet_quoted(struct tca_flow_table *table, const struct tca_flow_look *look,
                         struct tca_flow_met *ret_met)
{
    struct tca_tuple *tuple;
    *ret_met = (struct tca_flow_met){.side = look->side};
    int error = find_tuple(table, &look->key, look->tag, &tuple);
    if (!error && tuple)
        error = refresh(table, &tuple);
    if (error || !tuple)
        return error;
    ret_met->tuple = tuple;
    ret_met->lane = &tuple->lane;
    tuple->met++;
    return TCA_OK;
}

bool tca_flow_is_far(const struct tca_flow_table *table)
{
    return table->used > AT_HAND;
}

/* But those that are kept for copies: which of them it is the count will tell, once it is there. */
void tca_flow_fetch_tuple(const struct tca_tuple *tuple)
{
    fetch(tuple, offsetof(struct tca_tuple, newest), offsetof(struct tca_tuple, copies.noted));
}

void tca_flow_fetch(const struct tca_flow_table *table, const struct tca_tuple *tuple)
{
    const struct tca_flow *flow = tuple->newest;
    if (!flow)
        return;
    __builtin_prefetch(&tuple->copies.noted[tuple->copies.count % TCA_NOTED_MAX], 1);
    fetch(flow, offsetof(struct tca_flow, older), offsetof(struct tca_flow, payload));
    for (int range = 0; range < 2; range++)
        fetch(flow->payload, table->set.touched[range].from, table->set.touched[range].to);
}

/* The segment is no longer on its way. */
static int let_go(struct tca_flow_table *table, struct tca_tuple *tuple, struct tca_stream *stream)
{
    struct tca_tuple *plain = tuple->plain;
    tuple->met--;
    if (stream && stream == plain->stream)
        plain->on_stream--;
    else
        tca_table_leave_stream(table, stream);
    return tuple->newest ? TCA_OK : drop_if_unused(table, tuple);
}

int tca_flow_see(struct tca_flow_table *table, const struct tca_segment *seg)
{
    struct tca_flow_met met;
    struct tca_flow_look look;
    if (!tca_stream_sees(seg))
        return TCA_OK;
    tca_flow_look(table, seg, &look);
    int error = tca_flow_meet(table, seg, &look, &met);
    if (error)
        return error;
    return let_go(table, met.tuple, met.stream);
}

/* The flow began in the stream of its first segment that has one. */
static void label(struct tca_flow *flow, const struct tca_flow_met *met)
{
    if (flow->stream || !met->stream)
        return;
    flow->stream = met->stream;
    flow->stream_frame = met->stream_frame;
    flow->stream->users++;
}

/* The flow of what this is a copy of. */
static struct tca_flow_found found_copy(const struct tca_tuple *tuple, const struct tca_noted *original)
{
    struct tca_flow_found found = {.copy = true};
    for (struct tca_flow *flow = tuple->newest; flow; flow = flow->older)
        if (flow->first_frame == original->owner) {
            found.flow = flow;
            found.from = original->side == flow->client ? 0 : 1;
        }
    return found;
}

int tca_flow_find(struct tca_flow_table *table, const struct tca_flow_met *met, const struct tca_segment *seg,
                  struct tca_flow_found *ret_found)
{
    struct tca_tuple *tuple = met->tuple;
    int side = met->side;
    int late = expire_tuple(table, tuple, met->now_ns);
    if (late)
        return late;
    const struct tca_noted *original = tca_copies_find(&tuple->copies, seg, side);
    if (original) {
        *ret_found = found_copy(tuple, original);
        if (ret_found->flow)
            label(ret_found->flow, met);
        return let_go(table, tuple, met->stream);
    }
    struct tca_flow_found *found = ret_found;
    *found = (struct tca_flow_found){.side = (uint8_t)side};
    found->flow = tuple->newest ? tca_incarnation_pick(tuple->newest, seg, side) : NULL;
    if (!found->flow) {
        found->prior = tuple->newest;
        found->is_new = true;
        int error =
            new_flow(table, tuple, seg, side, tca_passage_of(&table->passage, seg->time_ns), &found->flow);
        if (!error)
            error = limit_incarnations(table, tuple);
        if (error)
            return error;
    }
    if (found->flow->replaced)
        found->newer = tca_incarnation_newer(tuple->newest, found->flow);
    else if (found->flow != tuple->newest && !tuple->newest->committed && !(seg->flags & TCA_SYN))
        found->witness = tuple->newest;
    found->commits = found->flow->committed ? found->is_new && found->prior
                                            : tca_incarnation_answers(found->flow, seg, side);
    found->from = side == found->flow->client ? 0 : 1;
    tca_copies_own(&tuple->copies, found->flow->first_frame);
    label(found->flow, met);
    return let_go(table, tuple, met->stream);
}

/* Of a tuple that stays. */
static void find_quoted(const struct tca_flow_table *table, struct tca_tuple *tuple,
                        const struct tca_segment *quote, struct tca_flow_found *ret_found)
{
    int side = side_of(quote);
    struct tca_flow *newest = tuple->newest;
    while (newest && due(table, newest, quote->time_ns))
        newest = newest->older;
    if (!newest)
        return;
    const struct tca_noted *original = tca_copies_find(&tuple->copies, quote, side);
    if (original) {
        *ret_found = found_copy(tuple, original);
        return;
    }
    ret_found->flow = newest;
    for (struct tca_flow *flow = newest; flow; flow = flow->older)
        if (!flow->replaced && !due(table, flow, quote->time_ns) && flow->space[side].iss_known &&
            flow->space[side].iss == quote->seq) {
            ret_found->flow = flow;
            break;
        }
    ret_found->from = side == ret_found->flow->client ? 0 : 1;
    tca_copies_own(&tuple->copies, ret_found->flow->first_frame);
}

int tca_flow_find_quoted(struct tca_flow_table *table, const struct tca_flow_met *met,
                         const struct tca_segment *quote, struct tca_flow_found *ret_found)
{
    struct tca_flow_look look;
    struct tca_tuple *tuple = met->tuple;
    memset(ret_found, 0, sizeof *ret_found);
    if (!tuple) { /* there was none when it joined */
        tca_flow_look(table, quote, &look);
        int error = find_tuple(table, &look.key, look.tag, &tuple);
        if (error || !tuple)
            return error;
        tuple->met++;
    }
    find_quoted(table, tuple, quote, ret_found);
    return let_go(table, tuple, NULL);
}

/* What is not set is zero. */
static bool are_same_tags(const struct tca_tags *one, const struct tca_tags *other)
{
    return word_of(one->vlan) == word_of(other->vlan) && one->vlan_count == other->vlan_count &&
           one->encap == other->encap && one->encap_id == other->encap_id;
}

/* The two directions of a connection often carry different tags; one direction carries always the same. */
static void note_tags(struct tca_flow *flow, const struct tca_tags *tags, int side)
{
    const struct tca_tags *first = &flow->side_tags[side];
    if (!flow->side_tagged[side]) {
        flow->side_tags[side] = *tags;
        flow->side_tagged[side] = true;
        return;
    }
    flow->mixed_tags |= !are_same_tags(first, tags);
}

static void note_heard(const struct tca_flow_table *table, struct tca_flow *flow,
                       const struct tca_segment *seg)
{
    int64_t heard_ns = tca_passage_of(&table->passage, seg->time_ns);
    flow->last_ns = seg->time_ns > flow->last_ns ? seg->time_ns : flow->last_ns;
    flow->heard_ns = heard_ns > flow->heard_ns ? heard_ns : flow->heard_ns;
}

void tca_flow_note(struct tca_flow_table *table, struct tca_flow *flow, const struct tca_segment *seg,
                   int side, enum tca_flow_class age_class)
{
    bool first = age_class == TCA_FLOW_OPENING && !flow->space[side].nxt_known;
    if (!flow->committed && tca_incarnation_answers(flow, seg, side))
        flow->committed = true;
    tca_incarnation_note(flow, seg, side);
    note_tags(flow, &seg->tags, side);
    note_heard(table, flow, seg);
    if (age_class == TCA_FLOW_LIVE && flow->age_class == TCA_FLOW_LIVE && flow->list != TCA_STAY)
        return; /* it is moved when its turn comes: what lives long is heard of often */
    tca_table_unlist(table, flow);
    if (first && tca_table_parks(table) && tca_table_is_lone(table, flow, seg)) {
        flow->tuple->lone = true;
        tca_table_list(table, flow, age_class, TCA_LONE, flow->heard_ns);
        return;
    }
    append_age(table, flow, age_class, flow->heard_ns);
}

/* ---- the short way of nearly all segments: the only flow of its tuple is open and stays where it is ---- */

/* Nothing but its numbers and times will change by a segment that is no copy. */
static bool is_only(const struct tca_flow_table *table, const struct tca_flow *flow,
                    const struct tca_waiting *w, int64_t now_ns)
{
    const struct tca_tuple *tuple = w->tuple;
    bool stays = flow->committed && flow->age_class == TCA_FLOW_LIVE && flow->list != TCA_STAY;
    return !flow->older && stays && flow->stream && tuple->plain == tuple && w->stream &&
           w->stream == tuple->stream && !(w->seg.flags & TCA_SYN) && !due(table, flow, now_ns);
}

static bool take(struct tca_flow_table *table, const struct tca_waiting *w, int64_t now_ns)
{
    struct tca_tuple *tuple = w->tuple;
    struct tca_flow *flow = tuple->newest;
    const struct tca_segment *seg = &w->seg;
    if (!flow || !is_only(table, flow, w, now_ns) ||
        !tca_copies_take(&tuple->copies, seg, w->side, flow->first_frame))
        return false;
    tuple->met--;
    tuple->on_stream--;
    tca_incarnation_note(flow, seg, w->side);
    note_tags(flow, &seg->tags, w->side);
    note_heard(table, flow, seg);
    return true;
}

#ifdef TCA_CHECK_WAYS
/* What taking a segment changes. */
struct taken {
    struct tca_tuple tuple;
    struct tca_doubled all;
    unsigned char flow[TCA_FLOW_HEAD];
};

static void copy_taken(struct taken *taken, struct tca_tuple *tuple)
{
    memcpy(&taken->tuple, tuple, sizeof *tuple);
    memcpy(&taken->all, tuple->copies.all, sizeof taken->all);
    memcpy(taken->flow, tuple->newest, sizeof taken->flow);
}

/* Both ways must lead to the same. */
static bool take_both_ways(struct tca_flow_table *table, const struct tca_waiting *w, int64_t now_ns)
{
    struct tca_tuple *tuple = w->tuple;
    struct tca_flow *flow = tuple->newest;
    struct taken before, quick, whole;
    struct tca_flow_found found;
    const struct tca_flow_met met = {.tuple = tuple,
                                     .stream = w->stream,
                                     .stream_frame = w->stream_frame,
                                     .side = w->side,
                                     .now_ns = now_ns};
    if (!flow)
        return false;
    copy_taken(&before, tuple);
    if (!take(table, w, now_ns))
        return false;
    copy_taken(&quick, tuple);
    memcpy(tuple, &before.tuple, sizeof *tuple);
    memcpy(tuple->copies.all, &before.all, sizeof before.all);
    memcpy(flow, before.flow, sizeof before.flow);
    bool same = tca_flow_find(table, &met, &w->seg, &found) == TCA_OK && found.flow == flow && !found.prior &&
                !found.witness && !found.newer && !found.is_new && !found.commits && !found.copy;
    tca_flow_note(table, flow, &w->seg, w->side, TCA_FLOW_LIVE);
    copy_taken(&whole, tuple);
    if (!same || memcmp(&quick, &whole, sizeof quick) != 0)
        abort();
    return true;
}
#else
static bool take_both_ways(struct tca_flow_table *table, const struct tca_waiting *w, int64_t now_ns)
{
    return take(table, w, now_ns);
}
#endif

struct tca_flow *tca_flow_take(struct tca_flow_table *table, const struct tca_waiting *w, int64_t now_ns)
{
    return take_both_ways(table, w, now_ns) ? ((struct tca_tuple *)w->tuple)->newest : NULL;
}

int tca_table_replay(struct tca_flow_table *table, struct tca_tuple *tuple, const struct tca_segment *syn,
                     int side, uint32_t number)
{
    struct tca_flow *flow;
    int error = meet_stream(table, tuple, syn, side);
    if (!error)
        error = new_flow(table, tuple, syn, side, syn->time_ns, &flow);
    if (error)
        return error;
    struct tca_doubled *all = tuple->copies.all;
    tuple->copies.all = NULL; /* which has counted it */
    tca_copies_find(&tuple->copies, syn, side);
    tuple->copies.all = all;
    tuple->copies.noted[0].number = number & ((1u << TCA_NUMBER_BITS) - 1);
    tca_copies_own(&tuple->copies, flow->first_frame);
    flow->stream = tuple->stream;
    flow->stream_frame = syn->frame;
    flow->stream->users++;
    error = table->set.again(table->set.user, flow, syn, side);
    tca_incarnation_note(flow, syn, side);
    note_tags(flow, &syn->tags, side);
    return error;
}

int tca_flow_replace_older(struct tca_flow_table *table, struct tca_flow *flow)
{
    struct tca_flow **link = &flow->older;
    while (*link) {
        struct tca_flow *old = *link;
        int error = TCA_OK;
        if (old->committed) {
            old->replaced = true;
            tca_table_unlist(table, old);
            append_age(table, old, TCA_FLOW_OVER, flow->heard_ns);
            link = &old->older;
        } else {
            error = take_out(table, link);
        }
        if (error)
            return error;
    }
    return TCA_OK;
}

/* It becomes an embryo, or waits as others do. */
static int take_lone(struct tca_flow_table *table, struct tca_flow *flow)
{
    if (flow->next)
        tca_table_fetch_slot(table, flow->next->tuple->tag);
    if (flow->tuple->lone)
        return tca_table_shrink(table, flow->tuple);
    tca_table_unlist(table, flow);
    append_age(table, flow, TCA_FLOW_OPENING, flow->listed_ns);
    return TCA_OK;
}

/* So many of them may wait: an answer may be on its way. */
static size_t lone_most(const struct tca_flow_table *table)
{
    size_t most = table->set.most[TCA_FLOW_OPENING] / 2, lone = TCA_LONE_MAX;
    return most && most < lone ? most : lone;
}

/* All but the newest ones. */
static int take_lone_ones(struct tca_flow_table *table, size_t but)
{
    int error = TCA_OK;
    while (!error && table->lone > but)
        error = take_lone(table, table->age[TCA_FLOW_OPENING][TCA_LONE].oldest);
    return error;
}

int tca_table_take_turn(struct tca_flow_table *table, struct tca_flow *flow)
{
    enum tca_flow_class age_class = (enum tca_flow_class)flow->age_class;
    if (is_over(table, flow))
        return tca_table_end_flow(table, flow);
    if (flow->list == TCA_LONE)
        return take_lone(table, flow);
    bool parked, waits = tca_table_parks(table) && flow->list != TCA_STAY;
    int64_t quiet_ns = tca_table_quiet_ns(age_class, flow->list);
    if (waits && tca_passage_since(&table->passage, flow->heard_ns, quiet_ns)) {
        int error = tca_table_park(table, flow->tuple, quiet_ns, &parked);
        if (error || parked)
            return error;
        tca_table_unlist(table, flow);
        tca_table_list(table, flow, age_class, TCA_STAY, flow->heard_ns);
        return TCA_OK;
    }
    unsigned list = flow->list;
    tca_table_unlist(table, flow);
    tca_table_list(table, flow, age_class, list, table->passage.now_ns);
    return TCA_OK;
}

static int expire_list(struct tca_flow_table *table, enum tca_flow_class age_class, unsigned list_number)
{
    int64_t now_ns = table->passage.now_ns;
    struct age_list *list = &table->age[age_class][list_number];
    int64_t waits_ns = wait_ns(table, age_class, list_number);
    struct tca_flow *head;
    while ((head = list->oldest) && now_ns - head->listed_ns > waits_ns) {
        int error = tca_table_take_turn(table, head);
        if (error)
            return error;
    }
    if (head)
        tca_table_turn(table, head->listed_ns + waits_ns + 1);
    /* One from a far future (a broken clock) must not stand before all others. */
    if (head && head->next && head->listed_ns - now_ns > tca_flow_patience_ns[age_class]) {
        tca_table_unlist(table, head);
        tca_table_list(table, head, age_class, list_number, head->listed_ns);
    }
    return TCA_OK;
}

#ifdef TCA_CHECK_WAYS
static int park_list(struct tca_flow_table *table, const struct age_list *list)
{
    bool parked;
    for (struct tca_flow *flow = list->oldest; flow; flow = parked ? list->oldest : flow->next) {
        int error = tca_table_park(table, flow->tuple, 0, &parked);
        if (error)
            return error;
    }
    return TCA_OK;
}

/* Everything that can be, as soon as it can be. */
static int park_all(struct tca_flow_table *table)
{
    int error = TCA_OK;
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++)
        for (unsigned list = 0; list < TCA_LISTS && !error && tca_table_parks(table); list++)
            error = park_list(table, &table->age[age_class][list]);
    return error;
}
#endif

static int expire_lists(struct tca_flow_table *table)
{
    if (!table->passage.begun || table->passage.now_ns < table->turn_ns)
        return TCA_OK;
    table->turn_ns = table->passage.now_ns + TURN_NS;
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++)
        for (unsigned list = 0; list < TCA_LISTS; list++) {
            int error = expire_list(table, (enum tca_flow_class)age_class, list);
            if (error)
                return error;
        }
    return tca_table_expire_away(table);
}

int tca_flow_expire(struct tca_flow_table *table, int64_t now_ns)
{
    tca_passage_tell(&table->passage, now_ns);
    int error = take_lone_ones(table, lone_most(table));
#ifdef TCA_CHECK_WAYS
    if (!error)
        error = table->checks++ % 2 ? park_all(table) : tca_table_pack_all(table);
#endif
    if (!error && tca_table_parks(table))
        error = tca_table_pack(table);
    if (!error && tca_table_parks(table))
        error = tca_table_relieve(table);
    if (!error)
        error = expire_lists(table);
    return error || !table->crowded ? error : tca_table_finish_early(table);
}

int tca_flow_table_end(struct tca_flow_table *table)
{
    int first_error = TCA_OK;
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++)
        for (unsigned list = 0; list < TCA_LISTS; list++)
            while (table->age[age_class][list].oldest) {
                int error = tca_table_end_flow(table, table->age[age_class][list].oldest);
                if (!first_error)
                    first_error = error;
            }
    if (!first_error)
        first_error = tca_table_end_packed(table);
    struct away_list *embryos = &table->away[TCA_FLOW_OPENING][TCA_AWAY_EMBRYO];
    table->ends = true;
    tca_free(table->slot);
    table->slot = NULL;
    while (embryos->oldest && !first_error)
        first_error = tca_table_end_embryo(table, embryos->oldest);
    return first_error;
}

const uint8_t *tca_flow_addr(const struct tca_flow *flow, int role)
{
    return flow->tuple->key.addr[role ? 1 - flow->client : flow->client];
}

uint16_t tca_flow_port(const struct tca_flow *flow, int role)
{
    return flow->tuple->key.port[role ? 1 - flow->client : flow->client];
}

uint8_t tca_flow_family(const struct tca_flow *flow)
{
    return flow->tuple->key.family;
}
