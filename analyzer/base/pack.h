/* SPDX-License-Identifier: MIT
 *
 * Objects as bytes, without their zeros, or without what equals another object: for what is put away for a while and has to
 * come back as it was. Whatever an object is made of, its padding too, comes back bit by bit; so nothing here has to follow
 * when a struct changes.
 *
 *      squeezed: { which of 64 units of 16 bytes are not zero, a bit each (u64); those units } ...
 *      difference: { which of 64 words differ, likewise; those words, as their difference } ...
 *
 * The unit is a trade between bytes, which are written and read again, and the tests for them.
 */
#ifndef TCA_BASE_PACK_H
#define TCA_BASE_PACK_H

#include <stddef.h>
#include <stdint.h>

/* Sizes are multiples of 8. Bytes that it takes at most, and that may be written. */
#define TCA_PACKED_MAX(size) ((size) + ((size) / 512 + 3) * sizeof(uint64_t))

/* Write what of the object is not zero; returns the end of it. */
uint8_t *tca_squeeze(uint8_t *out, const void *object, size_t size);
/* The object was all zeros, and becomes what was squeezed; returns the end of what was read. */
const uint8_t *tca_spread(const uint8_t *in, void *object, size_t size);
/* Where what was squeezed of so many bytes ends, of which there may be less than is needed, and which anybody may have written.
 * NULL: it is not whole. */
const uint8_t *tca_spread_end(const uint8_t *in, const uint8_t *end, size_t size);

/* Write what of the object differs from `base`: little; returns the end of it. */
uint8_t *tca_differ(uint8_t *out, const void *object, const void *base, size_t size);
/* The object holds what the base held, and becomes what it was; returns the end of what was read. */
const uint8_t *tca_agree(const uint8_t *in, void *object, size_t size);

#endif
