/* SPDX-License-Identifier: MIT
 *
 * Evidence: segments kept as marks. Bounded per role and side: the first ones stay, the newest takes the last
 * place.
 */
#ifndef TCA_MIRROR_EVIDENCE_H
#define TCA_MIRROR_EVIDENCE_H

#include "mirror/mirror.h"

/* The mark of a segment, with what the mirror knows before it. */
struct tca_mark tca_mark_of(const struct tca_mirror *m, const struct tca_segment *seg, int from);
/* Keep it, if it has a role. 0 or TCA_EMEMORY. */
int tca_evidence_keep(struct tca_mirror_context *ctx, struct tca_mirror *m, const struct tca_mark *mark);
/* Add roles to the mark of this frame, keeping it if it was not yet. */
int tca_evidence_add_role(struct tca_mirror_context *ctx, struct tca_mirror *m, struct tca_mark *recent,
                          uint32_t roles);

#endif
