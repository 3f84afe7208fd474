/* SPDX-License-Identifier: MIT
 *
 * How large a dictionary an xz file asks for, before whoever unpacks it makes room: libarchive sets no limit, and a header of a few
 * bytes asks for 4 GiB. All of the file is followed, since every block of it has a header of its own; that takes no unpacking:
 *
 *     stream header, { block header, { chunk head, its bytes }, 0, padding, check }, 0, index, footer; zeros; the next stream
 */
#ifndef TCA_CAPTURE_XZ_H
#define TCA_CAPTURE_XZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What xz -9 makes. */
enum { TCA_XZ_MOST = 64 << 20 };

enum tca_xz_found {
    TCA_XZ_FINE,  /* or no xz file at all */
    TCA_XZ_LARGE, /* a block asks for more than TCA_XZ_MOST */
    TCA_XZ_LOST,  /* no xz file is like this: nobody unpacks what follows, and it is not followed */
};

struct tca_xz {
    uint8_t state;       /* which piece is gathered, or passed over */
    uint8_t found;       /* enum tca_xz_found; remains */
    uint8_t check;       /* bytes behind each block of this stream */
    uint8_t shift;       /* of the number in the index that has begun */
    bool any;            /* a stream was there */
    uint64_t skip;       /* bytes to pass over, before the next piece */
    uint64_t number;     /* so far */
    uint64_t numbers;    /* of the index to come; UINT64_MAX: how many is told by the first */
    uint64_t at;         /* bytes since the stream began */
    size_t have, want;   /* bytes of a piece */
    uint8_t piece[1024]; /* a block header is no longer */
};

void tca_xz_init(struct tca_xz *xz);
/* The bytes that come next. */
enum tca_xz_found tca_xz_follow(struct tca_xz *xz, const uint8_t *bytes, size_t count);

#endif
