/* SPDX-License-Identifier: MIT
 *
 * A mirror with all that it owns as few bytes, and made again from them: for what is put away for a while and goes on as if it
 * had never been away.
 *
 *      has it trouble (a byte) | struct tca_mirror | its marks, chunk by chunk | its trouble         each without its zeros
 *
 * Nothing of it is left out but pointers, so nothing here has to follow when a struct changes.
 */
#ifndef TCA_MIRROR_PACK_H
#define TCA_MIRROR_PACK_H

#include "mirror/mirror.h"

#include <stddef.h>

/* Room that it takes at most while it is written. */
size_t tca_mirror_pack_room(const struct tca_mirror *m);
/* Write it; returns the end of it. The mirror owns what it did, and means the same. */
uint8_t *tca_mirror_pack(uint8_t *out, struct tca_mirror *m);
/* A mirror that was zeroed becomes that which was packed; returns the end of what was read, or NULL when memory is out: then it
 * owns nothing. */
const uint8_t *tca_mirror_unpack(struct tca_mirror_context *ctx, const uint8_t *in, struct tca_mirror *m);

#endif
