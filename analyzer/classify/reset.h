/* SPDX-License-Identifier: MIT
 *
 * What others ask about resets: the word for the flow's first one.
 */
#ifndef TCA_CLASSIFY_RESET_H
#define TCA_CLASSIFY_RESET_H

#include "classify/finding.h"

/* The cause of the first RST that its receiver accepted, else of the first: its rst_* id without the prefix
 * ("refused", "no_socket"). "" when no cause was found, or there is no RST. Static text. In the judgements of
 * rst_* ids frame[0] is the RST's frame. */
const char *tca_rst_cause(const struct tca_verdict *v);

/* How sure the cause of this RST is. TCA_NO: none was found, or it is that of an earlier one. */
enum tca_confidence tca_rst_sureness(const struct tca_case *c, const struct tca_mark *rst);

#endif
