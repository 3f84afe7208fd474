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
 * The ring of newest segments (artefact/copy.h) is kept, too: a file that was appended to itself goes back in time, and is full
 * of copies. Not kept is the piece of a stream that is told: the next segment begins another, and
 * pieces join to the same streams whereever they are cut (flow/stream.h). Everything else comes back bit by bit; a build with check_ways
 * parks a tuple after each segment of it, so that whatever would be lost is found by the tests.
 *
 * Tuples with other keys (VLAN, tunnel) share a stream, and stay.
 */
#include "flow/table.h"

#include <assert.h>
#include <string.h>
#include <tcpautopsy/error.h>

/* What comes late has come by then, nearly always; a ladder of a SYN doubles its interval, and a live connection thinks. */
static const int64_t quiet_ns[TCA_FLOW_CLASSES] = {
    [TCA_FLOW_LIVE] = INT64_C(60) * 1000000000,
    [TCA_FLOW_OPENING] = INT64_C(5) * 1000000000,
    [TCA_FLOW_OVER] = INT64_C(1) * 1000000000,
};

/* Addresses of IPv4 without what they have in common. */
struct key4 {
    uint8_t addr[2][4];
    uint16_t port[2];
};
struct key6 {
    uint8_t addr[2][16];
    uint16_t port[2];
};
_Static_assert(sizeof(struct away) + sizeof(struct key4) <= 48 &&
                   sizeof(struct away) + sizeof(struct key6) <= 72,
               "what a parked tuple takes");

enum { MAPPED = 12 }; /* where an IPv4 address stands in one of 16 bytes; before it: */
static const uint8_t mapped[MAPPED] = {[MAPPED - 2] = 0xff, 0xff};

/* What is kept of a flow by its owner for us: and, with the newest, of its tuple. */
struct parcel {
    uint64_t older_place; /* of the next older flow */
    bool has_older;
    bool has_stream; /* the flow began in one */
    bool shares;     /* in that which stands now */
    _Alignas(16) unsigned char flow[TCA_FLOW_HEAD];
    _Alignas(16) unsigned char stream[TCA_STREAM_HEAD];
    struct tca_copies copies; /* of the newest flow's only */
};
_Static_assert(sizeof(struct parcel) <= TCA_PARCEL_MAX && sizeof(struct parcel) % 8 == 0, "the owner's room");

void tca_table_init_away(struct tca_flow_table *table)
{
    static const size_t size[TCA_KINDS] = {
        [TCA_KIND_TUPLE] = sizeof(struct tca_tuple),
        [TCA_KIND_PARKED4] = sizeof(struct away) + sizeof(struct key4),
        [TCA_KIND_PARKED6] = sizeof(struct away) + sizeof(struct key6),
        [TCA_KIND_EMBRYO4] = sizeof(struct away) + sizeof(struct key4) + sizeof(struct tca_syn_rest),
        [TCA_KIND_EMBRYO6] = sizeof(struct away) + sizeof(struct key6) + sizeof(struct tca_syn_rest),
        [TCA_KIND_PACKED4] = sizeof(struct away) + sizeof(struct key4),
        [TCA_KIND_PACKED6] = sizeof(struct away) + sizeof(struct key6),
    };
    for (int kind = 0; kind < TCA_KINDS; kind++)
        tca_numbered_init(&table->pool[kind], size[kind]);
    tca_stash_init(&table->stash);
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

/* ---- what is away ---- */

static bool is_ipv6(enum tca_kind kind)
{
    return kind == TCA_KIND_PARKED6 || kind == TCA_KIND_EMBRYO6 || kind == TCA_KIND_PACKED6;
}

struct away *tca_away_at(const struct tca_flow_table *table, uint32_t what)
{
    return tca_numbered_at(&table->pool[tca_kind_of(what)], what >> TCA_KIND_BITS);
}

static void set_key(struct away *away, bool six, const struct tca_key *key)
{
    struct key4 *k4 = (void *)(away + 1);
    struct key6 *k6 = (void *)(away + 1);
    memcpy(six ? k6->port : k4->port, key->port, sizeof key->port);
    for (int side = 0; side < 2; side++) {
        assert(six || !memcmp(key->addr[side], mapped, MAPPED));
        if (six)
            memcpy(k6->addr[side], key->addr[side], sizeof k6->addr[side]);
        else
            memcpy(k4->addr[side], key->addr[side] + MAPPED, sizeof k4->addr[side]);
    }
}

struct tca_syn_rest *tca_away_syn(struct away *away, enum tca_kind kind)
{
    unsigned char *key = (void *)(away + 1);
    return (void *)(key + (is_ipv6(kind) ? sizeof(struct key6) : sizeof(struct key4)));
}

uint32_t tca_away_new(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                      enum tca_kind kind)
{
    bool six = key->family != 4;
    kind = six ? (enum tca_kind)(kind + 1) : kind;
    uint32_t what = tca_what(kind, tca_numbered_take(&table->pool[kind]));
    if (!what)
        return 0;
    struct away *away = tca_away_at(table, what);
    away->tag = tag;
    set_key(away, six, key);
    return what;
}

bool tca_table_has_key(const struct tca_flow_table *table, uint32_t what, const struct tca_key *key)
{
    const struct away *away = tca_away_at(table, what);
    if (is_ipv6(tca_kind_of(what))) {
        const struct key6 *k6 = (const void *)(away + 1);
        return key->family != 4 && !memcmp(k6->port, key->port, sizeof k6->port) &&
               !memcmp(k6->addr, key->addr, sizeof k6->addr);
    }
    const struct key4 *k4 = (const void *)(away + 1);
    return key->family == 4 && !memcmp(k4->port, key->port, sizeof k4->port) &&
           !memcmp(k4->addr[0], key->addr[0] + MAPPED, sizeof k4->addr[0]) &&
           !memcmp(k4->addr[1], key->addr[1] + MAPPED, sizeof k4->addr[1]);
}

void tca_table_key(const struct tca_flow_table *table, uint32_t what, struct tca_key *ret_key)
{
    const struct away *away = tca_away_at(table, what);
    const struct key4 *k4 = (const void *)(away + 1);
    const struct key6 *k6 = (const void *)(away + 1);
    bool six = is_ipv6(tca_kind_of(what));
    memset(ret_key, 0, sizeof *ret_key);
    ret_key->family = six ? 6 : 4;
    memcpy(ret_key->port, six ? k6->port : k4->port, sizeof ret_key->port);
    for (int side = 0; side < 2; side++) {
        if (six) {
            memcpy(ret_key->addr[side], k6->addr[side], sizeof k6->addr[side]);
            continue;
        }
        memcpy(ret_key->addr[side], mapped, MAPPED);
        memcpy(ret_key->addr[side] + MAPPED, k4->addr[side], sizeof k4->addr[side]);
    }
}

void tca_away_give(struct tca_flow_table *table, uint32_t what)
{
    tca_numbered_give(&table->pool[tca_kind_of(what)], what >> TCA_KIND_BITS);
}

void tca_away_list(struct tca_flow_table *table, uint32_t what)
{
    struct away *away = tca_away_at(table, what);
    struct away_list *list = &table->away[away->age_class][away->level];
    away->next = 0;
    away->prev = list->newest;
    if (!list->oldest)
        tca_table_turn(table, away->due_ns + 1);
    *(list->newest ? &tca_away_at(table, list->newest)->next : &list->oldest) = what;
    list->newest = what;
}

static void unlist_away(struct tca_flow_table *table, uint32_t what)
{
    struct away *away = tca_away_at(table, what);
    struct away_list *list = &table->away[away->age_class][away->level];
    *(away->prev ? &tca_away_at(table, away->prev)->next : &list->oldest) = away->next;
    *(away->next ? &tca_away_at(table, away->next)->prev : &list->newest) = away->prev;
}

struct tca_tuple *tca_away_back(struct tca_flow_table *table, uint32_t what, const struct tca_key *key)
{
    const struct away *away = tca_away_at(table, what);
    struct tca_tuple *tuple = tca_table_new_tuple(table, key, away->tag);
    if (!tuple)
        return NULL;
    tuple->plain = tuple;
    tca_table_replace(table, away->tag, what, tca_what(TCA_KIND_TUPLE, tuple->number));
    if (away->level != TCA_AWAY_WAITING)
        unlist_away(table, what);
    tca_away_give(table, what);
    return tuple;
}

/* ---- put away ---- */

/* All of its flows, for longer than that. */
static bool is_quiet(const struct tca_flow_table *table, const struct tca_tuple *tuple, int64_t quiet)
{
    const struct tca_flow *flow = tuple->newest;
    while (flow && tca_passage_since(&table->passage, flow->heard_ns, quiet))
        flow = flow->older;
    return !flow;
}

static bool can_park(const struct tca_flow_table *table, const struct tca_tuple *tuple, int64_t quiet)
{
    const struct tca_flow *newest = tuple->newest;
    if (!newest || tuple->met || tuple->keyed || newest->stream != tuple->stream)
        return false;
    return !quiet || is_quiet(table, tuple, quiet);
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
    memset(parcel, 0, offsetof(struct parcel, copies));
    parcel->older_place = older_place;
    parcel->has_older = flow->older != NULL;
    parcel->has_stream = flow->stream != NULL;
    parcel->shares = flow->stream == tuple->stream;
    memcpy(parcel->flow, flow, TCA_FLOW_HEAD);
    if (flow->stream)
        memcpy(parcel->stream, flow->stream, TCA_STREAM_HEAD);
    if (flow == tuple->newest)
        parcel->copies = tuple->copies;
    else
        memset(&parcel->copies, 0, sizeof parcel->copies);
}

/* The oldest first: each knows where the owner has the next older one. */
static int park_flows(struct tca_flow_table *table, struct tca_tuple *tuple, uint64_t *ret_place)
{
    uint64_t place = 0;
    int error = TCA_OK;
    for (struct tca_flow *flow = older_of(tuple, NULL); !error; flow = older_of(tuple, flow)) {
        struct parcel parcel;
        fill_parcel(&parcel, tuple, flow, place);
        error = table->set.park(table->set.user, flow, &parcel, sizeof parcel, &place);
        if (flow == tuple->newest)
            break;
    }
    *ret_place = place;
    return error;
}

void tca_table_give(struct tca_flow_table *table, struct tca_tuple *tuple)
{
    for (struct tca_flow *flow = tuple->newest, *older; flow; flow = older) {
        older = flow->older;
        tca_table_unlist(table, flow);
        tca_table_leave_stream(table, flow->stream);
        tca_pool_give(&table->flows, flow);
    }
    tca_table_leave_stream(table, tuple->stream);
    tca_table_give_tuple(table, tuple);
}

int64_t tca_table_due_ns(const struct tca_flow *flow)
{
    return flow->heard_ns + tca_flow_patience_ns[flow->age_class];
}

const struct tca_flow *tca_table_last(const struct tca_tuple *tuple)
{
    const struct tca_flow *last = tuple->newest;
    for (const struct tca_flow *flow = last; flow && !flow->replaced; flow = flow->older)
        if (tca_table_due_ns(flow) > tca_table_due_ns(last))
            last = flow;
    return last;
}

static void set_due(struct away *p, const struct tca_tuple *tuple)
{
    const struct tca_flow *last = tca_table_last(tuple);
    p->due_ns = tca_table_due_ns(last);
    p->age_class = last->age_class;
    p->level = (uint8_t)level_of(last);
}

/* Tuples that are parked have been quiet, so they are in no cache; that of the flow which was so next to longest mostly follows. */
static void fetch_ahead(const struct tca_flow *flow)
{
    enum { LINE = 64 };
    const struct tca_flow *next = flow->next;
    for (size_t at = 0; next && at < sizeof *next->tuple; at += LINE)
        __builtin_prefetch((const char *)next->tuple + at);
}

int tca_table_park(struct tca_flow_table *table, struct tca_tuple *tuple, int64_t quiet, bool *ret_parked)
{
    *ret_parked = false;
    if (!can_park(table, tuple, quiet))
        return TCA_OK;
    fetch_ahead(tuple->newest);
    for (struct tca_flow *flow = tuple->newest; flow; flow = flow->older)
        if (!table->set.may_park(table->set.user, flow))
            return TCA_OK;
    uint32_t what = tca_away_new(table, &tuple->key, tuple->tag, TCA_KIND_PARKED4);
    if (!what)
        return TCA_EMEMORY;
    struct away *away = tca_away_at(table, what);
    int error = tca_table_end_piece(table, tuple);
    if (!error && tuple->stream)
        tuple->stream->told = true;
    if (!error)
        error = park_flows(table, tuple, &away->place);
    if (error) {
        tca_away_give(table, what);
        return error;
    }
    set_due(away, tuple);
    tca_away_list(table, what);
    tca_table_slot(table, tuple->tag, tca_what(TCA_KIND_TUPLE, tuple->number))->what = what;
    tca_table_give(table, tuple);
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
    memcpy(stream, parcel->stream, TCA_STREAM_HEAD);
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

/* As it was, but for what the table lends. */
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
    memcpy(flow, parcel->flow, TCA_FLOW_HEAD);
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
    uint64_t place = tca_away_at(table, what)->place;
    struct tca_tuple *tuple = tca_away_back(table, what, key);
    if (!tuple)
        return TCA_EMEMORY;
    *ret_tuple = tuple;
    return recall_flows(table, tuple, place);
}

/* ---- over ---- */

bool tca_table_is_over(const struct tca_flow_table *table, uint32_t what)
{
    return tca_passage_since(&table->passage, tca_away_at(table, what)->due_ns, 0);
}

void tca_away_drop(struct tca_flow_table *table, uint32_t what)
{
    if (!table->ends)
        tca_table_empty_slot(table, tca_table_slot(table, tca_away_at(table, what)->tag, what));
    unlist_away(table, what);
    tca_away_give(table, what);
}

/* All of a parked tuple was told. */
int tca_table_end_away(struct tca_flow_table *table, uint32_t what)
{
    if (tca_kind_of(what) >= TCA_KIND_EMBRYO4)
        return tca_table_end_embryo(table, what);
    tca_away_drop(table, what);
    return TCA_OK;
}

static int expire_list(struct tca_flow_table *table, struct away_list *list, int64_t patience_ns)
{
    while (list->oldest && tca_table_is_over(table, list->oldest)) {
        int error = tca_kind_of(list->oldest) >= TCA_KIND_PACKED4 ? tca_table_turn_packed(table, list->oldest)
                                                                  : tca_table_end_away(table, list->oldest);
        if (error)
            return error;
    }
    if (!list->oldest)
        return TCA_OK;
    const struct away *head = tca_away_at(table, list->oldest);
    tca_table_turn(table, head->due_ns + 1);
    /* One from a far future must not stand before all others. */
    if (head->next && head->due_ns - table->passage.now_ns > 2 * patience_ns) {
        uint32_t what = list->oldest;
        unlist_away(table, what);
        tca_away_list(table, what);
    }
    return TCA_OK;
}

int tca_table_expire_away(struct tca_flow_table *table)
{
    int error = TCA_OK;
    for (int age_class = 0; age_class < TCA_FLOW_CLASSES; age_class++)
        for (int level = 0; level < TCA_AWAY_LISTS && !error; level++)
            error = expire_list(table, &table->away[age_class][level], tca_flow_patience_ns[age_class]);
    return error;
}
