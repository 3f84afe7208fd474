/* SPDX-License-Identifier: MIT
 *
 * A link type: what a record's first bytes are. The list of those that are decoded is link.def.
 */
#ifndef TCA_CAPTURE_LINK_H
#define TCA_CAPTURE_LINK_H

#include <stdbool.h>

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

#endif
