/* SPDX-License-Identifier: MIT
 *
 * Free text of a capture, bounded: what others wrote may be of any length, and of any bytes.
 */
#ifndef TCA_BASE_CLIP_H
#define TCA_BASE_CLIP_H

#include <stdbool.h>
#include <stddef.h>

enum { TCA_CLIP_MAX = 400 }; /* bytes of one text; "..." at its end where more was written */

/* A text of others, terminated. All zero: "". */
struct tca_clip {
    char text[TCA_CLIP_MAX + 1];
    bool full; /* it was cut: what follows is not taken */
};

/* Append up to `len` bytes, "; " before them where there is text already. They end at the first zero byte; none are no
 * text. No UTF-8 character is cut. */
void tca_clip_join(struct tca_clip *clip, const void *more, size_t len);

#endif
