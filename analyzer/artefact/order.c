/* SPDX-License-Identifier: MIT
 *
 * Numbers tell the slot: chunk * TCA_ORDER_ROOM + place, from 1; so they have gaps, and chunks that are not fuller than usual
 * lie in few cache lines. The entries of a lane are linked from new to old, and a link that leads before the oldest one that
 * still had to wait has ended. To put an entry in its place the contents of its lane's newer ones move one position on;
 * positions and links stay.
 */
#include "artefact/order.h"

#include "base/alloc.h"

#include <tcpautopsy/error.h>

int tca_order_init(struct tca_order *order)
{
    *order = (struct tca_order){.next = 1, .newest_ns = INT64_MIN, .now_ns = INT64_MIN, .ripe_ns = INT64_MIN};
    enum { ALIGN = _Alignof(struct tca_waiting) };
    order->block = tca_alloc((size_t)TCA_ORDER_CHUNKS * TCA_ORDER_ROOM * sizeof *order->slot + ALIGN);
    order->slot = (void *)(((uintptr_t)order->block + ALIGN - 1) / ALIGN * ALIGN);
    order->free = tca_order_at(order, order->next);
    order->pending = tca_alloc(TCA_ORDER_SLOTS * sizeof *order->pending);
    return order->block && order->pending ? TCA_OK : TCA_EMEMORY;
}

void tca_order_done(struct tca_order *order)
{
    tca_free(order->block);
    tca_free(order->pending);
    *order = (struct tca_order){0};
}

/* ---- filling ---- */

static struct tca_order_pending *pending(const struct tca_order *order, uint64_t at)
{
    return &order->pending[at % TCA_ORDER_SLOTS];
}

/* The oldest one that has to wait on. */
static uint64_t ripe(const struct tca_order *order)
{
    return order->head == order->tail ? order->next : order->oldest.number;
}

static void let_go(struct tca_order *order)
{
    order->ripe_ns = order->oldest.time_ns;
    if (++order->head != order->tail)
        order->oldest = *pending(order, order->head);
}

static void pass(struct tca_order *order, int64_t time_ns)
{
    order->now_ns = time_ns;
    while (order->head != order->tail && time_ns - order->oldest.time_ns > TCA_ORDER_WINDOW_NS)
        let_go(order);
}

void tca_order_time(struct tca_order *order, int64_t time_ns)
{
    pass(order, time_ns);
}

struct tca_waiting *tca_order_enter(struct tca_order *order, enum tca_waiting_kind kind, bool left_out)
{
    struct tca_waiting *w = order->free++; /* a chunk's slots stand one behind the other */
    int64_t time_ns = w->seg.time_ns;
    w->kind = (uint8_t)kind;
    w->left_out = left_out;
    w->number = order->next;
    w->ripe = ripe(order);
    w->record = w->seg.frame;
    w->late = time_ns < order->newest_ns;
    if (time_ns > order->newest_ns)
        order->newest_ns = time_ns;
    struct tca_order_pending *place = pending(order, order->tail);
    *place = (struct tca_order_pending){order->next++, time_ns};
    if (order->head == order->tail++)
        order->oldest = *place;
    if (order->tail - order->head == TCA_ORDER_SLOTS)
        let_go(order);
    pass(order, time_ns);
    return w;
}

struct tca_chunk tca_order_turn(struct tca_order *order, bool all)
{
    while (all && order->head != order->tail)
        let_go(order);
    struct tca_chunk chunk = {.ordinal = order->chunk,
                              .from = order->chunk * TCA_ORDER_ROOM,
                              .to = order->next,
                              .ripe = ripe(order),
                              .now_ns = order->now_ns,
                              .ripe_ns = order->ripe_ns};
    chunk.from += !chunk.from; /* numbers begin with 1 */
    order->next = ++order->chunk * TCA_ORDER_ROOM;
    order->free = tca_order_at(order, order->next);
    return chunk;
}

/* ---- joining ---- */

/* Swap what the two entries carry; each keeps its link, and the frame number of its place. */
static void swap(struct tca_waiting *a, struct tca_waiting *b)
{
    struct tca_waiting kept = *a;
    *a = *b;
    a->seg.frame = kept.seg.frame;
    a->late = kept.late;
    a->number = kept.number;
    a->ripe = kept.ripe;
    a->before = kept.before;
    kept.seg.frame = b->seg.frame;
    kept.late = b->late;
    kept.number = b->number;
    kept.ripe = b->ripe;
    kept.before = b->before;
    *b = kept;
}

void tca_order_mend(const struct tca_order *order, struct tca_waiting *late)
{
    int64_t time_ns = late->seg.time_ns;
    uint64_t oldest = late->ripe;
    struct tca_waiting *last = late;
    bool moved = false;
    for (int passed = 0; passed < TCA_ORDER_LANE_MAX && last->before >= oldest; passed++) {
        struct tca_waiting *older = tca_order_at(order, last->before);
        if (older->seg.time_ns <= time_ns || older->seg.time_ns - time_ns > TCA_ORDER_WINDOW_NS)
            break;
        swap(older, last);
        last = older;
        moved = true;
    }
    last->seg.mended = moved;
}
