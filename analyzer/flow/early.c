/* SPDX-License-Identifier: MIT
 *
 * A bound for what is remembered. However little is kept of a tuple that waits for its time to be over (parked: 48 bytes, an embryo:
 * 56), who floods invents as many as he likes. So of each partition so many are remembered, and what is beyond that is
 * finished early: told as it is, marked (cut_short), and forgotten. What comes later for it begins another flow.
 *
 *      tuples of a partition that began since it was last looked at --> as many as allowed: look at all of it
 *      those that are remembered - most --> so many are finished early, first those that are missed least:
 *          class   opening (SYNs nobody answered), over, live
 *          then    until when it would have been remembered: who was not heard of for longest, of its class
 *          then    addresses and ports
 *
 * Which go must follow from the file and the bound alone, not from what else the table holds, nor from the form a tuple is in,
 * nor from whether one that is over has been taken out already. So tuples are counted where they begin, which is at the same
 * segments in any table; a partition is looked at where the table is told the time, which is at the same places of the file; there
 * what is over counts as gone; and what orders the rest stands in all forms, or follows from what does. A tuple stays of which
 * segments wait for their use, or which carries the streams of others (keyed).
 *
 * What it costs: a partition has at least a quarter of its bound to fill between two looks. A look passes over all slots of the table,
 * eight bytes each, and at the tuples of one partition. There are no more than 64 partitions of five quarters of the bound, and
 * at most four slots for a tuple: so whoever attacks one partition while all others are full makes 1280 slots be passed for each
 * tuple he invents, about a microsecond, and five tuples be looked at, one of them finished. Where many are of one time, keys are
 * compared, which adds a logarithm. Memory: five quarters of the bound for each partition, and what begins in one chunk.
 */
#include "flow/table.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <string.h>
#include <tcpautopsy/error.h>

enum { SLACK_PART = 4 }; /* of the bound a partition may be beyond it */

/* Who is missed least goes first. */
static const uint8_t rank[TCA_FLOW_CLASSES] = {
    [TCA_FLOW_OPENING] = 0, [TCA_FLOW_OVER] = 1, [TCA_FLOW_LIVE] = 2};

/* One that may be finished. */
struct remembered {
    const struct tca_flow_table *table;
    int64_t due_ns; /* over when the passage is past it */
    uint32_t what;
    uint8_t age_class;
};

/* Those of a partition. */
struct look {
    uint32_t *what; /* owned: all of them */
    size_t whats, what_room;
    struct remembered *list; /* owned: those that may be finished */
    size_t count;
    size_t held; /* others, which stay */
};

void tca_table_allow(struct tca_flow_table *table, unsigned part, size_t remembered)
{
    size_t most = table->set.remembered, slack = most / SLACK_PART;
    table->allowed[part] = slack + 1 + (most > remembered ? most - remembered : 0);
}

/* ---- who is there ---- */

static struct tca_tuple *tuple_at(const struct tca_flow_table *table, uint32_t what)
{
    return tca_numbered_at(&table->pool[TCA_KIND_TUPLE], what >> TCA_KIND_BITS);
}

static void read_tuple(const struct tca_tuple *tuple, struct remembered *one)
{
    const struct tca_flow *last = tca_table_last(tuple);
    one->due_ns = tca_table_due_ns(last);
    one->age_class = last->age_class;
}

/* What is packed waits for its turn only. */
static void read_away(const struct away *away, struct remembered *one)
{
    one->due_ns = away->due_ns;
    one->age_class = away->age_class;
    if (away->level >= TCA_AWAY_PACKED)
        one->due_ns +=
            tca_flow_patience_ns[away->age_class] -
            tca_table_packed_ns((enum tca_flow_class)away->age_class, away->level - TCA_AWAY_PACKED);
}

static void take(struct look *look, const struct tca_flow_table *table, uint32_t what)
{
    struct remembered one = {.table = table, .what = what};
    bool whole = tca_kind_of(what) == TCA_KIND_TUPLE;
    const struct tca_tuple *tuple = whole ? tuple_at(table, what) : NULL;
    bool waits = whole ? !tuple->newest || tuple->met || tuple->keyed
                       : tca_away_at(table, what)->level == TCA_AWAY_WAITING;
    if (waits) {
        look->held++;
        return;
    }
    if (whole)
        read_tuple(tuple, &one);
    else
        read_away(tca_away_at(table, what), &one);
    if (!tca_passage_since(&table->passage, one.due_ns, 0)) /* else it may have been taken out elsewhere */
        look->list[look->count++] = one;
}

enum { BLOCK = 16 }; /* slots that are passed at once, since most are of other partitions */

/* Without a branch for each. */
static bool any_of(const struct slot *slot, unsigned part)
{
    unsigned any = 0;
    for (unsigned at = 0; at < BLOCK; at++)
        any |= (slot[at].tag & TCA_TAG_PARTITION) == part;
    return any;
}

static int find(const struct tca_flow_table *table, unsigned part, struct look *look)
{
    for (const struct slot *slot = table->slot, *end = slot + table->slot_count; slot < end; slot += BLOCK)
        for (unsigned at = 0, last = any_of(slot, part) ? BLOCK : 0; at < last; at++) {
            if ((slot[at].tag & TCA_TAG_PARTITION) != part || !slot[at].what)
                continue;
            void *list = tca_room(look->what, look->whats, &look->what_room, sizeof *look->what);
            if (!list)
                return TCA_EMEMORY;
            look->what = list;
            look->what[look->whats++] = slot[at].what;
        }
    return TCA_OK;
}

/* Nobody has touched them for a while: those that come next begin to come from memory. */
static void fetch(const struct tca_flow_table *table, uint32_t what)
{
    if (tca_kind_of(what) == TCA_KIND_TUPLE)
        __builtin_prefetch(&tuple_at(table, what)->newest);
    else
        __builtin_prefetch(tca_away_at(table, what));
}

static int look_at(const struct tca_flow_table *table, unsigned part, struct look *look)
{
    enum { AHEAD = 12 };
    int error = find(table, part, look);
    look->list = tca_grow(NULL, look->whats + 1, sizeof *look->list);
    if (error || !look->list)
        return TCA_EMEMORY;
    for (size_t at = 0; at < look->whats; at++) {
        if (at + AHEAD < look->whats)
            fetch(table, look->what[at + AHEAD]);
        take(look, table, look->what[at]);
    }
    return TCA_OK;
}

/* ---- who goes first ---- */

static struct tca_digest digest(const void *item)
{
    const struct remembered *one = item;
    return (struct tca_digest){rank[one->age_class], tca_digest_i64(one->due_ns)};
}

static void key_of(const struct remembered *one, struct tca_key *ret_key)
{
    if (tca_kind_of(one->what) == TCA_KIND_TUPLE)
        *ret_key = tuple_at(one->table, one->what)->key;
    else
        tca_table_key(one->table, one->what, ret_key);
}

static int by_worth(const void *left, const void *right)
{
    const struct remembered *a = left, *b = right;
    int order = (int)rank[a->age_class] - (int)rank[b->age_class];
    if (!order)
        order = tca_compare_i64(a->due_ns, b->due_ns);
    if (order)
        return order;
    struct tca_key key[2];
    key_of(a, &key[0]);
    key_of(b, &key[1]);
    return memcmp(&key[0], &key[1], sizeof key[0]);
}

/* ---- they go ---- */

static int fetch_back(struct tca_flow_table *table, uint32_t what, struct tca_tuple **ret_tuple)
{
    enum tca_kind kind = tca_kind_of(what);
    if (kind == TCA_KIND_TUPLE) {
        *ret_tuple = tuple_at(table, what);
        return TCA_OK;
    }
    struct tca_key key;
    tca_table_key(table, what, &key);
    if (kind >= TCA_KIND_PACKED4)
        return tca_table_unpack(table, what, &key, ret_tuple);
    return kind >= TCA_KIND_EMBRYO4 ? tca_table_unfold(table, what, &key, ret_tuple)
                                    : tca_table_recall(table, what, &key, ret_tuple);
}

static int finish(struct tca_flow_table *table, uint32_t what)
{
    struct tca_tuple *tuple;
    int error = fetch_back(table, what, &tuple);
    return error ? error : tca_table_end_tuple_early(table, tuple);
}

static int relieve(struct tca_flow_table *table, unsigned part)
{
    struct look look = {0};
    int error = look_at(table, part, &look);
    size_t remembered = look.count + look.held, most = table->set.remembered;
    size_t more = remembered > most ? remembered - most : 0;
    more = more < look.count ? more : look.count;
    if (!error && more)
        tca_sort(look.list, look.count, sizeof *look.list, digest, by_worth);
    for (size_t at = 0; at < more && !error; at++)
        error = finish(table, look.list[at].what);
    tca_free(look.list);
    tca_free(look.what);
    tca_table_allow(table, part, remembered - more);
    return error;
}

int tca_table_finish_early(struct tca_flow_table *table)
{
    int error = TCA_OK;
    table->crowded = false;
    for (unsigned part = 0; part < TCA_PARTITIONS && !error; part++)
        if (!table->allowed[part])
            error = relieve(table, part);
    return error;
}
