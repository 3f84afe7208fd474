/* SPDX-License-Identifier: MIT
 *
 * The flow table from the inside, shared by table.c (tuples, incarnations, expiry) and park.c (tuples put away). Private to
 * flow.
 *
 *      slot { tag, what } --> a tuple:          its flows, its stream, what tells copies
 *                         --> a parked tuple:   key, when it is over, where its owner has the rest
 */
#ifndef TCA_FLOW_TABLE_H
#define TCA_FLOW_TABLE_H

#include "artefact/beyond.h"
#include "flow/flow.h"
#include "flow/partition.h"

/* How often a flow was parked and came back: the next time it has to be quiet for longer. */
enum { TCA_LEVELS = 4 };

struct tca_tuple {
    struct tca_key key;
    uint32_t tag;    /* of its slot */
    uint32_t number; /* in its pool */
    struct tca_flow *newest;
    struct tca_stream *stream; /* NULL: none; with other keys set that of the plain tuple stands */
    struct tca_tuple *plain;   /* whose streams are those of this tuple; itself, if there are no other keys */
    struct tca_lane lane;
    unsigned live;
    unsigned met;   /* segments that were met and not yet found a flow */
    unsigned keyed; /* tuples with other keys whose plain one it is */
    struct tca_copies copies;
};

/* What a slot, or a list of parked tuples, names: a number in the pool of its kind; 0: nothing. */
enum { TCA_KIND_TUPLE, TCA_KIND_PARKED4, TCA_KIND_PARKED6, TCA_KIND_BITS = 2 };

/* The tag stands beside it, so that only the tuple that is looked for is touched. Its high bits are the slot's place, so that
 * a table twice as large is filled in the same order. */
struct slot {
    uint32_t tag, what;
};

/* Flows that wait for another segment, the oldest first. */
struct age_list {
    struct tca_flow *oldest, *newest;
};
enum { TCA_STAY = TCA_LEVELS, TCA_LISTS }; /* of a class: by level; those that cannot be parked */

struct parked_list {
    uint32_t oldest, newest;
};

struct tca_flow_table {
    struct tca_flow_settings set;
    struct slot *slot;
    size_t slot_count, used;
    unsigned slot_bits; /* slot_count is two to this */
    struct tca_numbered tuples, parked4, parked6;
    struct tca_pool flows, streams;
    struct tca_beyond beyond[TCA_PARTITIONS]; /* one of each partition, as these are */
    struct tca_doubled doubled[TCA_PARTITIONS];
    struct age_list age[TCA_FLOW_CLASSES][TCA_LISTS];
    struct parked_list parked[TCA_FLOW_CLASSES][TCA_LEVELS];
    int64_t before_ns; /* time of the record before this one */
    int64_t turn_ns;   /* before this time the turn of nothing comes */
};

/* table.c */
extern const int64_t tca_flow_patience_ns[TCA_FLOW_CLASSES];
struct tca_tuple *tca_table_new_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag);
struct slot *tca_table_slot(const struct tca_flow_table *table, uint32_t tag, uint32_t what);
void tca_table_empty_slot(struct tca_flow_table *table, struct slot *slot);
int tca_table_end_piece(struct tca_flow_table *table, const struct tca_tuple *plain);
void tca_table_leave_stream(struct tca_flow_table *table, struct tca_stream *stream);
void tca_table_unlist(struct tca_flow_table *table, struct tca_flow *flow);
void tca_table_list(struct tca_flow_table *table, struct tca_flow *flow, enum tca_flow_class age_class,
                    unsigned list, int64_t now_ns);
/* The turn of something comes at that time. */
void tca_table_turn(struct tca_flow_table *table, int64_t turn_ns);

/* park.c */
void tca_table_init_parked(struct tca_flow_table *table);
/* Is anything parked in this table? */
bool tca_table_parks(const struct tca_flow_table *table);
/* The flow's class and level ask for so long a silence. */
int64_t tca_table_quiet_ns(enum tca_flow_class age_class, unsigned level);
/* All flows of this tuple have been quiet for so long: put it away, if it can be. 0, or what the owner returned. */
int tca_table_park(struct tca_flow_table *table, struct tca_tuple *tuple, int64_t now_ns, int64_t quiet_ns,
                   bool *ret_parked);
/* Has this parked tuple this key? */
bool tca_table_is_parked(const struct tca_flow_table *table, uint32_t what, const struct tca_key *key);
/* A parked tuple is needed again: as it was. */
int tca_table_recall(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple);
/* Forget those that are over. */
void tca_table_expire_parked(struct tca_flow_table *table, int64_t steady_ns, int64_t now_ns);

#endif
