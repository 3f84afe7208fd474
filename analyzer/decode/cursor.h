/* SPDX-License-Identifier: MIT
 *
 * The one way decode reads a packet. A cursor knows two lengths of what lies ahead:
 *
 *     at                     at+left                  at+wire
 *     |  captured bytes      |  cut by the snap length |
 *
 * `left` bounds every read; `wire` is what the sender's headers say there is. Always left <= wire. Whoever
 * reads a header takes it whole, or learns that it is not all there; nobody else moves `at`.
 */
#ifndef TCA_DECODE_CURSOR_H
#define TCA_DECODE_CURSOR_H

#include <stddef.h>
#include <stdint.h>

struct tca_cursor {
    const uint8_t *at;
    uint32_t left; /* bytes that can be read */
    uint32_t wire; /* bytes that were sent */
};

/* The next n bytes, passing over them; NULL, and no move, when fewer were captured. */
static inline const uint8_t *cursor_take(struct tca_cursor *cursor, uint32_t n)
{
    const uint8_t *taken = cursor->at;

    if (n > cursor->left)
        return NULL;
    cursor->at += n;
    cursor->left -= n;
    cursor->wire -= n;
    return taken;
}

/* The next n bytes without passing over them, or NULL. */
static inline const uint8_t *cursor_peek(const struct tca_cursor *cursor, uint32_t n)
{
    return n > cursor->left ? NULL : cursor->at;
}

/* A header said that n bytes follow: what was captured beyond them is padding; what is missing was cut. */
static inline void cursor_set_wire(struct tca_cursor *cursor, uint32_t n)
{
    cursor->wire = n;
    if (cursor->left > n)
        cursor->left = n;
}

static inline uint16_t be16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)be16(bytes) << 16 | be16(bytes + 2);
}

#endif
