/* SPDX-License-Identifier: MIT
 *
 * Community ID version 1, as Zeek, Suricata, Wireshark and others print it.
 */
#ifndef TCA_REPORT_COMMUNITY_H
#define TCA_REPORT_COMMUNITY_H

#include "base/buf.h"
#include "classify/read/dossier.h"

/* Appends "1:..." with seed 0: equal for both directions and for all reuses of the tuple; tags do not count.
 */
void tca_community_id(const struct tca_dossier *d, struct tca_buf *buf);

#endif
