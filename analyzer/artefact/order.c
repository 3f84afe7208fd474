/* SPDX-License-Identifier: MIT
 *
 * A ring by number: entry n lies in slot n mod RING. The entries of a lane are linked from new to old, and a link that
 * leads before the oldest one that still has to wait has ended. To put an entry in its place the contents of its lane's
 * newer ones move one position on; positions and links stay.
 */
#include "artefact/order.h"

#include "base/alloc.h"

#include <tcpautopsy/error.h>

enum { RING = TCA_ORDER_SLOTS + TCA_ORDER_BATCH };

int tca_order_init(struct tca_order *order)
{
    *order = (struct tca_order){.head = 1, .tail = 1, .ripe = 1, .newest_ns = INT64_MIN, .now_ns = INT64_MIN};
    order->slot = tca_alloc(RING * sizeof *order->slot);
    return order->slot ? TCA_OK : TCA_EMEMORY;
}

void tca_order_done(struct tca_order *order)
{
    tca_free(order->slot);
    order->slot = NULL;
}

static struct tca_waiting *at(struct tca_order *order, uint64_t number)
{
    return &order->slot[number % RING];
}

struct tca_waiting *tca_order_slot(struct tca_order *order)
{
    return at(order, order->tail);
}

/* Swap what the two entries carry; each keeps its link, and the frame number of its place. */
static void swap(struct tca_waiting *a, struct tca_waiting *b)
{
    struct tca_waiting kept = *a;
    uint64_t before = b->before, frame = b->seg.frame;
    *a = *b;
    a->before = kept.before;
    a->seg.frame = kept.seg.frame;
    *b = kept;
    b->before = before;
    b->seg.frame = frame;
}

static void mend(struct tca_order *order, struct tca_waiting *late)
{
    int64_t time_ns = late->seg.time_ns;
    struct tca_waiting *last = late;
    bool moved = false;
    for (int passed = 0; passed < TCA_ORDER_LANE_MAX && last->before >= order->ripe; passed++) {
        struct tca_waiting *older = at(order, last->before);
        if (older->seg.time_ns <= time_ns || older->seg.time_ns - time_ns > TCA_ORDER_WINDOW_NS)
            break;
        swap(older, last);
        last = older;
        moved = true;
    }
    last->seg.mended = moved;
}

void tca_order_add(struct tca_order *order, struct tca_lane *lane)
{
    struct tca_waiting *added = at(order, order->tail);
    added->lane = lane;
    added->record = added->seg.frame;
    added->before = lane->newest;
    lane->newest = order->tail++;
    int64_t time_ns = added->seg.time_ns;
    if (time_ns < order->newest_ns && added->before >= order->ripe)
        mend(order, added);
    if (time_ns > order->newest_ns)
        order->newest_ns = time_ns;
    tca_order_time(order, time_ns);
}

/* How long this one has waited. */
static int64_t waited_ns(struct tca_order *order, uint64_t number)
{
    return order->now_ns - at(order, number)->seg.time_ns;
}

/* Let those go on that have waited long enough. */
static void ripen(struct tca_order *order)
{
    bool full = order->tail - order->ripe == TCA_ORDER_SLOTS;
    order->ripe += full;
    while (order->ripe != order->tail && waited_ns(order, order->ripe) > TCA_ORDER_WINDOW_NS)
        order->ripe++;
}

void tca_order_time(struct tca_order *order, int64_t time_ns)
{
    order->now_ns = time_ns;
    ripen(order);
}

bool tca_order_is_batch(struct tca_order *order)
{
    uint64_t ripe = order->ripe - order->head;
    return ripe >= TCA_ORDER_BATCH ||
           (ripe && waited_ns(order, order->head) > TCA_ORDER_WINDOW_NS + TCA_ORDER_BATCH_NS);
}

const struct tca_waiting *tca_order_peek(struct tca_order *order, unsigned ahead)
{
    return order->tail - order->head > ahead ? at(order, order->head + ahead) : NULL;
}

struct tca_waiting *tca_order_next(struct tca_order *order, bool all)
{
    if (order->head == (all ? order->tail : order->ripe))
        return NULL;
    struct tca_waiting *oldest = at(order, order->head++);
    if (order->ripe < order->head)
        order->ripe = order->head;
    return oldest;
}
