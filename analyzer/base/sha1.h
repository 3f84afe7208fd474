/* SPDX-License-Identifier: MIT
 *
 * SHA-1 (RFC 3174): of the Community ID, an identifier shared with other tools, which protects nothing; and with a key
 * (HMAC, RFC 2104), in which place it is as good as any, to anonymize addresses (anon.h).
 */
#ifndef TCA_BASE_SHA1_H
#define TCA_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

void tca_sha1(const uint8_t *bytes, size_t count, uint8_t ret_digest[20]);

struct tca_hmac {
    uint32_t inner[5], outer[5]; /* the sums behind the key's block */
};
void tca_hmac_init(struct tca_hmac *hmac, const uint8_t *key, size_t count);
void tca_hmac_of(const struct tca_hmac *hmac, const uint8_t *bytes, size_t count, uint8_t ret_digest[20]);

#endif
