/* SPDX-License-Identifier: MIT
 *
 * Community ID version 1, as Zeek, Suricata, Wireshark and others print it.
 */
#ifndef TCA_REPORT_COMMUNITY_H
#define TCA_REPORT_COMMUNITY_H

#include "base/anon.h"
#include "classify/read/dossier.h"

/* What others print unless they are told another one; two seeds keep the ids of two networks apart. */
enum { TCA_COMMUNITY_SEED = 0 };

/* Appends "1:...": equal for both directions and for all reuses of the tuple; tags do not count.
 * With `anon` the id of the addresses that are shown. */
void tca_community_id(const struct tca_dossier *d, struct tca_anon *anon, uint16_t seed, struct tca_buf *buf);

#endif
