/* SPDX-License-Identifier: MIT
 *
 * What somebody wrote beside the packets of a capture: kept for a ladder, by the number of the record. Of each capture the
 * first TCA_COMMENTS_MAX are kept, the others are counted.
 */
#ifndef TCA_ARTEFACT_COMMENT_H
#define TCA_ARTEFACT_COMMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { TCA_COMMENTS_MAX = 4096 };

struct tca_comment {
    uint64_t record;
    uint32_t capture;
    uint32_t text; /* where it begins, in `texts` */
};

/* All zero: none. */
struct tca_comments {
    struct tca_comment *one; /* owned; captures come one after the other, and their records rise */
    size_t count, room;
    struct tca_buf texts; /* terminated, one behind the other */
};

/* Keep one of this record; `kept` of its capture were kept before. 1: kept, 0: it is one too many, or TCA_EMEMORY. */
int tca_comments_add(struct tca_comments *all, uint32_t capture, uint64_t record, uint64_t kept,
                     const void *text, size_t len);
/* NULL: there is none. Borrowed until the next one is added. */
const char *tca_comment_of(const struct tca_comments *all, uint32_t capture, uint64_t record);
void tca_comments_done(struct tca_comments *all);

#endif
