/* SPDX-License-Identifier: MIT
 *
 * Parking: a tuple of which nothing was heard for a while is put away. Most connections that are over never hear of anything
 * any more, and yet 250 s have to pass until that is sure: so the owner of the flows tells each of them as if it were over, and
 * keeps with it what it needs to take that back. Here remains what finds the tuple again.
 *
 *      quiet: flow after flow to the owner, oldest first --> 48 bytes (72 with IPv6)
 *      a segment, or an ICMP error: back from the owner, as it was; what was told is told anew when it is over
 *      nobody came in time: it is forgotten, since all was told
 *
 * The ring of newest segments (artefact/copy.h) is not kept: what is quiet for so long has no copies to come. Nor is the
 * piece of a stream that is told: the next segment begins another, and pieces join to the same streams whereever they are cut
 * (flow/stream.h). Everything else comes back bit by bit; a build with check_ways parks a tuple after each segment of it, ring and
 * all, so that whatever would be lost is found by the tests.
 *
 * Tuples with other keys (VLAN, tunnel) share a stream, and stay.
 */
#include "flow/table.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* What comes late has come by then, nearly always; a ladder of a SYN doubles its interval, and a live connection thinks. */
static const int64_t quiet_ns[TCA_FLOW_CLASSES] = {
    [TCA_FLOW_LIVE] = INT64_C(60) * 1000000000,
    [TCA_FLOW_OPENING] = INT64_C(5) * 1000000000,
    [TCA_FLOW_OVER] = INT64_C(1) * 1000000000,
};

struct parked {
    int64_t due_ns; /* over at any time after this one */
    uint64_t place; /* where the owner has its newest flow */
    uint32_t prev, next;
    uint32_t tag;
    uint8_t age_class, level; /* its list */
};

/* Addresses of IPv4 without what they have in common. */
struct parked4 {
    struct parked p;
    uint8_t addr[2][4];
    uint16_t port[2];
};
struct parked6 {
    struct parked p;
    uint8_t addr[2][16];
    uint16_t port[2];
};
_Static_assert(sizeof(struct parked4) == 48 && sizeof(struct parked6) == 72, "what a parked tuple takes");

enum { MAPPED = 12 }; /* where an IPv4 address stands in one of 16 bytes */

/* What is kept of a flow by its owner for us: and, with the newest, of its tuple. */
enum {
    FLOW_HEAD = offsetof(struct tca_flow, payload),
    STREAM_HEAD = offsetof(struct tca_stream, payload),
};
struct parcel {
    uint64_t older_place; /* of the next older flow */
    bool has_older;
    bool has_stream; /* the flow began in one */
    bool shares;     /* in that which stands now */
    _Alignas(16) unsigned char flow[FLOW_HEAD];
    _Alignas(16) unsigned char stream[STREAM_HEAD];
    struct tca_copies copies; /* of the newest flow's only; last, because its ring is */
};
enum { RING = offsetof(struct parcel, copies.noted) }; /* what is quiet has no ring */
_Static_assert(sizeof(struct parcel) <= TCA_PARCEL_MAX && sizeof(struct parcel) % 8 == 0 && RING % 8 == 0,
               "the owner's room");

void tca_table_init_parked(struct tca_flow_table *table)
{
    tca_numbered_init(&table->parked4, sizeof(struct parked4));
    tca_numbered_init(&table->parked6, sizeof(struct parked6));
}

bool tca_table_parks(const struct tca_flow_table *table)
{
    return table->set.park && !table->set.key_vlan && !table->set.key_tunnel;
}

int64_t tca_table_quiet_ns(enum tca_flow_class age_class, unsigned level)
{
    return quiet_ns[age_class] << 2 * level;
}

static unsigned level_of(const struct tca_flow *flow)
{
    return flow->parked < TCA_LEVELS ? flow->parked : TCA_LEVELS - 1;
}

/* ---- parked tuples ---- */

static struct parked *parked_at(const struct tca_flow_table *table, uint32_t what)
{
    bool six = (what & ((1 << TCA_KIND_BITS) - 1)) == TCA_KIND_PARKED6;
    return tca_numbered_at(six ? &table->parked6 : &table->parked4, what >> TCA_KIND_BITS);
}

static uint32_t new_parked(struct tca_flow_table *table, const struct tca_key *key)
{
    bool six = key->family != 4;
    uint32_t number = tca_numbered_take(six ? &table->parked6 : &table->parked4);
    if (!number)
        return 0;
    uint32_t what = number << TCA_KIND_BITS | (six ? TCA_KIND_PARKED6 : TCA_KIND_PARKED4);
    struct parked *p = parked_at(table, what);
    for (int side = 0; side < 2; side++)
        if (six) {
            memcpy(((struct parked6 *)p)->addr[side], key->addr[side], 16);
            ((struct parked6 *)p)->port[side] = key->port[side];
        } else {
            memcpy(((struct parked4 *)p)->addr[side], key->addr[side] + MAPPED, 4);
            ((struct parked4 *)p)->port[side] = key->port[side];
        }
    return what;
}

bool tca_table_is_parked(const struct tca_flow_table *table, uint32_t what, const struct tca_key *key)
{
    const struct parked *p = parked_at(table, what);
    if ((what & ((1 << TCA_KIND_BITS) - 1)) == TCA_KIND_PARKED6) {
        const struct parked6 *six = (const void *)p;
        return key->family != 4 && !memcmp(six->port, key->port, sizeof six->port) &&
               !memcmp(six->addr, key->addr, sizeof six->addr);
    }
    const struct parked4 *four = (const void *)p;
    return key->family == 4 && !memcmp(four->port, key->port, sizeof four->port) &&
           !memcmp(four->addr[0], key->addr[0] + MAPPED, 4) &&
           !memcmp(four->addr[1], key->addr[1] + MAPPED, 4);
}

static void give_parked(struct tca_flow_table *table, uint32_t what)
{
    bool six = (what & ((1 << TCA_KIND_BITS) - 1)) == TCA_KIND_PARKED6;
    tca_numbered_give(six ? &table->parked6 : &table->parked4, what >> TCA_KIND_BITS);
}

static void list_parked(struct tca_flow_table *table, uint32_t what)
{
    struct parked *p = parked_at(table, what);
    struct parked_list *list = &table->parked[p->age_class][p->level];
    p->next = 0;
    p->prev = list->newest;
    if (!list->oldest)
        tca_table_turn(table, p->due_ns + 1);
    *(list->newest ? &parked_at(table, list->newest)->next : &list->oldest) = what;
    list->newest = what;
}

static void unlist_parked(struct tca_flow_table *table, uint32_t what)
{
    struct parked *p = parked_at(table, what);
    struct parked_list *list = &table->parked[p->age_class][p->level];
    *(p->prev ? &parked_at(table, p->prev)->next : &list->oldest) = p->next;
    *(p->next ? &parked_at(table, p->next)->prev : &list->newest) = p->prev;
}

/* ---- put away ---- */

static bool can_park(const struct tca_tuple *tuple, int64_t now_ns, int64_t quiet)
{
    const struct tca_flow *newest = tuple->newest;
    if (!newest || tuple->met || tuple->keyed || newest->stream != tuple->stream)
        return false;
    if (!quiet)
        return !tuple->copies.went_beyond; /* what is there knows the tuple by its place */
    for (const struct tca_flow *flow = newest; flow; flow = flow->older)
        if (now_ns - flow->last_ns < quiet)
            return false;
    return true;
}

static struct tca_flow *older_of(const struct tca_tuple *tuple, const struct tca_flow *than)
{
    struct tca_flow *flow = tuple->newest;
    while (flow->older != than)
        flow = flow->older;
    return flow;
}

static void fill_parcel(struct parcel *parcel, const struct tca_tuple *tuple, const struct tca_flow *flow,
                        uint64_t older_place)
{
    memset(parcel, 0, sizeof *parcel);
    parcel->older_place = older_place;
    parcel->has_older = flow->older != NULL;
    parcel->has_stream = flow->stream != NULL;
    parcel->shares = flow->stream == tuple->stream;
    memcpy(parcel->flow, flow, FLOW_HEAD);
    if (flow->stream)
        memcpy(parcel->stream, flow->stream, STREAM_HEAD);
    if (flow == tuple->newest)
        parcel->copies = tuple->copies;
}

/* The oldest first: each knows where the owner has the next older one. */
static int park_flows(struct tca_flow_table *table, struct tca_tuple *tuple, size_t size, uint64_t *ret_place)
{
    uint64_t place = 0;
    int error = TCA_OK;
    for (struct tca_flow *flow = older_of(tuple, NULL); !error; flow = older_of(tuple, flow)) {
        struct parcel parcel;
        fill_parcel(&parcel, tuple, flow, place);
        error = table->set.park(table->set.user, flow, &parcel, size, &place);
        if (flow == tuple->newest)
            break;
    }
    *ret_place = place;
    return error;
}

static void give_flows(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    for (struct tca_flow *flow = tuple->newest, *older; flow; flow = older) {
        older = flow->older;
        tca_table_unlist(table, flow);
        tca_table_leave_stream(table, flow->stream);
        tca_pool_give(&table->flows, flow);
    }
    tca_table_leave_stream(table, tuple->stream);
}

/* The flow that is over last says when all are. */
static void set_due(struct parked *p, const struct tca_tuple *tuple)
{
    p->due_ns = INT64_MIN;
    for (const struct tca_flow *flow = tuple->newest; flow; flow = flow->older) {
        int64_t due_ns = flow->last_ns + tca_flow_patience_ns[flow->age_class];
        if (due_ns <= p->due_ns)
            continue;
        p->due_ns = due_ns;
        p->age_class = flow->age_class;
        p->level = (uint8_t)level_of(flow);
    }
}

/* The ring is for copies, which are soon there. */
static void drop_ring(struct tca_copies *copies)
{
    memset(copies->low, 0, sizeof copies->low);
    memset(copies->noted, 0, sizeof copies->noted);
    copies->went_beyond = false;
    copies->beyond_ns = 0;
}

int tca_table_park(struct tca_flow_table *table, struct tca_tuple *tuple, int64_t now_ns, int64_t quiet,
                   bool *ret_parked)
{
    *ret_parked = false;
    if (!can_park(tuple, now_ns, quiet))
        return TCA_OK;
    for (struct tca_flow *flow = tuple->newest; flow; flow = flow->older)
        if (!table->set.may_park(table->set.user, flow))
            return TCA_OK;
    uint32_t what = new_parked(table, &tuple->key);
    if (!what)
        return TCA_EMEMORY;
    if (quiet)
        drop_ring(&tuple->copies);
    struct parked *p = parked_at(table, what);
    int error = tca_table_end_piece(table, tuple);
    if (!error && tuple->stream)
        tuple->stream->told = true;
    if (!error)
        error = park_flows(table, tuple, quiet ? RING : sizeof(struct parcel), &p->place);
    if (error) {
        give_parked(table, what);
        return error;
    }
    set_due(p, tuple);
    p->tag = tuple->tag;
    list_parked(table, what);
    tca_table_slot(table, tuple->tag, tuple->number << TCA_KIND_BITS | TCA_KIND_TUPLE)->what = what;
    give_flows(table, tuple);
    tca_numbered_give(&table->tuples, tuple->number);
    *ret_parked = true;
    return TCA_OK;
}

/* ---- back ---- */

/* Its stream: the tuple's, or one of its own that goes on no more, or none. */
static void join_stream(struct tca_flow_table *table, struct tca_tuple *tuple, struct tca_flow *flow,
                        const struct parcel *parcel, struct tca_stream *stream)
{
    flow->stream = NULL;
    if (!parcel->has_stream) {
        tca_pool_give(&table->streams, stream);
        return;
    }
    memcpy(stream, parcel->stream, STREAM_HEAD);
    stream->users = 0;
    if (parcel->shares && tuple->stream) {
        tca_pool_give(&table->streams, stream);
        stream = tuple->stream;
    } else if (parcel->shares) {
        tuple->stream = stream;
        stream->users++;
    }
    flow->stream = stream;
    stream->users++;
}

static void recall_copies(struct tca_tuple *tuple, const struct tca_copies *kept)
{
    struct tca_copies made = tuple->copies;
    tuple->copies = *kept;
    tuple->copies.all = made.all;
    tuple->copies.beyond = made.beyond;
}

static int recall_flow(struct tca_flow_table *table, struct tca_tuple *tuple, struct tca_flow **link,
                       uint64_t place, struct parcel *parcel)
{
    struct tca_flow *flow = tca_pool_take(&table->flows);
    struct tca_stream *stream = tca_pool_take(&table->streams);
    int error = TCA_EMEMORY;
    uint32_t note = 0;
    memset(parcel, 0, sizeof *parcel);
    if (flow && stream)
        error = table->set.recall(table->set.user, place, flow->payload, stream->payload, parcel, &note);
    if (error) {
        tca_pool_give(&table->flows, flow);
        tca_pool_give(&table->streams, stream);
        return error;
    }
    memcpy(flow, parcel->flow, FLOW_HEAD);
    flow->tuple = tuple;
    flow->older = NULL;
    flow->parked++;
    flow->note = note;
    tuple->live++;
    *link = flow;
    join_stream(table, tuple, flow, parcel, stream);
    tca_table_list(table, flow, (enum tca_flow_class)flow->age_class, level_of(flow), flow->listed_ns);
    return TCA_OK;
}

static int recall_flows(struct tca_flow_table *table, struct tca_tuple *tuple, uint64_t place)
{
    struct parcel parcel;
    struct tca_flow **link = &tuple->newest;
    do {
        int error = recall_flow(table, tuple, link, place, &parcel);
        if (error)
            return error;
        if (link == &tuple->newest)
            recall_copies(tuple, &parcel.copies);
        link = &(*link)->older;
        place = parcel.older_place;
    } while (parcel.has_older);
    return TCA_OK;
}

int tca_table_recall(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple)
{
    const struct parked *p = parked_at(table, what);
    struct tca_tuple *tuple = tca_table_new_tuple(table, key, p->tag);
    if (!tuple)
        return TCA_EMEMORY;
    tuple->plain = tuple;
    tca_table_slot(table, p->tag, what)->what = tuple->number << TCA_KIND_BITS | TCA_KIND_TUPLE;
    uint64_t place = p->place;
    unlist_parked(table, what);
    give_parked(table, what);
    *ret_tuple = tuple;
    return recall_flows(table, tuple, place);
}

/* ---- forgotten ---- */

static void expire_list(struct tca_flow_table *table, struct parked_list *list, int64_t patience_ns,
                        int64_t steady_ns, int64_t now_ns)
{
    const struct parked *head = NULL;
    while (list->oldest && (head = parked_at(table, list->oldest))->due_ns < steady_ns) {
        uint32_t what = list->oldest;
        tca_table_empty_slot(table, tca_table_slot(table, head->tag, what));
        unlist_parked(table, what);
        give_parked(table, what);
    }
    if (list->oldest)
        tca_table_turn(table, head->due_ns + 1);
    /* One from a far future must not stand before all others. */
    if (list->oldest && head->next && head->due_ns - now_ns > 2 * patience_ns) {
        uint32_t what = list->oldest;
        unlist_parked(table, what);
        list_parked(table, what);
    }
}

void tca_table_expire_parked(struct tca_flow_table *table, int64_t steady_ns, int64_t now_ns)
{
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++)
        for (int level = 0; level < TCA_LEVELS; level++)
            if (table->parked[age_class][level].oldest)
                expire_list(table, &table->parked[age_class][level], tca_flow_patience_ns[age_class],
                            steady_ns, now_ns);
}
