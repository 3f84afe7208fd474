/* SPDX-License-Identifier: MIT
 *
 * The flow table from the inside, shared by table.c (tuples, incarnations, expiry), park.c (tuples put away), embryo.c
 * (tuples that are one SYN), packed.c (tuples that are quiet for a moment) and early.c (tuples that are finished early).
 * Private to flow.
 *
 *      slot { tag, what } --> a tuple:          its flows, its stream, what tells copies
 *                         --> a parked tuple:   key, when it is over, where its owner has the rest
 *                         --> an embryo:        key, when it is over, its SYN
 *                         --> a packed tuple:   key, when its turn comes, all of it in fewer bytes
 */
#ifndef TCA_FLOW_TABLE_H
#define TCA_FLOW_TABLE_H

#include "artefact/beyond.h"
#include "base/stash.h"
#include "flow/flow.h"
#include "flow/partition.h"
#include "flow/passage.h"

/* How often a flow was parked and came back: the next time it has to be quiet for longer. */
enum { TCA_LEVELS = 4 };

struct tca_tuple {
    struct tca_key key;
    uint32_t tag;    /* of its slot */
    uint32_t number; /* in its pool; 0: it is none any more */
    struct tca_flow *newest;
    struct tca_stream *stream; /* NULL: none; with other keys set that of the plain tuple stands */
    struct tca_tuple *plain;   /* whose streams are those of this tuple; itself, if there are no other keys */
    struct tca_lane lane;
    int64_t over_ns; /* of the passage: before it none of its flows is over */
    unsigned live;
    unsigned met; /* segments that were met and not yet found a flow */
    unsigned
        on_stream; /* of a plain one: segments that were met in its stream and not yet found a flow, which hold it too */
    unsigned keyed; /* tuples with other keys whose plain one it is */
    bool lone;      /* nothing but its first SYN was ever heard of it (embryo.c) */
    struct tca_copies copies;
};

/* What a slot, or a list of those that are away, names: a number in the pool of its kind; 0: nothing. */
enum tca_kind {
    TCA_KIND_TUPLE,
    TCA_KIND_PARKED4,
    TCA_KIND_PARKED6,
    TCA_KIND_EMBRYO4,
    TCA_KIND_EMBRYO6,
    TCA_KIND_PACKED4,
    TCA_KIND_PACKED6,
    TCA_KINDS,
    TCA_KIND_BITS = 3
};
static inline enum tca_kind tca_kind_of(uint32_t what)
{
    return (enum tca_kind)(what & ((1 << TCA_KIND_BITS) - 1));
}
static inline uint32_t tca_what(enum tca_kind kind, uint32_t number)
{
    return number ? number << TCA_KIND_BITS | kind : 0;
}

/* The tag stands beside it, so that only the tuple that is looked for is touched. Its high bits are the slot's place, so that
 * a table twice as large is filled in the same order; the low ones are not the hash's but the tuple's partition, so that those of
 * one are found without touching the others. */
struct slot {
    uint32_t tag, what;
};
enum { TCA_TAG_PARTITION_BITS = 6, TCA_TAG_PARTITION = TCA_PARTITIONS - 1 };
_Static_assert(TCA_PARTITIONS == 1 << TCA_TAG_PARTITION_BITS, "a partition in a tag");

/* What the table keeps of a flow and of a stream, before what is their owner's. */
enum {
    TCA_FLOW_HEAD = offsetof(struct tca_flow, payload),
    TCA_STREAM_HEAD = offsetof(struct tca_stream, payload),
};

/* Flows that wait for another segment, the oldest first. */
struct age_list {
    struct tca_flow *oldest, *newest;
};
/* Lists of a class: by level; those that cannot be parked; those that are one SYN. */
enum { TCA_STAY = TCA_LEVELS, TCA_LONE, TCA_LISTS };

/* A tuple of which no flow is in memory as it was: parked, an embryo, or packed; its key stands behind. */
struct away {
    int64_t due_ns; /* over when the passage is past it; of a packed one: its turn comes */
    union {
        uint64_t place; /* where the owner has its newest flow */
        struct {
            uint64_t frame : 39, side : 1, number : 24;
        } syn;                       /* of an embryo: of its SYN, as in struct tca_syn; ... */
        struct tca_waiting *waiting; /* ... or that SYN itself, which has joined and was not used */
        void *packed;                /* of a packed one: all of it */
    };
    uint32_t prev, next;
    uint32_t tag;
    uint8_t age_class, level; /* its list */
    uint16_t size;            /* of what is packed; of an embryo's SYN the identification */
};
enum { TCA_EMBRYO_FRAME_BITS = 39 };
/* What stands behind the key of an embryo: the rest of its SYN. */
struct tca_syn_rest {
    uint32_t seq, tsval;
    uint16_t window;
    uint8_t ttl, shape;
};
/* Lists of a class: by level; embryos; packed ones, by level. */
enum { TCA_AWAY_EMBRYO = TCA_LEVELS, TCA_AWAY_PACKED, TCA_AWAY_LISTS = TCA_AWAY_PACKED + TCA_LEVELS };
/* In place of the level, of an embryo whose SYN waits for its use: it is in no list, and cannot be over. */
enum { TCA_AWAY_WAITING = TCA_AWAY_LISTS };
struct away_list {
    uint32_t oldest, newest;
};

struct tca_flow_table {
    struct tca_flow_settings set;
    uint64_t secret[7]; /* of the hash, made of the seed */
    struct slot *slot;
    size_t slot_count, used;
    unsigned slot_bits; /* slot_count is two to this */
    struct tca_numbered pool[TCA_KINDS];
    struct tca_pool flows, streams;
    struct tca_beyond beyond[TCA_PARTITIONS]; /* one of each partition, as these are */
    struct tca_doubled doubled[TCA_PARTITIONS];
    struct age_list age[TCA_FLOW_CLASSES][TCA_LISTS];
    size_t listed[TCA_FLOW_CLASSES]; /* flows in these lists */
    size_t lone;                     /* flows in lists of lone ones */
    struct away_list away[TCA_FLOW_CLASSES][TCA_AWAY_LISTS];
    struct tca_stash stash;    /* what is packed */
    size_t packed;             /* tuples that are */
    uint8_t *packing;          /* owned: room for what is being packed (packed.c) */
    struct tca_segment *shape; /* owned: what SYNs of embryos have in common (embryo.c) */
    unsigned shapes;
    uint64_t file_frame; /* of this or a later one are the segments of the file at hand */
    struct tca_passage passage;
    int64_t turn_ns;                /* of the passage: before it the turn of nothing comes */
    size_t allowed[TCA_PARTITIONS]; /* so many tuples of it may begin before it is looked at (early.c) */
    bool crowded;                   /* that is so for some partition */
    bool ends;                      /* nothing is looked for any more: there are no slots */
    unsigned checks;                /* with check_ways: what can be is packed and parked in turn */
};

/* table.c */
extern const int64_t tca_flow_patience_ns[TCA_FLOW_CLASSES];
struct tca_tuple *tca_table_new_tuple(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag);
void tca_table_give_tuple(struct tca_flow_table *table, struct tca_tuple *tuple);
struct slot *tca_table_slot(const struct tca_flow_table *table, uint32_t tag, uint32_t what);
/* What stands there is another one from now on. */
void tca_table_replace(struct tca_flow_table *table, uint32_t tag, uint32_t what, uint32_t by);
/* What has this key; 0: nothing. */
uint32_t tca_table_lookup(const struct tca_flow_table *table, const struct tca_key *key, uint32_t tag);
/* Room for one slot more, and the tag that a tuple of this key bears there. 0 or TCA_EMEMORY. */
int tca_table_room(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag, uint32_t *ret_tag);
/* Something of a tuple that begins goes there. */
void tca_table_enter(struct tca_flow_table *table, uint32_t tag, uint32_t what);
/* An embryo whose SYN waits is no longer alone: the tuple, in which that SYN waits from now on. */
int tca_table_rejoin(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple);
/* The slot of a tuple with this tag will be needed soon. */
void tca_table_fetch_slot(const struct tca_flow_table *table, uint32_t tag);
void tca_table_empty_slot(struct tca_flow_table *table, struct slot *slot);
int tca_table_end_piece(struct tca_flow_table *table, const struct tca_tuple *plain);
void tca_table_leave_stream(struct tca_flow_table *table, struct tca_stream *stream);
void tca_table_unlist(struct tca_flow_table *table, struct tca_flow *flow);
/* Times of lists and turns are those of the passage. */
void tca_table_list(struct tca_flow_table *table, struct tca_flow *flow, enum tca_flow_class age_class,
                    unsigned list, int64_t now_ns);
/* The turn of something comes at that time. */
void tca_table_turn(struct tca_flow_table *table, int64_t turn_ns);

/* This SYN once more, as the first segment of its tuple, for all but the counts of the run. number: of its tca_noted. */
int tca_table_replay(struct tca_flow_table *table, struct tca_tuple *tuple, const struct tca_segment *syn,
                     int side, uint32_t number);
int tca_table_end_flow(struct tca_flow_table *table, struct tca_flow *flow);
/* All of its flows, which are told as cut short where they were not over; nothing of it is on its way. */
int tca_table_end_tuple_early(struct tca_flow_table *table, struct tca_tuple *tuple);
/* Its turn has come: it is over, or quiet enough to be parked with all of its tuple, or was heard of since it was listed. */
int tca_table_take_turn(struct tca_flow_table *table, struct tca_flow *flow);

/* park.c */
void tca_table_init_away(struct tca_flow_table *table);
/* Is anything parked in this table? */
bool tca_table_parks(const struct tca_flow_table *table);
/* The flow's class and level ask for so long a silence. */
int64_t tca_table_quiet_ns(enum tca_flow_class age_class, unsigned level);
/* Put this tuple away, if it can be, and was quiet for longer than that; 0: however short. 0, or what the owner returned. */
int tca_table_park(struct tca_flow_table *table, struct tca_tuple *tuple, int64_t quiet_ns, bool *ret_parked);
/* Its time is over then, unless it is heard of. */
int64_t tca_table_due_ns(const struct tca_flow *flow);
/* The flow that is over last, and with it the tuple: what was replaced goes with those that are newer. NULL: there is none. */
const struct tca_flow *tca_table_last(const struct tca_tuple *tuple);
/* Has what is away this key? */
bool tca_table_has_key(const struct tca_flow_table *table, uint32_t what, const struct tca_key *key);
/* What is away is needed again: as it was. */
int tca_table_recall(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple);
/* End those that are over. */
int tca_table_expire_away(struct tca_flow_table *table);
bool tca_table_is_over(const struct tca_flow_table *table, uint32_t what);
/* It is. 0, or what the owner returned. */
int tca_table_end_away(struct tca_flow_table *table, uint32_t what);
struct tca_syn_rest *tca_away_syn(struct away *away, enum tca_kind kind);
void tca_table_key(const struct tca_flow_table *table, uint32_t what, struct tca_key *ret_key);
struct away *tca_away_at(const struct tca_flow_table *table, uint32_t what);
/* For the tuple of this key, of this kind, or of that for IPv6 which follows it; 0 when memory is out. */
uint32_t tca_away_new(struct tca_flow_table *table, const struct tca_key *key, uint32_t tag,
                      enum tca_kind kind);
void tca_away_list(struct tca_flow_table *table, uint32_t what);
void tca_away_give(struct tca_flow_table *table, uint32_t what);
/* All of it was told: nothing of it is left in the table. */
void tca_away_drop(struct tca_flow_table *table, uint32_t what);
/* Memory of a tuple's flows and its own is taken back. */
void tca_table_give(struct tca_flow_table *table, struct tca_tuple *tuple);
/* The tuple is in the table again in place of what is away. NULL when memory is out. */
struct tca_tuple *tca_away_back(struct tca_flow_table *table, uint32_t what, const struct tca_key *key);

/* embryo.c */
/* More of them become embryos at once. */
#ifdef TCA_CHECK_WAYS
enum { TCA_LONE_MAX = 0 };
#else
enum { TCA_LONE_MAX = 512 };
#endif
/* This segment was the first of its flow: is it all of its tuple, and can it be an embryo? */
bool tca_table_is_lone(struct tca_flow_table *table, struct tca_flow *flow, const struct tca_segment *seg);
/* 0 or TCA_EMEMORY. */
int tca_table_shrink(struct tca_flow_table *table, struct tca_tuple *tuple);
/* The tuple as it was when there was but its SYN. */
int tca_table_unfold(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple);
/* It is over. 0, or what the owner returned. */
int tca_table_end_embryo(struct tca_flow_table *table, uint32_t what);

/* packed.c */
/* Pack those that were quiet for a moment, but for the newest ones. 0, or what the owner returned. */
int tca_table_pack(struct tca_flow_table *table);
/* Its bytes begin to come from memory. */
void tca_table_fetch_packed(const struct tca_flow_table *table, uint32_t what);
/* The tuple as it was. */
int tca_table_unpack(struct tca_flow_table *table, uint32_t what, const struct tca_key *key,
                     struct tca_tuple **ret_tuple);
/* Its turn has come. */
int tca_table_turn_packed(struct tca_flow_table *table, uint32_t what);
/* After so long a silence its turn comes. */
int64_t tca_table_packed_ns(enum tca_flow_class age_class, unsigned level);
/* The end: all of them are over. 0, or what the owner returned. */
int tca_table_end_packed(struct tca_flow_table *table);
#ifdef TCA_CHECK_WAYS
/* Everything that can be. */
int tca_table_pack_all(struct tca_flow_table *table);
#endif

/* early.c */
/* So many of this partition are remembered: how many more may begin before it is looked at. */
void tca_table_allow(struct tca_flow_table *table, unsigned part, size_t remembered);
/* Look at partitions in which so many have begun, and finish what is beyond the bound. 0, or what the owner returned. */
int tca_table_finish_early(struct tca_flow_table *table);

/* relieve.c: park until no more flows are in memory than may be. */
int tca_table_relieve(struct tca_flow_table *table);

#endif
