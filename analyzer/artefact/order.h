/* SPDX-License-Identifier: MIT
 *
 * Where segments wait between the file and the flow table, so that a capture whose records stand in the wrong order (several
 * queues of one card, files merged carelessly) can be mended: a segment whose time lies before that of waiting ones of the
 * same connection takes its place among them. Nothing moves between connections, so numbers that follow the file's order are
 * given before. Places keep their frame numbers, so that these are the order of use.
 *
 *      one thread, in the order of the file:   tca_order_slot -> fill it -> tca_order_enter ... until tca_order_is_full
 *                                              tca_order_turn: a chunk, and how far segments are ripe at its end
 *      then of each part of the connections:   tca_order_join, each of the chunk's segments into its lane
 *                                              use those of the part that are ripe, in the order of their numbers
 *
 * A segment waits until a record comes that is ORDER_WINDOW_NS later, or ORDER_SLOTS others came: in a sound capture it
 * costs no more than that. One time far ahead of all others lets go only what came before it. A lane is what the caller
 * keeps of one connection. What is ripe for a segment that joins was settled when it entered, by the times of all; so parts
 * of the connections that know nothing of each other may do their halves at the same time, while the next chunk is filled.
 */
#ifndef TCA_ARTEFACT_ORDER_H
#define TCA_ARTEFACT_ORDER_H

#include "decode/segment.h"

#include <stddef.h>

/* Between chunks all threads meet, so short ones cost them a tenth of their time. Captures of the tests are short. */
#ifdef TCA_CHECK_WAYS
enum { TCA_ORDER_CHUNK = 512 };
#else
enum { TCA_ORDER_CHUNK = 2048 }; /* segments of a chunk that is full; ... */
#endif
enum {
    TCA_ORDER_SLOTS = 1024,  /* segments that may have to wait */
    TCA_ORDER_LANE_MAX = 32, /* segments of one connection that one may pass */
    TCA_ORDER_ROOM =
        4096, /* ... the last record may bring more: as many datagrams as the table of fragments holds */
    TCA_ORDER_CHUNKS = 4, /* being filled, being used, and two of which segments may wait */
};
#define TCA_ORDER_WINDOW_NS INT64_C(50000000)

/* What becomes of what decoding made of a record. */
enum tca_waiting_kind {
    TCA_WAITING_SEGMENT, /* of a connection */
    TCA_WAITING_QUOTE,   /* in an ICMP error */
    TCA_WAITING_NUMBER,  /* no segment, yet numbered by other programs: it joins nothing */
};

/* Segments of one connection that wait. All zero: none. Lives as long as one of them waits. */
struct tca_lane {
    uint64_t newest; /* number of the newest one waiting, from 1 */
};

/* One that waits. What stands before the bytes of the segment that few have is three cache lines. */
struct tca_waiting {
    _Alignas(64) void *tuple;
    void *stream;          /* both of the caller: what it found when the segment joined */
    uint64_t stream_frame; /* likewise */
    uint64_t before;       /* of the place: the next older one of its lane */
    uint64_t number, ripe; /* of the place; ripe: the oldest that had to wait on when it was entered */
    uint64_t record;       /* the frame number in the file */
    uint8_t kind;          /* enum tca_waiting_kind */
    bool left_out;         /* as of the record */
    bool late;             /* of the place: it was entered behind a later time */
    uint8_t side;          /* of the caller: what it found when the segment joined */
    uint8_t rest;          /* enum tca_segment_rest of the segment */
    uint8_t file_high;     /* of the caller: which file the record is of, from 0 (tca_order_file) */
    uint16_t file_low;
    struct tca_segment seg; /* frame: of its place, see moved.h */
};
_Static_assert(offsetof(struct tca_waiting, seg) == 64, "a cache line");

/* There is no room for more than three bytes. */
enum { TCA_ORDER_FILES = 1 << 24 };
static inline void tca_order_set_file(struct tca_waiting *w, uint32_t file)
{
    w->file_low = (uint16_t)(file & 0xffff);
    w->file_high = (uint8_t)(file >> 16);
}
static inline uint32_t tca_order_file(const struct tca_waiting *w)
{
    return w->file_low | (uint32_t)w->file_high << 16;
}

struct tca_order_pending {
    uint64_t number;
    int64_t time_ns;
};
/* Of the thread that fills it; parts read slots only, each its own. */
struct tca_order {
    struct tca_waiting *slot;          /* TCA_ORDER_CHUNKS times TCA_ORDER_ROOM, in `block` */
    void *block;                       /* owned */
    struct tca_order_pending *pending; /* owned: those that are not ripe, a ring of TCA_ORDER_SLOTS */
    char apart[128];     /* what parts read shares no cache line with what is written for each record */
    uint64_t head, tail; /* of the ring: how many became ripe, and entered */
    struct tca_order_pending oldest; /* at its head, if it holds any */
    uint64_t chunk, next;     /* ordinal of the chunk being filled, and the number of its first free slot */
    struct tca_waiting *free; /* that slot */
    int64_t newest_ns;        /* the latest time of a segment */
    int64_t now_ns, ripe_ns;  /* times of the newest record, and of the place that became ripe last */
    char behind[128];
};

/* A full chunk: its segments are numbered from `from` to before `to`. */
struct tca_chunk {
    uint64_t ordinal; /* from 0 */
    uint64_t from, to;
    uint64_t ripe;           /* those with lower numbers have waited long enough */
    int64_t now_ns, ripe_ns; /* as in the order; ripe_ns INT64_MIN: none was ripe so far */
};

/* 0 or TCA_EMEMORY. */
int tca_order_init(struct tca_order *order);
void tca_order_done(struct tca_order *order);

/* By number; the caller's part may write to it. */
static inline struct tca_waiting *tca_order_at(const struct tca_order *order, uint64_t number)
{
    return &order->slot[number % ((uint64_t)TCA_ORDER_CHUNKS * TCA_ORDER_ROOM)];
}
/* Begin to fetch it from memory. */
static inline void tca_order_fetch(const struct tca_waiting *w)
{
    __builtin_prefetch(w);
    __builtin_prefetch(&w->seg);
    __builtin_prefetch(&w->seg.seq);
}
/* The slot to fill next: its content is old. There are TCA_ORDER_ROOM to a chunk. */
static inline struct tca_waiting *tca_order_slot(const struct tca_order *order)
{
    return order->free;
}
static inline struct tca_order_pending *tca_order_pending_at(const struct tca_order *order, uint64_t at)
{
    return &order->pending[at % TCA_ORDER_SLOTS];
}
/* The oldest one that has to wait on. */
static inline uint64_t tca_order_ripe(const struct tca_order *order)
{
    return order->head == order->tail ? order->next : order->oldest.number;
}
/* It waits no longer. */
static inline void tca_order_let_go(struct tca_order *order)
{
    order->ripe_ns = order->oldest.time_ns;
    if (++order->head != order->tail)
        order->oldest = *tca_order_pending_at(order, order->head);
}
/* The time of a record, also of one that is no segment, passes. */
static inline void tca_order_time(struct tca_order *order, int64_t time_ns)
{
    order->now_ns = time_ns;
    while (order->head != order->tail && time_ns - order->oldest.time_ns > TCA_ORDER_WINDOW_NS)
        tca_order_let_go(order);
}
/* What is in the slot waits from now on; it is returned. Here, since it is done for every record. */
static inline struct tca_waiting *tca_order_enter(struct tca_order *order, enum tca_waiting_kind kind,
                                                  bool left_out)
{
    struct tca_waiting *w = order->free++; /* a chunk's slots stand one behind the other */
    struct tca_order_pending *place = tca_order_pending_at(order, order->tail);
    int64_t time_ns = w->seg.time_ns;
    w->kind = (uint8_t)kind;
    w->left_out = left_out;
    w->number = order->next++;
    w->record = w->seg.frame;
    w->late = time_ns < order->newest_ns;
    if (time_ns > order->newest_ns)
        order->newest_ns = time_ns;
    *place = (struct tca_order_pending){w->number, time_ns};
    if (order->head == order->tail++)
        order->oldest = *place;
    w->ripe = order->oldest.number;
    if (order->tail - order->head == TCA_ORDER_SLOTS)
        tca_order_let_go(order);
    tca_order_time(order, time_ns);
    return w;
}
static inline bool tca_order_is_full(const struct tca_order *order)
{
    return order->next - order->chunk * TCA_ORDER_ROOM > TCA_ORDER_CHUNK;
}
/* The chunk that was filled; another one begins. Before it is called again the one before this one must have been used as far
 * as it is ripe. all: nothing comes any more, everything is ripe. */
struct tca_chunk tca_order_turn(struct tca_order *order, bool all);

/* Before those of its lane that are later by their time. */
void tca_order_mend(const struct tca_order *order, struct tca_waiting *late);

/* It takes its place in this lane. */
static inline void tca_order_join(const struct tca_order *order, struct tca_waiting *w, struct tca_lane *lane)
{
    w->before = lane->newest;
    lane->newest = w->number;
    if (w->late && w->before >= w->ripe)
        tca_order_mend(order, w);
}

#endif
