/* SPDX-License-Identifier: MIT
 *
 * The words of an ICMP error that says a destination cannot be reached.
 */
#ifndef TCA_CLASSIFY_ICMP_WORD_H
#define TCA_CLASSIFY_ICMP_WORD_H

#include "mirror/mirror.h"

/* NULL for other errors. Static text. */
const char *tca_icmp_word(uint8_t family, const struct tca_mark *mark);

#endif
