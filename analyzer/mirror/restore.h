/* SPDX-License-Identifier: MIT
 *
 * A mirror that was put away and is needed again.
 */
#ifndef TCA_MIRROR_RESTORE_H
#define TCA_MIRROR_RESTORE_H

#include "mirror/mirror.h"

/* *m is as it was, but for what it owned: its trouble (NULL: there was none) and its marks, in the order in which they were
 * kept, which are not marks of a flow that is over. 0 or TCA_EMEMORY: then it owns nothing. */
int tca_mirror_restore(struct tca_mirror_context *ctx, struct tca_mirror *m,
                       const struct tca_trouble *trouble, const struct tca_mark *const *mark, unsigned marks);

#endif
