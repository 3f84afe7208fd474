/* SPDX-License-Identifier: MIT
 *
 * Rows of one port on several addresses may be one socket, bound to the wildcard.
 */
#ifndef TCA_CLASSIFY_WILDCARD_H
#define TCA_CLASSIFY_WILDCARD_H

#include "classify/sweep/sweep.h"

/* Widen the upper bounds of the limits of listeners whose queue may have held connections to other addresses as well. After
 * the episodes of all are known, while the edges are sorted by listener. 0 or TCA_EMEMORY. */
int tca_wildcard_widen(struct tca_sweep *sweep);

#endif
