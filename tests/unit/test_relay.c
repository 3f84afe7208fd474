/* SPDX-License-Identifier: MIT
 *
 * Bytes from one thread to another: all of them, in order, whoever is faster; and nobody waits for one who has left.
 */
#include "capture/relay.h"
#include "suite.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { PARTS = 3, BLOCKS_EACH = 40 };

struct giver {
    struct tca_relay *relay;
    unsigned gave; /* blocks */
    bool was_left; /* the taker left first */
    bool is_slow;  /* looks out of the window now and then */
};

static bool give(struct giver *g, enum tca_relayed what, unsigned number, size_t size)
{
    uint8_t *room = tca_relay_room(g->relay);
    if (!room) {
        g->was_left = true;
        return false;
    }
    memset(room, (int)(number % 251), size);
    tca_relay_give(g->relay, what, size);
    g->gave++;
    if (g->is_slow && number % 8 == 0)
        usleep(3000);
    return true;
}

/* Blocks of every size up to the whole room. */
static void *give_all(void *user)
{
    struct giver *g = user;
    for (unsigned part = 0; part < PARTS; part++) {
        if (!give(g, TCA_RELAYED_PART, part, 1))
            return NULL;
        for (unsigned at = 0; at < BLOCKS_EACH; at++)
            if (!give(g, TCA_RELAYED_BYTES, at, 1 + at * (TCA_RELAY_ROOM - 1) / (BLOCKS_EACH - 1)))
                return NULL;
    }
    give(g, TCA_RELAYED_END, 0, 1);
    return NULL;
}

static pthread_t begin(struct giver *g)
{
    pthread_t thread;
    g->relay = tca_relay_new();
    ck_assert_ptr_nonnull(g->relay);
    ck_assert_int_eq(pthread_create(&thread, NULL, give_all, g), 0);
    return thread;
}

/* The next bytes, in pieces of at most `piece`: all of block `number`. */
static void take_block(struct tca_relay *relay, unsigned number, size_t piece)
{
    const size_t whole = 1 + number * (TCA_RELAY_ROOM - 1) / (BLOCKS_EACH - 1);
    for (size_t taken = 0; taken < whole;) {
        enum tca_relayed what;
        const uint8_t *bytes;
        size_t size;
        ck_assert(tca_relay_peek(relay, NULL, &what, &bytes, &size));
        ck_assert_int_eq(what, TCA_RELAYED_BYTES);
        ck_assert_int_eq(bytes[0], number % 251);
        ck_assert_int_eq(bytes[size - 1], number % 251);
        ck_assert_uint_eq(size, whole - taken);
        size_t some = size < piece ? size : piece;
        tca_relay_pass(relay, some);
        taken += some;
    }
}

static void take_word(struct tca_relay *relay, enum tca_relayed wanted)
{
    enum tca_relayed what;
    const uint8_t *bytes;
    size_t size;
    ck_assert(tca_relay_peek(relay, NULL, &what, &bytes, &size));
    ck_assert_int_eq(what, wanted);
    tca_relay_pass(relay, size);
}

/* 0: the giver waits for the taker; 1: the taker for the giver. */
START_TEST(test_all_in_order)
{
    struct giver g = {.is_slow = _i};
    pthread_t thread = begin(&g);
    for (unsigned part = 0; part < PARTS; part++) {
        take_word(g.relay, TCA_RELAYED_PART);
        for (unsigned at = 0; at < BLOCKS_EACH; at++) {
            take_block(g.relay, at, 50000);
            if (!_i && at % 8 == 0)
                usleep(3000);
        }
    }
    take_word(g.relay, TCA_RELAYED_END);
    take_word(g.relay, TCA_RELAYED_END); /* however often it is asked */
    pthread_join(thread, NULL);
    ck_assert_uint_eq(g.gave, PARTS * (BLOCKS_EACH + 1) + 1);
    tca_relay_free(g.relay);
}
END_TEST

START_TEST(test_taker_leaves)
{
    struct giver g = {0};
    pthread_t thread = begin(&g);
    take_word(g.relay, TCA_RELAYED_PART);
    tca_relay_leave(g.relay);
    pthread_join(thread, NULL); /* else it would wait for ever */
    ck_assert(g.was_left);
    ck_assert_uint_lt(g.gave, PARTS * BLOCKS_EACH);
    tca_relay_free(g.relay);
}
END_TEST

START_TEST(test_stopped)
{
    const volatile sig_atomic_t stop = 1;
    enum tca_relayed what;
    const uint8_t *bytes;
    size_t size;
    struct tca_relay *relay = tca_relay_new();
    ck_assert_ptr_nonnull(relay);
    ck_assert_msg(!tca_relay_peek(relay, &stop, &what, &bytes, &size), "nothing is waited for");
    ck_assert_ptr_nonnull(tca_relay_room(relay));
    tca_relay_give(relay, TCA_RELAYED_BYTES, 5);
    ck_assert_msg(tca_relay_peek(relay, &stop, &what, &bytes, &size) && size == 5, "what is there is taken");
    tca_relay_free(relay);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("relay");
    add_case(suite, "all in order", test_all_in_order, 2);
    add_case(suite, "taker leaves", test_taker_leaves, 1);
    add_case(suite, "stopped", test_stopped, 1);
    return run_suite(suite);
}
