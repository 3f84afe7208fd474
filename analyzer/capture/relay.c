/* SPDX-License-Identifier: MIT
 *
 * A ring of blocks under one lock, which is taken twice a block: some hundred times a second. Only the giver touches a block
 * that is not given, only the taker one that is. The taker looks up now and then while it waits, since a signal that says stop
 * wakes nobody.
 */
#include "capture/relay.h"

#include "base/alloc.h"
#include "base/stop.h"

#include <pthread.h>
#include <time.h>

enum { BLOCKS = 6 };
static const long LOOK_UP_NS = 50000000;

struct block {
    uint8_t *bytes; /* owned */
    size_t size, used;
    enum tca_relayed what;
};

struct tca_relay {
    pthread_mutex_t lock;
    pthread_cond_t given, taken;
    struct block block[BLOCKS];
    unsigned gave, took; /* so many, modulo the size of the type */
    bool left;           /* by the taker */
};

struct tca_relay *tca_relay_new(void)
{
    struct tca_relay *relay = tca_alloc(sizeof *relay);
    if (!relay)
        return NULL;
    pthread_mutex_init(&relay->lock, NULL);
    pthread_cond_init(&relay->given, NULL);
    pthread_cond_init(&relay->taken, NULL);
    for (unsigned at = 0; at < BLOCKS; at++)
        if (!(relay->block[at].bytes = tca_grow(NULL, TCA_RELAY_ROOM, 1))) {
            tca_relay_free(relay);
            return NULL;
        }
    return relay;
}

void tca_relay_free(struct tca_relay *relay)
{
    if (!relay)
        return;
    for (unsigned at = 0; at < BLOCKS; at++)
        tca_free(relay->block[at].bytes);
    pthread_mutex_destroy(&relay->lock);
    pthread_cond_destroy(&relay->given);
    pthread_cond_destroy(&relay->taken);
    tca_free(relay);
}

/* ---- the giver ---- */

uint8_t *tca_relay_room(struct tca_relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    while (relay->gave - relay->took == BLOCKS && !relay->left)
        pthread_cond_wait(&relay->taken, &relay->lock);
    uint8_t *room = relay->left ? NULL : relay->block[relay->gave % BLOCKS].bytes;
    pthread_mutex_unlock(&relay->lock);
    return room;
}

void tca_relay_give(struct tca_relay *relay, enum tca_relayed what, size_t size)
{
    pthread_mutex_lock(&relay->lock);
    struct block *block = &relay->block[relay->gave++ % BLOCKS];
    block->what = what;
    block->size = size;
    block->used = 0;
    pthread_cond_signal(&relay->given);
    pthread_mutex_unlock(&relay->lock);
}

/* ---- the taker ---- */

static void wait_a_little(struct tca_relay *relay)
{
    const long second_ns = 1000000000;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_UP_NS;
    until.tv_sec += until.tv_nsec / second_ns;
    until.tv_nsec %= second_ns;
    pthread_cond_timedwait(&relay->given, &relay->lock, &until);
}

bool tca_relay_peek(struct tca_relay *relay, const volatile sig_atomic_t *stop, enum tca_relayed *ret_what,
                    const uint8_t **ret_bytes, size_t *ret_size)
{
    pthread_mutex_lock(&relay->lock);
    while (relay->gave == relay->took && !tca_is_stopped(stop))
        wait_a_little(relay);
    bool any = relay->gave != relay->took;
    const struct block *block = &relay->block[relay->took % BLOCKS];
    pthread_mutex_unlock(&relay->lock);
    if (!any)
        return false;
    *ret_what = block->what;
    *ret_bytes = block->bytes + block->used;
    *ret_size = block->size - block->used;
    return true;
}

void tca_relay_pass(struct tca_relay *relay, size_t size)
{
    struct block *block = &relay->block[relay->took % BLOCKS];
    block->used += size;
    if (block->used < block->size || block->what == TCA_RELAYED_END)
        return;
    pthread_mutex_lock(&relay->lock);
    relay->took++;
    pthread_cond_signal(&relay->taken);
    pthread_mutex_unlock(&relay->lock);
}

void tca_relay_leave(struct tca_relay *relay)
{
    pthread_mutex_lock(&relay->lock);
    relay->left = true;
    pthread_cond_signal(&relay->taken);
    pthread_mutex_unlock(&relay->lock);
}
