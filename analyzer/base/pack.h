/* SPDX-License-Identifier: MIT
 *
 * Objects as bytes, without what equals another object: for what is put away for a while and has to come back as it was.
 * Whatever an object is made of, its padding too, comes back bit by bit; so nothing here has to follow when a struct changes.
 *
 *      { which of 64 words differ, a bit each (u64); those words, as their difference } ...
 */
#ifndef TCA_BASE_PACK_H
#define TCA_BASE_PACK_H

#include <stddef.h>
#include <stdint.h>

/* Sizes are multiples of 8. Bytes that it takes at most. */
#define TCA_PACKED_MAX(size) ((size) + ((size) / 512 + 1) * sizeof(uint64_t))

/* Write what of the object differs from `base` (NULL: from zeros); returns the end of it. */
uint8_t *tca_pack(uint8_t *out, const void *object, const void *base, size_t size);
/* The object holds what the base held, and becomes what was packed; returns the end of what was read. */
const uint8_t *tca_unpack(const uint8_t *in, void *object, size_t size);

#endif
