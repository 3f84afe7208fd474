/* SPDX-License-Identifier: MIT
 *
 * Addresses as they may be shown to others: --anonymize. The same key gives the same addresses, in every run and on every machine;
 * two addresses with k leading bits in common have exactly k in common afterwards (Xu, Fan, Ammar, Moon: Prefix-Preserving IP
 * Address Anonymization, 2002). A bijection, so that who has the key can go back.
 *
 * One of these is asked by all threads of a session at once. NULL stands for none: addresses stay as they are.
 */
#ifndef TCA_BASE_ANON_H
#define TCA_BASE_ANON_H

#include "base/buf.h"

struct tca_anon;
/* The key is stretched, which takes some milliseconds. NULL when memory is out. */
struct tca_anon *tca_anon_new(const void *key, size_t count);
void tca_anon_free(struct tca_anon *anon);

/* An address of 16 bytes, IPv4 as ::ffff:a.b.c.d, which stays such a one; `ret` may be `real`. */
void tca_anon_address(struct tca_anon *anon, const uint8_t real[16], uint8_t ret[16]);
void tca_anon_restore(struct tca_anon *anon, const uint8_t shown[16], uint8_t ret[16]);
/* A MAC address: another one, marked as given locally; groups stay groups, those of zeros and of ones alone stay. */
void tca_anon_mac(struct tca_anon *anon, const uint8_t real[6], uint8_t ret[6]);
/* tca_buf_ip() of what is shown. */
void tca_anon_ip(struct tca_buf *buf, struct tca_anon *anon, const uint8_t addr[16], int family);

#endif
