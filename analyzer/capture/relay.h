/* SPDX-License-Identifier: MIT
 *
 * A relay: bytes that one thread makes and another one reads, in order, through a few blocks; who is faster waits.
 *
 *     giver:  tca_relay_room -> fill it -> tca_relay_give ... TCA_RELAYED_END    --> blocks -->    taker:  tca_relay_peek, _pass
 *
 * The giver's words between the bytes (where a part begins, what went wrong) travel the same way, so that they come in their
 * place.
 */
#ifndef TCA_CAPTURE_RELAY_H
#define TCA_CAPTURE_RELAY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCA_RELAY_ROOM = 128 * 1024 }; /* of a block; a few of them stay in the processors' shared cache */

/* What a block holds. */
enum tca_relayed {
    TCA_RELAYED_BYTES,
    TCA_RELAYED_PART, /* a part begins: its name */
    TCA_RELAYED_CUT,  /* the part ends before it should: words */
    TCA_RELAYED_BAD,  /* it cannot be read on: words */
    TCA_RELAYED_END,  /* no part follows: words of what went wrong, or none; the last block */
};

struct tca_relay;

/* NULL when memory is out. */
struct tca_relay *tca_relay_new(void);
void tca_relay_free(struct tca_relay *relay); /* both are done with it */

/* A block to fill, of TCA_RELAY_ROOM bytes; waits for one. NULL: the taker has left. */
uint8_t *tca_relay_room(struct tca_relay *relay);
/* The block that was taken by tca_relay_room(), of which `size` bytes are filled. */
void tca_relay_give(struct tca_relay *relay, enum tca_relayed what, size_t size);

/* The oldest block, what is left of it; waits for one, but not when *stop (may be NULL) is set: false. Borrowed until
 * tca_relay_pass(). */
bool tca_relay_peek(struct tca_relay *relay, const volatile sig_atomic_t *stop, enum tca_relayed *ret_what,
                    const uint8_t **ret_bytes, size_t *ret_size);
/* So much of it was used. A block of which nothing is left is given back, but the last one. */
void tca_relay_pass(struct tca_relay *relay, size_t size);
/* Nothing more is taken: a giver who waits is told. */
void tca_relay_leave(struct tca_relay *relay);

#endif
