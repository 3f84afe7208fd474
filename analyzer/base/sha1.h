/* SPDX-License-Identifier: MIT
 *
 * SHA-1 (RFC 3174), for the Community ID only: an identifier shared with other tools, no protection of
 * anything.
 */
#ifndef TCA_BASE_SHA1_H
#define TCA_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

/* Of at most 119 bytes (two blocks): all that an identifier of a connection needs. */
enum { TCA_SHA1_MAX = 119 };
void tca_sha1(const uint8_t *bytes, size_t count, uint8_t ret_digest[20]);

#endif
