/* SPDX-License-Identifier: MIT
 *
 * What the summary counts, counted again from the rows of the tables.
 */
#ifndef TEST_FUZZ_COUNTS_H
#define TEST_FUZZ_COUNTS_H

#include "table.h"

/* Of a finished session and its tables; stops the program where a number of the summary is another one than the rows make. Of several
 * captures of one traffic only what adds up whichever row the summary takes. */
void fuzz_require_counts(struct tca_session *session, const struct table *flows,
                         const struct table *captures);

#endif
