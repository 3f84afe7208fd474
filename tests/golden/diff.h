/* SPDX-License-Identifier: MIT
 *
 * What differs between two texts, in a few lines.
 */
#ifndef TEST_GOLDEN_DIFF_H
#define TEST_GOLDEN_DIFF_H

#include "base/buf.h"

/* True if equal. Else a short unified diff of the differing middle is appended to `out`, lines ended by
 * newline. */
bool diff_texts(const char *name, const struct tca_buf *expected, const struct tca_buf *got,
                struct tca_buf *out);

#endif
