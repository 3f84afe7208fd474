/* SPDX-License-Identifier: MIT
 *
 * A link type: what a record's first bytes are. The list of those that are decoded is link.def.
 */
#ifndef TCA_CAPTURE_LINK_H
#define TCA_CAPTURE_LINK_H

#include <stdbool.h>

/* How many link types are decoded. */
enum {
    TCA_LINKS_DECODED = 0
#define LINK(value, layer) +1
#include "capture/link.def"
#undef LINK
};

/* Are records of this LINKTYPE_ value decoded? */
static inline bool tca_link_decoded(int link)
{
    switch (link) {
#define LINK(value, layer) case value:
#include "capture/link.def"
#undef LINK
        return true;
    default:
        return false;
    }
}

/* LINKTYPE_ value of libpcap's DLT_ value, and back. Some writers put the latter into files: the one of the other tells
 * what libpcap takes it for. */
int tca_link_of_dlt(int dlt);
int tca_link_dlt(int link);

/* libpcap's name of a LINKTYPE_ value, or "unknown"; static. */
const char *tca_link_name(int link);

#endif
